"""What routes answer, for ``/openapi.json``: those that have no types of their own, and what all have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from a2pcli.listening.documents import HTML, JSON, TEXT, Error, Gives

PROVIDERS, EVERYBODY, PEOPLE = "for providers", "for everybody", "for people, by the page"
FORM = "application/x-www-form-urlencoded"


class Told(NamedTuple):
    """What one method of a route does, for whom, its answers, and how the body comes."""

    summary: str
    tag: str
    answers: Mapping[int, Gives]
    body: Mapping[str, Any] | None = None


FIELDS = {"type": "object", "additionalProperties": {"type": "string"}}
ANYTHING: Mapping[str, Any] = {
    "description": "as the gateway's provider documents it",
    "content": {
        JSON: {"schema": {"type": ["object", "array"]}},
        FORM: {"schema": FIELDS},
        "text/xml": {"schema": {"type": "string"}},
    },
}
ONE_CLICK: Mapping[str, Any] = {
    "description": "`List-Unsubscribe=One-Click` of a mail program, or nothing",
    "content": {FORM: {"schema": FIELDS}},
}


def _text(means: str) -> Gives:
    return Gives(means, media=(TEXT,))


def _page(means: str) -> Gives:
    return Gives(means, media=(HTML,))


CALLBACK = {
    200: Gives("everything in it is in the ledger; the body is what the provider expects", media=()),
    400: _text("it cannot be read"),
    403: _text("nothing shows that the provider sent it"),
    404: _text("there is no such gateway"),
    413: _text("it is too long"),
    503: _text("it cannot be stored now; send it again"),
}
TAKES = "Take receipts and replies of a gateway's provider, which signs them or gives a secret"
CALLS = {
    "get": Told(TAKES, PROVIDERS, CALLBACK),
    "post": Told(TAKES, PROVIDERS, CALLBACK, ANYTHING),
}
CROWDED = Gives("too often; `Retry-After` says when", Error)
LINK = {
    404: _page("no such link"),
    413: _text("the body is too long"),
    429: CROWDED,
    503: Gives("not now", media=(HTML, TEXT)),
}

FIXED: Mapping[str, Mapping[str, Told]] = {
    "/callbacks/{gateway}": CALLS,
    "/callbacks/{gateway}/{secret}": CALLS,
    "/healthz": {"get": Told("Tell whether the process runs", EVERYBODY, {200: _text("it runs")})},
    "/readyz": {
        "get": Told(
            "Tell whether what arrives can be stored: the ledger can be written, its disk has room, its schema fits",
            EVERYBODY,
            {200: _text("it can"), 503: _text("it cannot, and why")},
        )
    },
    "/u/{token}": {
        "get": Told(
            "Show the page to unsubscribe; changes nothing", EVERYBODY, {200: _page("the page"), **LINK}
        ),
        "post": Told(
            "Unsubscribe, by the page or with one click (RFC 8058)",
            EVERYBODY,
            {200: _page("done, now or before"), **LINK},
            ONE_CLICK,
        ),
    },
}
"""Routes that are not for tokens and not of the page for people."""

ALWAYS = ("/callbacks/{gateway}", "/callbacks/{gateway}/{secret}", "/healthz", "/readyz")
"""Routes that every listener has."""

OF_PAGE = {
    "200": _page("the page"),
    "303": Gives("done; the page follows", media=()),
    "400": Gives("it cannot be done; the page says why", media=(HTML, TEXT)),
    "401": _page("nobody is logged in, or the token is wrong"),
    "403": _page("not sent from this page, or not for this token"),
    "409": _page("done before"),
    "413": _text("the form is too long"),
    "429": Gives("too often; `Retry-After` says when", Error, (HTML, JSON)),
    "503": Gives("not now; `Retry-After` says when", media=(HTML, TEXT)),
}
"""Answers of the page for people, by status."""
OF_EVERY_PAGE = ("413", "429", "503")

REFUSALS = {
    400: Gives("the request is wrong; `problems` says how", Error),
    401: Gives("no token, a wrong one, or a signature that does not hold", Error),
    403: Gives("the token is not for this", Error),
    409: Gives("a signed request that came before", Error),
    413: Gives("the body is too long", Error),
    429: CROWDED,
    503: Gives("not now; `Retry-After` says when", Error),
}
"""Answers that every route for tokens may give."""

WAITS = {"Retry-After": {"description": "seconds", "required": True, "schema": {"type": "integer"}}}
ALWAYS_WITH: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    429: WAITS,
    503: WAITS,
}
"""Headers of answers to programs, by status."""
