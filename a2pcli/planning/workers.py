"""Worker processes for large files. They start while the caller is still importing and opening things.

``spawn``, not ``fork``: an open SQLite connection must not cross a fork (sqlite.org/howtocorrupt.html, 2.6),
and Arrow has threads. Their start costs about half a second of a core that would be idle anyway.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from a2pcli.errors import LedgerError

if TYPE_CHECKING:
    import pandas as pd

    from a2pcli.planning.job import Compiled, Job

SMALL = 4_000_000
"""Bytes of contacts below which a worker costs more than it saves (about 60,000 rows)."""


class Workers:
    """A pool that plans chunks, at most two a worker ahead of whoever takes them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._job_file: str | None = None
        self._pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_start)
        self._pool.submit(_import_everything)

    @classmethod
    def for_size(cls, size: int | None) -> Workers | None:
        """Workers for a contacts file of ``size`` bytes (None: unknown); None where one process does it sooner."""
        if size is not None and size < SMALL:
            return None
        return cls(max(1, (os.cpu_count() or 1) - 1))

    def map(self, chunks: Iterable[pd.DataFrame], job: Job) -> Iterator[pd.DataFrame]:
        """The planned chunks, in order. Memory stays bounded: no chunk is read before there is room for it."""
        with tempfile.NamedTemporaryFile(prefix="a2pcli-job-", delete=False) as file:
            self._job_file = file.name
            pickle.dump(job, file, protocol=5)
        ahead: deque[Future[pd.DataFrame]] = deque()
        try:
            for chunk in chunks:
                ahead.append(self._pool.submit(_plan_chunk, file.name, chunk))
                if len(ahead) > 2 * self.count:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        except BrokenProcessPool as error:
            raise LedgerError(
                "a planning process died, most likely for want of memory; nothing was sent"
            ) from error

    def close(self) -> None:
        """Stop the processes; work under way is thrown away.

        Not asked but ended: this process would wait, at its own end, for a chunk or an import under way.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            process.terminate()
        if self._job_file is not None:
            Path(self._job_file).unlink(missing_ok=True)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


_opened: list[str] = []
"""The job files this process has read."""


def _end_with_parent() -> None:
    """A parent that was killed cannot stop its workers, and they would wait for its next chunk for ever: each
    holds both ends of the queue, so they never see it close."""
    parent = parent_process()
    if parent is None:
        return
    parent.join()
    for job_file in _opened:
        Path(job_file).unlink(missing_ok=True)
    os._exit(1)


def _import_everything() -> None:
    import a2pcli.planning.stages  # noqa: F401

    gc.freeze()


@lru_cache(maxsize=1)
def _compiled(job_file: str) -> Compiled:
    from a2pcli.planning.job import Compiled

    _opened.append(job_file)
    with Path(job_file).open("rb") as file:
        return Compiled(pickle.load(file))  # our own file, written a moment ago with mode 0600


def _plan_chunk(job_file: str, chunk: Any) -> Any:
    from a2pcli.planning.stages import run_stages

    return run_stages(chunk, _compiled(job_file))
