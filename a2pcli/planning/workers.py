"""Worker processes for large files. They start while the caller is still importing and opening things.

``spawn``, not ``fork``: an open SQLite connection must not cross a fork (sqlite.org/howtocorrupt.html, 2.6),
and Arrow has threads. Their start costs about half a second of a core that would be idle anyway.

Not ``ProcessPoolExecutor``: there all processes share one queue for results and each holds both of its ends. A
worker killed in the middle of a result then leaves a caller that waits for the other half for ever, and workers
of a killed caller wait for ever for its next piece. Here each worker has a pipe of its own, whose ends are held by
nobody else: either side sees at once that the other is gone.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from a2pcli.errors import LedgerError
from a2pcli.planning.message_pipe import MessagePipe

if TYPE_CHECKING:  # small plans need none of it
    from concurrent.futures import Future
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from a2pcli.contacts.rows import Piece
    from a2pcli.planning.spec import CompiledSpec, PlanSpec
    from a2pcli.planning.tasks import ChunkTask, PlannedPiece

    Task = tuple[Piece, Future[PlannedPiece]]
    """A piece of the contacts file, and the future of its planned rows."""

SMALL = 4_000_000
"""Size of contacts in bytes below which a worker costs more than it saves (about 60,000 rows)."""
SMALL_EMAILS = 300_000
"""The same for contacts who get HTML emails (about 5,000): each takes 0.2 ms, a hundred times as long as a text."""

AT_ONCE = 2
"""Chunks that a worker has at a time: one in work and the next."""


class Workers:
    """Processes that plan pieces of a file, at most two per worker ahead of the consumer."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._compiling: tuple[PlanSpec, ...] = ()
        # NumPy would start a thread per core for linear algebra, which is not used: 1% of a plan (measured).
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        with _deaf_to_ctrl_c():
            self._workers = [_Worker(self._tasks) for _ in range(count)]

    @classmethod
    def for_size(cls, size: int | None, *, emails: bool = False) -> Workers | None:
        """Start workers for a contacts file of ``size`` bytes (None: unknown); return None if one process is faster.

        ``emails``: each row becomes an HTML email, which leaves the caller so little to do that there is a worker for
        each processor.
        """
        if size is not None and size < (SMALL_EMAILS if emails else SMALL):
            return None
        return cls(max(1, (os.cpu_count() or 1) - (not emails)))

    def compile(self, specs: tuple[PlanSpec, ...]) -> None:
        """Let the processes compile a plan's specs, one for each channel, while the caller has other things to do
        before it reads pieces."""
        self._compiling = specs
        for worker in self._workers:
            worker.compile(specs)

    def map(self, pieces: Iterable[Piece], work: ChunkTask) -> Iterator[PlannedPiece]:
        """Yield the planned pieces in order. Pieces are read only as there is room, so memory stays bounded."""
        if [*map(id, self._compiling)] != [*map(id, work.specs)]:
            self.compile(work.specs)
        for worker in self._workers:
            worker.begin(replace(work, specs=()))
        ahead: deque[Future[PlannedPiece]] = deque()
        for piece in pieces:
            ahead.append(self._submit(piece))
            if len(ahead) > AT_ONCE * self.count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _submit(self, piece: Piece) -> Future[PlannedPiece]:
        from concurrent.futures import Future

        planned: Future[PlannedPiece] = Future()
        self._tasks.put((piece, planned))
        if any(worker.died for worker in self._workers):
            _fail(self._tasks, _died())
        return planned

    def close(self) -> None:
        """End the processes at once and discard their work."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.end()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in this context ignore Ctrl-C, which the parent handles. A Ctrl-C pressed meanwhile reaches
    the parent afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it starts with the first process and would undo the signal mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """One process, and the thread that sends it pieces and receives results."""

    def __init__(self, tasks: queue.SimpleQueue[Task | None]) -> None:
        from multiprocessing import get_context

        context = get_context("spawn")
        self._tasks = tasks
        ours, theirs = context.Pipe()
        self._pipe = MessagePipe(ours)
        self.process: BaseProcess = context.Process(target=_work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.died = False
        self._threads: list[threading.Thread] = []

    def compile(self, specs: tuple[PlanSpec, ...]) -> None:
        """Send the process specs to compile."""
        self._start(self._send, specs)

    def begin(self, work: ChunkTask) -> None:
        """Start the thread that serves the process, which was sent the specs."""
        self._start(self._serve, work, *self._threads)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def end(self) -> None:
        """Wait for the process and the threads, which were told to end."""
        self.process.join()
        for thread in self._threads:
            while thread.is_alive():
                self._tasks.put(None)  # another thread may have taken the one meant for this
                thread.join(0.1)
        self._pipe.close()

    def _send(self, specs: tuple[PlanSpec, ...]) -> None:
        with suppress(OSError):  # the thread that sends pieces notices it too, and says so
            self._pipe.send(specs)

    def _serve(self, work: ChunkTask, *before: threading.Thread) -> None:
        given: deque[Future[PlannedPiece]] = deque()
        try:
            for thread in before:
                thread.join()
            self._pipe.send(work)
            while True:
                task = self._next(wait=not given) if len(given) < AT_ONCE else None
                if task is not None:
                    given.append(task[1])
                    self._pipe.send(task[0])
                elif given:
                    answer = self._pipe.receive()
                    _settle(given.popleft(), answer)
                else:
                    return
        except (EOFError, OSError):
            self.died = True
            _fail(self._tasks, _died(), given)
        except Exception as error:  # a result that cannot be unpickled for lack of memory
            self.died = True
            _fail(self._tasks, error, given)

    def _next(self, *, wait: bool) -> Task | None:
        with suppress(queue.Empty):
            return self._tasks.get(wait)
        return None


def _settle(planned: Future[PlannedPiece], answer: tuple[PlannedPiece | None, Exception | None]) -> None:
    made, error = answer
    if error is not None:
        planned.set_exception(error)
    elif made is not None:
        planned.set_result(made)


def _died() -> LedgerError:
    return LedgerError("a planning process died, most likely out of memory; nothing was sent")


def _fail(
    tasks: queue.SimpleQueue[Task | None], error: Exception, given: Iterable[Future[PlannedPiece]] = ()
) -> None:
    """Fail the given tasks and all queued ones, so that no consumer waits forever."""
    for planned in given:
        planned.set_exception(error)
    with suppress(queue.Empty):
        while True:
            task = tasks.get_nowait()
            if task is not None:
                task[1].set_exception(error)


def _work(connection: Connection) -> None:
    """Run in a worker process: receive the specs, the task, then pieces; end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import a2pcli.planning.tasks  # noqa: F401 - while the parent is still opening files

    gc.freeze()
    pipe = MessagePipe(connection)
    with suppress(EOFError, OSError):
        compiled, failed = _compiled(pipe.receive())
        work: ChunkTask = pipe.receive()
        pieces: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        threading.Thread(target=_receive, args=(pipe, pieces), daemon=True).start()
        while True:
            piece = pieces.get()
            if compiled is None:
                pipe.send((None, failed))
            else:
                _plan(pipe, work, compiled, piece)
            del piece


def _compiled(specs: tuple[PlanSpec, ...]) -> tuple[list[CompiledSpec] | None, Exception | None]:
    from a2pcli.planning.spec import CompiledSpec

    try:
        return [CompiledSpec(one) for one in specs], None
    except Exception as error:
        return None, _sendable(error)


def _receive(pipe: MessagePipe, pieces: queue.SimpleQueue[Piece]) -> None:
    """Receive pieces while others are planned, so that the parent never waits to send one."""
    while True:
        try:
            pieces.put(pipe.receive())
        except (EOFError, OSError):
            os._exit(1)  # the parent is gone, so any work is useless


def _plan(pipe: MessagePipe, work: ChunkTask, compiled: list[CompiledSpec], piece: Piece) -> None:
    answer: tuple[PlannedPiece | None, Exception | None]
    try:
        answer = work.planned(piece, compiled), None
    except Exception as error:
        answer = None, _sendable(error)
    pipe.send(answer)


def _sendable(error: Exception) -> Exception:
    error.add_note("".join(traceback.format_exception(error)))  # for A2PCLI_DEBUG
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # the error holds something that cannot be pickled
        return RuntimeError(type(error).__name__)
    return error
