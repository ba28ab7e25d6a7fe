"""A lock on an open file, held by the operating system: it ends with the process, however that ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_POLL = 0.002

if sys.platform == "win32":
    import msvcrt

    # Windows locks bytes, not files; one far past the end excludes writers without hiding the data.
    _BYTE = 2**40

    def _try_lock(descriptor: int, shared: bool) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def locked(descriptor: int, timeout: float, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock on an open file. Raises ``TimeoutError`` (an ``OSError``) after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            _try_lock(descriptor, shared)
            break
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise
            if time.monotonic() >= deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock") from None
        time.sleep(_POLL)
    try:
        yield
    finally:
        _unlock(descriptor)
