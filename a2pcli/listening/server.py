"""Runs the listener until it is told to stop, and then finishes what was accepted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import uvicorn

from a2pcli.actions.readiness import is_of_ledger
from a2pcli.errors import A2PError, LedgerError, Problem, UsageError
from a2pcli.listening.app import Callbacks, make_app
from a2pcli.listening.certificates import Certificates
from a2pcli.listening.fresh import keep_fresh
from a2pcli.listening.notices import EVERY, Notices
from a2pcli.listening.ready import Ready
from a2pcli.listening.storing import Storing
from a2pcli.listening.wire import BoundedHttp

if TYPE_CHECKING:
    from a2pcli.actions.callback_doors import Doors
    from a2pcli.actions.heard import HeardStore
    from a2pcli.listening.listener import Listener, Part
    from a2pcli.listening.observing import Observer

MATCHES_EVERY, MATCHES_FOR_LESS_THAN = 2.0, 30
"""Seconds between two searches for the messages of receipts; at least this multiple of how long one takes."""

STOPS_WITHIN = 30
"""Seconds that requests may take that were accepted before the stop."""

MOST_CONNECTIONS = 4_000

BEGINS_AGAIN = 5.0
"""Seconds after which work in the background begins again that an error has ended."""

STOPPED = "a part of the listener ended by an error and begins again"
NOT_STORED = "not stored, requests are answered with 503"
NOT_MATCHED = "receipts could not be matched to their messages, which is tried again"


def bound(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises ``UsageError`` if there cannot be one."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except socket.gaierror:
        hint = "127.0.0.1 for this machine alone, 0.0.0.0 for all networks"
        raise UsageError(Problem(f"--host {host}: no such address here", hint=hint)) from None
    except OSError as error:
        raise _cannot_listen(error, host, port) from None


def _cannot_listen(error: OSError, host: str, port: int) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        hint = "stop that one, or choose another with --port"
        return UsageError(Problem(f"port {port} is in use by another program", hint=hint, code="port-in-use"))
    if error.errno == errno.EACCES:
        hint = "choose one from 1024 on, behind a reverse proxy (docs/listening.md)"
        return UsageError(Problem(f"this user may not open port {port}", hint=hint, code="port-refused"))
    if error.errno == errno.EADDRNOTAVAIL:
        hint = "127.0.0.1 for this machine alone, 0.0.0.0 for all networks"
        return UsageError(Problem(f"--host {host}: no such address here", hint=hint))
    return UsageError(Problem(f"cannot listen on {host} port {port}", code="port"))


def serve(
    listening: socket.socket,
    doors: Doors,
    listener: Listener,
    parts: Sequence[Part],
    tell: Callable[[str], None],
    started: Callable[[], None],
    *observers: Observer,
) -> None:
    """Serve until SIGTERM or Ctrl-C; return when all that was accepted is stored and answered. SIGHUP reads the tokens
    again."""
    asyncio.run(_serve(listening, doors, listener, parts, tell, started, observers))


async def _serve(
    listening: socket.socket,
    doors: Doors,
    listener: Listener,
    parts: Sequence[Part],
    tell: Callable[[str], None],
    started: Callable[[], None],
    observers: Sequence[Observer],
) -> None:
    notices, store = listener.notices, listener.store
    others = ThreadPoolExecutor(1, thread_name_prefix="matching")
    probes = ThreadPoolExecutor(1, thread_name_prefix="ready")
    ready = Ready(store.why_not_ready, tell, probes)

    def not_stored(error: BaseException) -> None:
        notices.note(f"{NOT_STORED}: {_why(error)}")
        ready.failed(was_told=True)

    loop = asyncio.get_running_loop()

    def troubled(error: LedgerError) -> None:
        if is_of_ledger(error):
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(ready.failed)

    store.ledger.troubled = troubled
    storing = Storing(store.keep, not_stored)
    certificates = Certificates(listener.settings.folder / listener.settings.settings.listen.certificates)
    for door in doors.doors.values():
        door.certificates = certificates.known
    callbacks = Callbacks(
        doors.doors,
        doors.broken,
        storing,
        notices,
        listener.prefix,
        listener.bodies,
        listener.gate.caller_address,
        certificates,
    )
    server = _Server(_config(make_app(callbacks, ready, parts, listener.public_url, *observers)))
    storing.start()
    reread = asyncio.Event()
    background = [
        asyncio.create_task(_match(store, others, notices)),
        asyncio.create_task(_sum_up(notices)),
        asyncio.create_task(kept_up(ready.watch, notices)),
        asyncio.create_task(kept_up(lambda: keep_fresh(listener, reread, tell), notices)),
        *(asyncio.create_task(kept_up(work, notices)) for part in parts for work in part.background),
    ]
    with _signals(server, tell, reread):
        started()
        try:
            await server.serve(sockets=[listening])
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await storing.close()
            listener.workers.close()
            for close in (part.close for part in parts if part.close is not None):
                close()
            others.shutdown()
            probes.shutdown()
            with contextlib.suppress(LedgerError):
                store.settle()
            notices.sum_up()


def _config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # URLs hold secrets and numbers
        server_header=False,
        proxy_headers=False,  # the public URL is in the settings
        timeout_keep_alive=65,  # longer than proxies keep theirs
        timeout_graceful_shutdown=STOPS_WITHIN,
        limit_concurrency=_most_connections(),
    )


def _most_connections() -> int:
    """How many connections are served; further ones are answered with 503. The ledger and the log need files too."""
    try:
        import resource
    except ModuleNotFoundError:
        return MOST_CONNECTIONS
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (
        MOST_CONNECTIONS if files == resource.RLIM_INFINITY else max(50, min(MOST_CONNECTIONS, files - 100))
    )


class _Server(uvicorn.Server):
    """A server whose signals are ours: its own would end the process by the signal, not with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _signals(server: uvicorn.Server, tell: Callable[[str], None], reread: asyncio.Event) -> Iterator[None]:
    """While this is on, the first signal stops the server gracefully, and the second at once; SIGHUP sets
    ``reread``."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if server.should_exit:
            server.force_exit = True
            return
        server.should_exit = True
        tell("stopping: requests that were accepted are finished")

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reread.set}
    before = [signal.getsignal(number) for number in handlers]
    for number, handle in handlers.items():
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number, handler in zip(handlers, before, strict=True):
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def _match(store: HeardStore, thread: ThreadPoolExecutor, notices: Notices) -> None:
    """Now and then find the messages of receipts that have none yet."""
    loop = asyncio.get_running_loop()
    while True:
        began = time.monotonic()
        try:
            await loop.run_in_executor(thread, store.settle)
        except Exception as error:
            notices.note(f"{NOT_MATCHED}: {_why(error)}")
        await asyncio.sleep(max(MATCHES_EVERY, MATCHES_FOR_LESS_THAN * (time.monotonic() - began)))


async def kept_up(work: Callable[[], Coroutine[Any, Any, None]], notices: Notices) -> None:
    """Do work that lasts until the stop; if an error ends it, tell of that and begin again after a pause."""
    while True:
        try:
            await work()
            return
        except Exception as error:
            notices.note(f"{STOPPED}: {_why(error)}")
        await asyncio.sleep(BEGINS_AGAIN)


async def _sum_up(notices: Notices) -> None:
    while True:
        await asyncio.sleep(EVERY)
        notices.sum_up()


def _why(error: BaseException) -> str:
    """What went wrong, without the data of a request."""
    return str(error.problems[0]) if isinstance(error, A2PError) else type(error).__name__
