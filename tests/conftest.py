"""Fixtures for every test."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "cli"))

import certificates
import commandline
import statements
from clikit import Project
from postgreskit import running_postgres

commandline.share()
statements.share()
certificates.share()

# Hundreds of the processes that tests start import the same modules, and each would compile them again where the
# environment forbids compiled files, as many a container's does. So are the tests themselves, which
# pytest rewrites.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Ten thousand tests are a million objects that stay: to look through them for garbage again and again takes longer
# than to collect the tests.
gc.set_threshold(200_000, 20, 20)

# No deadline for an example: how long one takes says how busy the machine is, not whether the code is right.
# The examples are the same each time, so that a run says what changed in the code; `make test-slow` looks for new ones.
settings.register_profile("a2pcli", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "a2pcli"))

_HOUR, _DAY = 3600 * 10**9, 24 * 3600 * 10**9
_now = time.time_ns


def _shift_to_working_hours() -> int:
    """Nanoseconds to the nearest Wednesday, 14:00 UTC: people in Europe and most of America may be messaged then."""
    known = os.environ.get("A2PCLI_TEST_SHIFT_NS")
    if known is not None:
        return int(known)
    wednesday = _now() // (7 * _DAY) * 7 * _DAY + 6 * _DAY + 14 * _HOUR  # 1970 began on a Thursday
    return min((wednesday + week * 7 * _DAY - _now() for week in (-1, 0, 1)), key=abs)


# People are messaged by day only, and tests run at night as well: whatever a test does, in this process or in
# one that it starts, the ledger's clock begins in working hours. Nothing else is moved.
_shift = _shift_to_working_hours()
os.environ["A2PCLI_TEST_SHIFT_NS"] = str(_shift)
_midday = str(Path(__file__).parent / "midday")
if _midday not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_midday, os.environ.get("PYTHONPATH")]))
    time.time_ns = lambda: _now() + _shift


# What tests write is gone when they end, so it need not reach a disk: thousands of ledgers wait for each commit, and
# how long says what else the machine is writing. A crash of a process loses nothing of what is in memory either.
_MEMORY, _ENOUGH = Path("/dev/shm"), 2 * 2**30
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

# Journals of senders whose ledger is on a server lie in the user's state folder: not in that of who runs the tests.
if "A2PCLI_TEST_STATE" not in os.environ:
    os.environ["A2PCLI_TEST_STATE"] = tempfile.mkdtemp(prefix="a2pcli-state-")
    atexit.register(shutil.rmtree, os.environ["A2PCLI_TEST_STATE"], ignore_errors=True)
os.environ["XDG_STATE_HOME"] = os.environ["A2PCLI_TEST_STATE"]

# Whoever starts the tests in the background of a script has Ctrl-C ignored, and every process inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A PostgreSQL for all tests of one worker: to start one takes seconds."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty folder to run commands in."""
    return Project(tmp_path)


def pytest_collection_finish() -> None:
    """What was collected stays: no search for garbage looks at it again."""
    gc.freeze()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers more than there are processors: some tests wait for a provider, a database or a process."""
    return (os.cpu_count() or 1) + 2
