"""The listener's routes as an OpenAPI document, made from the routes themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from a2pcli import __version__
from a2pcli.listening.api import Endpoint

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

PROVIDERS, EVERYBODY = "for providers", "for everybody"

Paths = dict[str, dict[str, Any]]

TEXT = {"text/plain": {"schema": {"type": "string"}}}
HTML = {"text/html": {"schema": {"type": "string"}}}
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}

FIXED: Mapping[str, Mapping[str, tuple[str, str, Mapping[str, str]]]] = {
    "/callbacks/{gateway}": {
        method: (
            "Take receipts and replies of a gateway's provider, which signs them or gives a secret",
            PROVIDERS,
            {
                "200": "everything in it is in the ledger",
                "400": "it cannot be read",
                "403": "nothing shows that the provider sent it",
                "404": "there is no such gateway",
                "413": "it is too long",
                "503": "it cannot be stored now; send it again",
            },
        )
        for method in ("get", "post")
    },
    "/healthz": {"get": ("Tell whether the process runs", EVERYBODY, {"200": "it runs"})},
    "/readyz": {
        "get": (
            "Tell whether the ledger can be reached",
            EVERYBODY,
            {"200": "it can be reached", "503": "it cannot"},
        )
    },
    "/u/{token}": {
        "get": (
            "Show the page to unsubscribe; changes nothing",
            EVERYBODY,
            {"200": "the page", "404": "no such link", "429": "too often", "503": "not now"},
        ),
        "post": (
            "Unsubscribe, by the page or with one click (RFC 8058)",
            EVERYBODY,
            {
                "200": "done, now or before",
                "404": "no such link",
                "413": "it is too long",
                "503": "not saved",
            },
        ),
    },
}
"""Routes that are not for tokens: what each method does, for whom it is, and its answers. The page at ``/`` is for
people and is left out."""
FIXED = {**FIXED, "/callbacks/{gateway}/{secret}": FIXED["/callbacks/{gateway}"]}

ALWAYS = ("/callbacks/{gateway}", "/callbacks/{gateway}/{secret}", "/healthz", "/readyz")
"""Routes that every listener has."""

REFUSALS = {
    "400": "the request is wrong; `problems` says how",
    "401": "no token, a wrong one, or a signature that does not hold",
    "403": "the token is not for this",
    "409": "a signed request that came before",
    "413": "the body is too long",
    "429": "too often; `Retry-After` says when",
    "503": "not now; `Retry-After` says when",
}


def description(routes: Iterable[BaseRoute], public_url: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes of parts, and of those that every listener has."""
    paths: Paths = {}
    there = dict.fromkeys(ALWAYS)
    there |= {getattr(route, "path", ""): getattr(route, "endpoint", None) for route in routes}
    for path, endpoint in there.items():
        if isinstance(endpoint, Endpoint):
            paths[path] = {method.lower(): _of_token(path, endpoint) for method in endpoint.methods}
        elif path in FIXED:
            paths[path] = {method: _of_others(path, *told) for method, told in FIXED[path].items()}
        if path in paths and (named := re.findall(r"\{(\w+)\}", path)):
            paths[path]["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
                for name in named
            ]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "a2pcli listen",
            "version": __version__,
            "description": "Receipts and replies of providers, and what programs may do with a token.",
        },
        "servers": [{"url": public_url}],
        "paths": dict(sorted(paths.items())),
        "components": {"securitySchemes": SECURITY, "schemas": {"Error": ERROR_SCHEMA}},
    }


SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-A2pcli-Signature",
        "description": "`v1=` and HMAC-SHA256 in hex of X-A2pcli-Timestamp, method, path with query, and body; see"
        " docs/listening.md. X-A2pcli-Token names the token.",
    },
}

ERROR_SCHEMA = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {
        "error": {"type": "string", "description": "a stable name of what is wrong"},
        "message": {"type": "string", "description": "what is wrong, in words"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {name: {"type": "string"} for name in ("code", "message", "hint")},
            },
        },
    },
}


def _of_token(path: str, endpoint: Endpoint) -> dict[str, Any]:
    said = inspect.getdoc(endpoint.answer) or ""
    summary = re.split(r"(?<=[.:;])\s", said, maxsplit=1)[0].rstrip(".:;")
    scope = f"For tokens with the scope `{endpoint.wanted}`." if endpoint.wanted else "For every token."
    found: dict[str, Any] = {
        "summary": summary or path,
        "description": scope,
        "tags": ["for programs"],
        "security": [{"bearer": []}, {"signature": []}],
        "responses": {
            "200": {"description": "done", "content": {endpoint.gives: {}}},
            **{status: {"description": text, "content": ERROR} for status, text in REFUSALS.items()},
        },
    }
    if endpoint.methods != ("GET",):
        found["requestBody"] = {"content": {"application/json": {"schema": {"type": "object"}}}}
    return found


def _of_others(path: str, summary: str, tag: str, answers: Mapping[str, str]) -> dict[str, Any]:
    content = HTML if path.startswith("/u/") else TEXT
    return {
        "summary": summary,
        "tags": [tag],
        "responses": {status: {"description": text, "content": content} for status, text in answers.items()},
    }
