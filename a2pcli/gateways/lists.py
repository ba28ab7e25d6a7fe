"""The lists that providers keep of what they sent and received, read page by page.

A provider is pure functions here too (``ListsMessages``); ``pages`` asks for one page after the other, waits where the
provider says so, and tries again where nothing is lost by it: reading a list changes nothing. Only Telegram forgets
what was asked for the page after, so a page is stored before the next one is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import urljoin, urlsplit

from a2pcli.dataclass import dataclass
from a2pcli.errors import GatewayUnusable
from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.engine.protocol import Engine, MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.statuses import retry_after, sentence

if TYPE_CHECKING:
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.gateways.callbacks import Reply

TRIES = 6
"""How often a page is asked for before the pull ends with an error."""

LONGEST_WAIT = 900.0
"""Seconds that a provider may ask to wait; a pull that would have to wait longer ends."""

TOLD = 5.0
"""Seconds from which a wait is told."""

MOST_PAGES = 100_000

LARGEST_PAGE = 64_000_000
"""Bytes of an answer."""


class Listed(StrEnum):
    """What a list holds."""

    RECEIPTS = "receipts"
    REPLIES = "replies"


@dataclass(frozen=True, slots=True)
class Span:
    """What to list: from ``since`` to ``until`` (UTC milliseconds); after ``mark``, the provider's own position where
    the last pull ended, if its list has positions."""

    since: int
    until: int
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list. ``next`` is what asks for the page after, None on the last; ``mark`` is the provider's own
    position after this page."""

    receipts: tuple[Receipt, ...] = ()
    replies: tuple[Reply, ...] = ()
    next: str | None = None
    mark: str | None = None


@runtime_checkable
class ListsMessages(Protocol):
    """A provider that lists what it sent (``Listed.RECEIPTS``) or received (``Listed.REPLIES``)."""

    lists: ClassVar[frozenset[Listed]]

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Return the request for a page: the first, or the one that the page before named as its ``next``."""
        ...

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page in an answer with status 200. Raises ``ValueError`` with a sentence."""
        ...


@runtime_checkable
class ListsItself(Protocol):
    """A gateway without HTTP that lists."""

    lists: frozenset[Listed]

    async def listed(self, listed: Listed, span: Span, page: str | None) -> ListPage:
        """Return a page. Raises ``ValueError`` with a sentence."""
        ...


def list_engine() -> Engine:
    """Return an engine for lists, whose answers are longer than those to messages. Called within an event loop."""
    from a2pcli.gateways.engine.httpx_engine import HttpxEngine

    return HttpxEngine(2, largest=LARGEST_PAGE)


def lists_of(gateway: Any) -> frozenset[Listed]:
    """Return what a gateway, or its provider, can list."""
    for one in (gateway, getattr(gateway, "provider", None)):
        if isinstance(one, ListsItself | ListsMessages):
            return one.lists
    return frozenset()


async def pages(
    gateway: Any,
    listed: Listed,
    span: Span,
    engine: Engine,
    tell: Callable[[str], None] = lambda _sentence: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[ListPage, None]:
    """Yield the pages of a gateway's list. Raises ``GatewayUnusable`` where one cannot be read."""
    asking = _Asking(engine, tell, sleep)
    seen: set[str | None] = set()
    page: str | None = None
    while page not in seen and len(seen) < MOST_PAGES:  # a list that comes back to a page would never end
        seen.add(page)
        found = await _page(gateway, listed, span, page, asking)
        yield found
        if found.next is None:
            return
        page = found.next
    raise GatewayUnusable(f"gateway {gateway.name}: its list of {listed} does not end")


async def _page(gateway: Any, listed: Listed, span: Span, page: str | None, asking: _Asking) -> ListPage:
    try:
        if isinstance(gateway, ListsItself):
            return await gateway.listed(listed, span, page)
        provider: ListsMessages = gateway.provider
        request = provider.list_request(listed, span, page)
        return provider.read_list(listed, span, page, await asking.answer(gateway.name, request))
    except (Unsendable, ValueError) as error:
        raise GatewayUnusable(f"gateway {gateway.name}: its list of {listed}: {error}") from None


class _Asking:
    """Asks for pages, and again where that may help."""

    def __init__(
        self, engine: Engine, tell: Callable[[str], None], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._engine, self._tell, self._sleep = engine, tell, sleep

    async def answer(self, name: str, request: HttpRequest) -> HttpResponse:
        """Return an answer with status 200. Raises ``ValueError`` with a sentence if there is none."""
        why = ""
        for attempt in range(TRIES):
            wait = min(2.0**attempt, 30.0)
            try:
                response = await self._engine.send(request)
            except (NotSent, MaybeSent) as error:
                why = error.detail
            else:
                if response.status == 200:
                    return _whole(response)
                why = sentence(response.status)
                wait = _wait(response, why, wait)
            if attempt + 1 < TRIES:
                if wait >= TOLD:
                    self._tell(f"{name}: {why}; trying again in {wait:,.0f} s")
                await self._sleep(wait)
        raise ValueError(why)


def _whole(response: HttpResponse) -> HttpResponse:
    if len(response.body) >= LARGEST_PAGE:
        raise ValueError("a page is too large to be read")
    return response


def _wait(response: HttpResponse, why: str, otherwise: float) -> float:
    """Return the seconds until the request can be repeated. Raises ``ValueError`` if that would not help."""
    if response.status != 429 and response.status < 500:
        raise ValueError(why)
    asked = retry_after(response.headers)
    if asked is not None and asked > LONGEST_WAIT:
        raise ValueError(f"the provider asks to wait {asked:,.0f} seconds: try again then")
    return otherwise if asked is None else max(asked, 0.5)


def utc(moment: int, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Return UTC milliseconds as text."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime(form)


def items(data: object, name: str) -> list[Mapping[str, Any]]:
    """Return the objects in a list of an answer. Raises ``ValueError`` if the answer has no such list."""
    found = data.get(name) if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise ValueError(f"the answer has no list '{name}'")
    return [one for one in found if isinstance(one, dict)]


def joined(found: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the receipts or replies of several items as one tuple."""
    return tuple(one for some in found for one in some)


def next_url(base: str, url: object) -> str | None:
    """Return a page's URL, if it is on the API's own host: credentials are sent nowhere else. Raises ``ValueError``
    if it is not."""
    if not isinstance(url, str) or not url:
        return None
    try:
        parts, own = urlsplit(urljoin(base + "/", url)), urlsplit(base)
    except ValueError:
        raise ValueError("the next page has no URL that can be read") from None
    if (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
        raise ValueError("the next page is on another host")
    return parts.geturl()
