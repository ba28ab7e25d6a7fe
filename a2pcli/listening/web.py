"""Pages for people: templates with escaped values, and headers by which a browser loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
"""Headers of every page: nothing from other places, nothing inline, in no frame, in no cache and no search engine."""

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("a2pcli.listening", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> Response:
    """A page made from the template ``pages/NAME.html``."""
    text = _environment().get_template(f"{name}.html").render(values)
    return Response(text, status, {**SAFE, **(headers or {})}, media_type="text/html")


class Asset:
    """A style sheet, script or picture of ours; ``media`` is its type."""

    def __init__(self, name: str) -> None:
        content = files("a2pcli.listening").joinpath("pages", name).read_bytes()
        kept = {**SAFE, "Cache-Control": "max-age=300"}
        self.media = TYPES[name.rpartition(".")[2]]
        self._response = Response(content, 200, kept, media_type=self.media)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._response(scope, receive, send)
