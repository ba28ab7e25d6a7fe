"""Worker processes for large files. They start while the caller is still importing and opening things.

``spawn``, not ``fork``: an open SQLite connection must not cross a fork (sqlite.org/howtocorrupt.html, 2.6),
and Arrow has threads. Their start costs about half a second of a core that would be idle anyway.

Not ``ProcessPoolExecutor``: there all processes share one queue for results and each holds both of its ends. A
worker killed in the middle of a result then leaves a caller that waits for the other half for ever, and workers
of a killed caller wait for ever for its next chunk. Here each worker has a pipe of its own, whose ends are held by
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
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import TYPE_CHECKING

from a2pcli.errors import LedgerError

if TYPE_CHECKING:
    import pandas as pd

    from a2pcli.planning.job import Job

    Task = tuple[pd.DataFrame, Future[pd.DataFrame]]
    """A chunk, and what it will become."""

SMALL = 4_000_000
"""Bytes of contacts below which a worker costs more than it saves (about 60,000 rows)."""

AT_ONCE = 2
"""Chunks a worker has at a time: one it works on, one it finds ready afterwards."""


class Workers:
    """Processes that plan chunks, at most two a worker ahead of whoever takes them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        with _deaf_to_ctrl_c():
            self._workers = [_Worker(self._tasks) for _ in range(count)]

    @classmethod
    def for_size(cls, size: int | None) -> Workers | None:
        """Workers for a contacts file of ``size`` bytes (None: unknown); None where one process does it sooner."""
        if size is not None and size < SMALL:
            return None
        return cls(max(1, (os.cpu_count() or 1) - 1))

    def map(self, chunks: Iterable[pd.DataFrame], job: Job) -> Iterator[pd.DataFrame]:
        """The planned chunks, in order. Memory stays bounded: no chunk is read before there is room for it."""
        packed = pickle.dumps(job, protocol=5)
        for worker in self._workers:
            worker.begin(packed)
        ahead: deque[Future[pd.DataFrame]] = deque()
        for chunk in chunks:
            ahead.append(self._submit(chunk))
            if len(ahead) > AT_ONCE * self.count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _submit(self, chunk: pd.DataFrame) -> Future[pd.DataFrame]:
        planned: Future[pd.DataFrame] = Future()
        self._tasks.put((chunk, planned))
        if any(worker.died for worker in self._workers):
            _fail(self._tasks, _died())
        return planned

    def close(self) -> None:
        """End the processes at once; work under way is thrown away."""
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
    """Processes started meanwhile never hear Ctrl-C: it is the parent's to handle. What is pressed just now
    reaches the parent a moment later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it is started with the first process, and would undo what follows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """One process, and the thread that brings it chunks and takes what became of them."""

    def __init__(self, tasks: queue.SimpleQueue[Task | None]) -> None:
        context = get_context("spawn")
        self._tasks = tasks
        self._pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.died = False
        self._thread: threading.Thread | None = None

    def begin(self, job: bytes) -> None:
        """Take chunks from now on."""
        self._thread = threading.Thread(target=self._serve, args=(job,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for the process and the thread, which were told to end."""
        self.process.join()
        while self._thread is not None and self._thread.is_alive():
            self._tasks.put(None)  # another thread may have taken the one that was meant for this
            self._thread.join(0.1)
        self._pipe.close()

    def _serve(self, job: bytes) -> None:
        given: deque[Future[pd.DataFrame]] = deque()
        try:
            self._pipe.send_bytes(job)
            while True:
                task = self._next(wait=not given) if len(given) < AT_ONCE else None
                if task is not None:
                    given.append(task[1])
                    self._pipe.send(task[0])
                elif given:
                    answer = self._pipe.recv()
                    _settle(given.popleft(), answer)
                else:
                    return
        except (EOFError, OSError):
            self.died = True
            _fail(self._tasks, _died(), given)
        except Exception as error:  # a result that cannot be unpacked, for want of memory
            self.died = True
            _fail(self._tasks, error, given)

    def _next(self, *, wait: bool) -> Task | None:
        with suppress(queue.Empty):
            return self._tasks.get(wait)
        return None


def _settle(planned: Future[pd.DataFrame], answer: tuple[pd.DataFrame | None, Exception | None]) -> None:
    frame, error = answer
    if error is not None:
        planned.set_exception(error)
    elif frame is not None:
        planned.set_result(frame)


def _died() -> LedgerError:
    return LedgerError("a planning process died, most likely for want of memory; nothing was sent")


def _fail(
    tasks: queue.SimpleQueue[Task | None], error: Exception, given: Iterable[Future[pd.DataFrame]] = ()
) -> None:
    """Nobody may wait for what nobody works on."""
    for planned in given:
        planned.set_exception(error)
    with suppress(queue.Empty):
        while True:
            task = tasks.get_nowait()
            if task is not None:
                task[1].set_exception(error)


def _work(pipe: Connection) -> None:
    """What a worker process does: first it is sent the job, then chunks; it ends when nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import a2pcli.planning.stages  # noqa: F401 - while the parent is still opening files

    gc.freeze()
    with suppress(EOFError, OSError):
        job: Job = pickle.loads(pipe.recv_bytes())
        chunks: queue.SimpleQueue[pd.DataFrame] = queue.SimpleQueue()
        threading.Thread(target=_receive, args=(pipe, chunks), daemon=True).start()
        _plan(pipe, job, chunks)


def _receive(pipe: Connection, chunks: queue.SimpleQueue[pd.DataFrame]) -> None:
    """Takes chunks in while others are worked on: the parent never waits to get rid of one."""
    while True:
        try:
            chunks.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(1)  # the parent is gone, whatever is being worked on


def _plan(pipe: Connection, job: Job, chunks: queue.SimpleQueue[pd.DataFrame]) -> None:
    from a2pcli.planning.job import Compiled
    from a2pcli.planning.stages import run_stages

    compiled: Compiled | None = None
    while True:
        chunk = chunks.get()
        try:
            compiled = compiled or Compiled(job)
            answer = pickle.dumps((run_stages(chunk, compiled), None), protocol=5)
        except Exception as error:
            answer = _packed(error)
        pipe.send_bytes(answer)
        del chunk, answer


def _packed(error: Exception) -> bytes:
    error.add_note("".join(traceback.format_exception(error)))  # for A2PCLI_DEBUG
    try:
        return pickle.dumps((None, error))
    except Exception:  # an error that holds what cannot be sent
        return pickle.dumps((None, RuntimeError(type(error).__name__)))
