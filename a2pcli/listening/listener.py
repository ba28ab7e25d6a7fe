"""What the parts of the listener share, and how they are found.

A part is a module in ``listening/parts/`` with a function ``part(listener)`` that returns its routes, or None if the
settings do not ask for it. A new part needs no change anywhere else.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from a2pcli.dataclass import dataclass
from a2pcli.listening import parts
from a2pcli.listening.bodies import Bodies
from a2pcli.listening.gate import Gate
from a2pcli.listening.notices import Notices
from a2pcli.listening.tokens import Tokens

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from a2pcli.actions.heard import HeardStore
    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings
    from a2pcli.listening.fresh import Reread
    from a2pcli.listening.observing import Observer

Found = TypeVar("Found")

WORKERS, MOST_WAITING = 4, 400
"""Threads that work on requests of the parts, and how many requests may wait for one."""


ANSWERS_WITHIN = 25.0
"""Seconds that the work on a request may take before it is answered with 503; what was begun is finished."""


class Busy(Exception):
    """More requests wait than may wait, or the work on this one takes long: it may come again later."""


class Workers:
    """Runs functions that use the ledger on threads of their own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="work")
        self._waiting = 0

    async def run(self, work: Callable[..., Found], *arguments: Any) -> Found:
        """Return what the function returns. Raises ``Busy``, and what the function raises."""
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        running.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(running), ANSWERS_WITHIN)
        except TimeoutError:
            raise Busy from None

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # nobody may wait for it any more

    def close(self) -> None:
        """Wait for what is running."""
        self._threads.shutdown()


@dataclass(frozen=True, slots=True)
class Listener:
    """What a part may use. ``store.ledger`` is the open ledger; any thread may use it. ``public_url`` is how the
    listener is reached from outside, without a slash at its end; ``routes`` are those of all parts, once all are
    made."""

    project: Project
    settings: LoadedSettings
    store: HeardStore
    public_url: str
    gate: Gate
    notices: Notices
    bodies: Bodies = field(default_factory=Bodies)
    workers: Workers = field(default_factory=Workers)
    routes: list[BaseRoute] = field(default_factory=list)
    rereads: list[Reread] = field(default_factory=list)
    """Files of the parts that are read again when they change."""

    @property
    def prefix(self) -> str:
        """The path of the public URL: proxies may leave it in front."""
        return urlsplit(self.public_url).path.rstrip("/")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the listener. ``lines`` are shown when it starts; ``background`` runs from then until the stop;
    ``close`` is called when the last request is answered, before the ledger is closed, and ``observe`` after each
    request."""

    routes: Sequence[BaseRoute]
    lines: Sequence[str] = ()
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    close: Callable[[], None] | None = None
    observe: Observer | None = None


def make_listener(
    project: Project,
    settings: LoadedSettings,
    store: HeardStore,
    public_url: str,
    tell: Callable[[str], None],
) -> Listener:
    """Return what the parts share. Raises ``InvalidInput`` for tokens that are wrong."""
    notices = Notices(tell)
    prefix = urlsplit(public_url).path.rstrip("/")
    gate = Gate(Tokens(settings), settings.settings.listen, prefix, notices)
    return Listener(project, settings, store, public_url, gate, notices)


def parts_of(listener: Listener) -> list[Part]:
    """The parts that the settings ask for, in the order of their modules' names."""
    found = [made for make in _makers() if (made := make(listener)) is not None]
    listener.routes.extend(route for one in found for route in one.routes)
    return found


def _makers() -> Iterator[Callable[[Listener], Part | None]]:
    for found in sorted(pkgutil.iter_modules(parts.__path__), key=lambda one: one.name):
        module = importlib.import_module(f"{parts.__name__}.{found.name}")
        if hasattr(module, "part"):
            yield module.part
