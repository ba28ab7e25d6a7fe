"""The listener's routes as an OpenAPI document, made from the routes themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import is_typeddict

from a2pcli import __version__
from a2pcli.listening.api import Endpoint
from a2pcli.listening.described import (
    ALWAYS,
    ALWAYS_WITH,
    EVERYBODY,
    FIXED,
    FORM,
    OF_EVERY_PAGE,
    OF_PAGE,
    PEOPLE,
    REFUSALS,
    Told,
)
from a2pcli.listening.documents import JSON, REFERENCE, Gives, schemas_of
from a2pcli.listening.forms import Answers
from a2pcli.listening.web import Asset

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

Paths = dict[str, dict[str, Any]]


def description(routes: Iterable[BaseRoute], public_url: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes of parts, and of those that every listener has."""
    paths: Paths = {}
    there = dict.fromkeys(ALWAYS)
    there |= {getattr(route, "path", ""): getattr(route, "endpoint", None) for route in routes}
    schemas = Schemas()
    for path, endpoint in there.items():
        found = _operations(path, endpoint, schemas)
        if not found:
            continue
        paths[path] = found
        if named := re.findall(r"\{(\w+)\}", path):
            in_path = {"in": "path", "required": True}
            schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
            found["parameters"] = [{"name": name, **in_path, "schema": schema} for name in named]
            for method in [one for one in found if one != "parameters"]:
                found[method]["responses"].setdefault("404", {"description": "there is no such path"})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "a2pcli listen",
            "version": __version__,
            "description": "Receipts and replies of providers, and what programs may do with a token.",
        },
        "servers": [{"url": public_url}],
        "paths": dict(sorted(paths.items())),
        "components": {"securitySchemes": SECURITY, "schemas": schemas.found},
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


class Schemas:
    """Schemas of documents, collected by name as they are used."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def of(self, *types: Any) -> dict[str, Any]:
        """Return the schema of a document that is one of these types; named types are referred to."""
        each = [self._of(one) for one in types]
        return each[0] if len(each) == 1 else {"anyOf": each}

    def _of(self, one: Any) -> dict[str, Any]:
        made, more = schemas_of({"": one})
        self.found |= more
        if not is_typeddict(one):
            return dict(made[""])
        self.found.setdefault(one.__name__, made[""])
        return {"$ref": REFERENCE.format(model=one.__name__)}


def _operations(path: str, endpoint: Any, schemas: Schemas) -> dict[str, Any]:
    """The operations of a route by method; none of a route that is not described."""
    if isinstance(endpoint, Endpoint):
        return {method.lower(): _of_token(path, method, endpoint, schemas) for method in endpoint.methods}
    if isinstance(endpoint, Answers):
        return {
            method.lower(): _of_page(path, method, endpoint, schemas)
            for method in endpoint.methods
            if method != "HEAD"
        }
    if isinstance(endpoint, Asset):
        told = Told("Give a file of the pages", EVERYBODY, {200: Gives("the file", media=(endpoint.media,))})
        return {"get": _of_others(told, schemas)}
    return {method: _of_others(told, schemas) for method, told in FIXED.get(path, {}).items()}


def _summary(answer: Any) -> str:
    said = inspect.getdoc(answer) or ""
    return re.split(r"(?<=[.:;])\s", said, maxsplit=1)[0].rstrip(".:;")


def _of_token(path: str, method: str, endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    scope = f"For tokens with the scope `{endpoint.wanted}`." if endpoint.wanted else "For every token."
    answers: dict[int, list[Gives]] = {status: [gives] for status, gives in REFUSALS.items()}
    for status, gives in endpoint.answers.items():
        answers.setdefault(status, []).append(gives)
    found: dict[str, Any] = {
        "summary": _summary(endpoint.answer) or path,
        "description": scope,
        "tags": ["for programs"],
        "security": [{"bearer": []}, {"signature": []}],
        "responses": {
            str(status): _response(status, gives, schemas) for status, gives in sorted(answers.items())
        },
    }
    if method != "GET":
        content = {JSON: {"schema": schemas.of(endpoint.takes)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _of_page(path: str, method: str, endpoint: Answers, schemas: Schemas) -> dict[str, Any]:
    answers = {int(status): OF_PAGE[status] for status in sorted({*endpoint.more, *OF_EVERY_PAGE})}
    body = None
    if endpoint.takes is not None:
        body = {"content": {FORM: {"schema": schemas.of(endpoint.takes)}}}
    return _of_others(Told(_summary(endpoint.answer) or path, PEOPLE, answers, body), schemas)


def _of_others(told: Told, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": told.summary,
        "tags": [told.tag],
        "responses": {
            str(status): _response(status, [gives], schemas, is_for_programs=False)
            for status, gives in told.answers.items()
        },
    }
    if told.body is not None:
        found["requestBody"] = dict(told.body)
    return found


def _response(
    status: int, several: Sequence[Gives], schemas: Schemas, *, is_for_programs: bool = True
) -> dict[str, Any]:
    """The answers of one status, for one reason or another."""
    types = [one.holds for one in several if one.holds is not None]
    media = dict.fromkeys(kind for one in several for kind in one.media)
    found: dict[str, Any] = {"description": "; or: ".join(one.means for one in several)}
    if media:
        found["content"] = {
            kind: {"schema": schemas.of(*types) if kind == JSON else {"type": "string"}} for kind in media
        }
    if is_for_programs and status in ALWAYS_WITH:
        found["headers"] = dict(ALWAYS_WITH[status])
    return found
