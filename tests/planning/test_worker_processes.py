"""Worker processes of a large plan: they end with it, however it ends, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache

import psutil
import pytest
from clikit import CAMPAIGN, Project

from a2pcli.planning.workers import SMALL

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

ROW = "079{n:08d},Some Name of Medium Length {n}\n"
MESSAGE = CAMPAIGN.replace("Hi {{ first_name }}", "{% if first_name %}Hi {{ first_name }}{% endif %}")


@cache
def many_people() -> bytes:
    """A file large enough for workers."""
    count = 8 * SMALL // len(ROW)
    return ("mobile,first_name\n" + "".join(ROW.format(n=n) for n in range(count))).encode()


def hears_ctrl_c() -> None:
    """Whoever runs these tests in the background has told it not to, and a process inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Planning:
    """A plan of a file large enough for workers, under way, with a folder of its own for temporary files."""

    def __init__(self, project: Project) -> None:
        self.project = project
        project.starter(people=many_people(), campaign=MESSAGE)
        self.temporary = project.folder / "temporary"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "a2pcli", "plan", "sale.yaml"],
            cwd=project.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            text=True,
            start_new_session=True,
            preexec_fn=hears_ctrl_c,
        )

    def wait_for(self, true: Callable[[], object]) -> None:
        while not true():
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.01)

    def wait_for_chunks(self) -> list[psutil.Process]:
        """Until the first rows are stored; gives every process that was started."""
        self.wait_for(lambda: self.stored() > 0)
        return psutil.Process(self.process.pid).children(recursive=True)

    def stored(self) -> int:
        """Rows in the ledger, of whatever plan."""
        path = self.project.folder / ".a2pcli" / "ledger.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                return int(connection.execute("SELECT coalesce(sum(rows), 0) FROM plan_chunks").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


@pytest.fixture
def planning(project: Project) -> Iterator[Planning]:
    under_way = Planning(project)
    yield under_way
    under_way.process.kill()
    under_way.process.communicate()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def until_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 60
    while left := alive(processes):
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.05)


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_while_planning_leaves_no_process_no_file_and_no_half_plan(planning: Planning, presses: int):
    started = planning.wait_for_chunks()
    assert started
    for _ in range(presses):
        os.killpg(planning.process.pid, signal.SIGINT)  # as a terminal does: to everybody in front of it
        time.sleep(0.05)
    out, err = planning.process.communicate()
    assert planning.process.returncode == 130
    assert "stopped: no plan was saved, and nothing was sent" in err
    assert "Traceback" not in err
    assert out == ""
    until_gone(started)  # the interpreter's own resource tracker ends a moment after it
    assert list(planning.temporary.iterdir()) == []
    assert planning.stored() == 0
    assert planning.project.run("runs", "--json").json["runs"] == []


def test_a_terminated_plan_takes_itself_back_too(planning: Planning):
    started = planning.wait_for_chunks()
    planning.process.terminate()
    planning.process.communicate()
    assert planning.process.returncode == 128 + signal.SIGTERM
    until_gone(started)  # the interpreter's own resource tracker ends a moment after it
    assert list(planning.temporary.iterdir()) == []
    assert planning.stored() == 0


def test_the_workers_of_a_killed_plan_go_and_the_next_plan_removes_the_half_one(planning: Planning):
    """Nobody tells them: they notice."""
    started = planning.wait_for_chunks()
    planning.process.kill()
    planning.process.communicate()
    until_gone(started)
    assert list(planning.temporary.iterdir()) == []
    assert planning.stored() > 0
    planning.project.write("people.csv", "mobile,first_name\n07911123456,Ann\n")
    assert planning.project.run("plan", "sale.yaml").status == 0
    assert planning.stored() == 1


def test_a_worker_that_dies_ends_the_plan_in_a_sentence(planning: Planning):
    started = planning.wait_for_chunks()
    worker = next(one for one in started if "spawn_main" in " ".join(one.cmdline()))
    worker.kill()
    _, err = planning.process.communicate()
    assert planning.process.returncode == 3
    assert "a planning process died" in err
    assert "Traceback" not in err
    assert list(planning.temporary.iterdir()) == []
    assert planning.stored() == 0


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(20))
def test_a_worker_that_dies_at_any_moment_leaves_nobody_waiting(planning: Planning, moment: int):
    """In the middle of a result, too: half of one must not be waited for."""
    started = planning.wait_for_chunks()
    time.sleep(moment * 0.017)
    for worker in started:
        if "spawn_main" in " ".join(worker.cmdline() if worker.is_running() else ()):
            worker.kill()
    _, err = planning.process.communicate(timeout=120)
    assert planning.process.returncode in (0, 3)  # it may have been done already
    assert "Traceback" not in err


def test_a_mistake_found_early_does_not_wait_for_workers_that_are_still_starting(project: Project):
    """They are ended, not asked: none outlives the command."""
    people = "mobile,first_name\n" + "".join(ROW.format(n=n) for n in range(2 * SMALL // len(ROW)))
    project.starter(people=people, campaign=MESSAGE)
    (project.folder / "rates.csv").unlink()
    done = project.process("plan", "sale.yaml")
    assert done.status == 3
    assert "rates.csv" in done.err
    ours = [one for one in psutil.process_iter(["cwd", "cmdline"]) if one.info["cwd"] == str(project.folder)]
    assert alive(ours) == []


def test_a_small_plan_starts_no_worker():
    from a2pcli.planning.workers import Workers

    assert Workers.for_size(SMALL - 1) is None


def test_a_worker_imports_neither_the_database_nor_the_settings_schema():
    """It would start a second later, on every plan."""
    heavy = ("sqlalchemy", "pydantic", "yaml", "typer", "rich")
    script = f"import sys, a2pcli.planning.stages; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
