"""Every exit code through the real entry point. What cron and scripts rely on must not move."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import readykit
import yaml
from clikit import CAMPAIGN, Project

SENDING = Path(__file__).parents[1] / "sending"
if str(SENDING) not in sys.path:
    sys.path.insert(0, str(SENDING))

from loopback import Loopback, Reply, gateway_block  # noqa: E402

from a2pcli import __version__  # noqa: E402
from a2pcli.errors import ExitStatus  # noqa: E402
from a2pcli.sending.options import BreakerOptions, SendOptions  # noqa: E402

Test = TypeVar("Test", bound=Callable[..., Any])
PINNED: set[ExitStatus] = set()


def pins(status: ExitStatus) -> Callable[[Test], Test]:
    """Marks the test that holds an exit status in place."""
    PINNED.add(status)
    return lambda test: test


PEOPLE = "mobile,first_name\n" + "".join(f"0791112{n:04d},P{n}\n" for n in range(60))


def with_gateway(project: Project, block: dict[str, Any], people: str = PEOPLE) -> Project:
    """The starter, sending through the gateway that the block describes."""
    project.starter(people=people)
    settings = {"region": "GB", "gateway": "provider", "gateways": {"provider": block}}
    project.write("a2pcli.yaml", yaml.safe_dump(settings))
    return project


@contextmanager
def started(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process under way, killed in the end if it still is."""
    process = readykit.begin(
        *arguments,
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"},
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not true():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@pins(ExitStatus.OK)
def test_0_when_everything_was_done(project: Project):
    assert project.starter().process("send", "sale.yaml", "--yes").status == 0
    assert len(project.outbox()) == 3


def test_0_when_messages_wait_for_their_hour(project: Project):
    project.starter(campaign=CAMPAIGN + "schedule: {not_before: 2999-01-01 09:00}\n")
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert project.outbox() == []


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours, with a secret and a number in hand."""

    def fails(*_given: object) -> None:
        raise ZeroDivisionError("token s3cr3t of +447911123456")

    monkeypatch.setattr("a2pcli.actions.count.describe", fails)


@pins(ExitStatus.INTERNAL)
@pytest.mark.usefixtures("defect")
def test_1_a_defect_asks_in_a_line_to_be_reported_and_gives_nothing_away(project: Project):
    done = project.run("count", "hello")
    assert done.status == 1
    assert re.fullmatch(
        r"this is a bug in a2pcli, please report it: ZeroDivisionError at count\.py:\d+"
        r" \(A2PCLI_DEBUG=1 shows more\)\n",
        done.err,
    )
    assert done.out == ""


@pytest.mark.usefixtures("defect")
def test_the_traceback_of_a_defect_is_there_for_who_asks(project: Project):
    done = project.run("count", "hello", A2PCLI_DEBUG="1")
    assert done.status == 1
    assert "Traceback" in done.err
    assert "please report it" in done.err


@pins(ExitStatus.USAGE)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sned", "x.yaml"), "Did you mean 'send'?"),
        (("run", "x.yaml"), "Did you mean 'a2pcli send'?"),
        (("sale.yaml",), "Did you mean 'a2pcli plan sale.yaml'?"),
        (("people.csv",), "Did you mean 'a2pcli contacts check people.csv'?"),
        (("plan", "sale.yaml", "--ot", "x.csv"), "--out"),
        (("plan", "sale.yaml", "--limit", "ten"), "Invalid value for '--limit': not a number"),
        (("plan", "sale.yaml", "--limit", "0"), "Invalid value for '--limit': must be 1 or more"),
        (("gateways", "tset"), "Did you mean 'test'?"),
        (("plan",), "Missing argument 'CAMPAIGN'"),
    ],
)
def test_2_what_is_mistyped_is_named_with_what_was_meant(project: Project, arguments, said):
    done = project.starter().run(*arguments)
    assert done.status == 2
    assert said in done.err
    assert done.out == ""


@pins(ExitStatus.INVALID)
def test_3_a_wrong_file_is_told_at_its_place(project: Project):
    project.starter(campaign=CAMPAIGN.replace("message:", "mesage:"))
    done = project.run("send", "sale.yaml", "--yes")
    assert done.status == 3
    assert re.search(r"^sale.yaml:5:1: .*message", done.err, flags=re.M)


@pins(ExitStatus.FINISHED_WITH_FAILURES)
def test_4_when_the_provider_rejected_some(project: Project):
    def answer(receipt: Any, n: int) -> Reply:
        return Reply(400, {"error": "no such number"}) if n % 10 == 3 else Reply(body={"id": f"m{n}"})

    with Loopback(answer) as provider:
        with_gateway(project, gateway_block(provider.port))
        sent = project.run("send", "sale.yaml", "--yes", "--json")
        assert sent.status == 4
        assert sent.json["states"] == {"accepted": 54, "rejected": 6}
        again = project.run("send", "sale.yaml", "--yes")
    assert again.status == 4  # nothing to send, and six do not have it
    assert "6 rejected" in again.err
    assert len(provider.received) == 60


def test_4_when_some_are_unknown(project: Project):
    with_gateway(project, {"type": "simulator", "seed": "4", "mix": {"unknown": "100%"}, "latency": {}})
    project.write("people.csv", "mobile,first_name\n07911123456,Ann\n")
    sent = project.run("send", "sale.yaml", "--yes", "--json")
    assert sent.status == 4
    assert sent.json["states"] == {"unknown": 1}
    assert project.run("reconcile", "spring-sale").status == 4


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds, instead of half a minute, for a gateway that is down."""
    shorter = partial(SendOptions, breaker=BreakerOptions(waits=(0.01, 0.02)))
    monkeypatch.setattr("a2pcli.actions.send_options.SendOptions", shorter)


@pins(ExitStatus.GATEWAY)
def test_5_nobody_answers_so_everything_stays_planned_until_somebody_does(project: Project, monkeypatch):
    impatient(monkeypatch)
    with Loopback() as provider:
        provider.stop()
        with_gateway(project, gateway_block(provider.port))
        paused = project.run("send", "sale.yaml", "--yes", "--json")
        assert paused.status == 5
        assert paused.json["state"] == paused.json["ended"] == "paused"
        assert paused.json["states"] == {"planned": 60}
        assert "is not available" in paused.json["reason"]
        provider.start()
        later = project.run("send", "sale.yaml", "--yes", "--json")
    assert later.status == 0
    assert later.json["run"] == paused.json["run"]
    assert later.json["states"] == {"accepted": 60}
    assert max(Counter(provider.numbers).values()) == 1


@pytest.mark.slow
def test_5_as_a_process_and_with_all_the_patience_there_is(project: Project):
    with Loopback() as provider:
        provider.stop()
        with_gateway(project, gateway_block(provider.port))
        assert project.process("send", "sale.yaml", "--yes").status == 5
        provider.start()
        assert project.process("send", "sale.yaml", "--yes").status == 0
    assert sorted(Counter(provider.numbers).values()) == [1] * 60


def test_5_when_the_provider_refuses_the_account(project: Project):
    with Loopback(lambda _receipt, _n: Reply(401, {"error": "who are you"})) as provider:
        with_gateway(project, gateway_block(provider.port))
        sent = project.run("send", "sale.yaml", "--yes", "--json")
    assert sent.status == 5
    assert sent.json["states"] == {"planned": 60}


@pins(ExitStatus.REFUSED)
def test_6_when_nobody_can_be_asked(project: Project):
    done = project.starter().run("send", "sale.yaml")
    assert done.status == 6
    assert "--yes" in done.err
    assert project.outbox() == []


def test_6_when_the_plan_costs_more_than_the_budget(project: Project):
    assert project.starter().run("send", "sale.yaml", "--yes", "--max-cost", "0.11 GBP").status == 6
    assert project.run("plan", "sale.yaml", "--max-cost", "0.11 GBP").status == 6
    assert project.outbox() == []


@pins(ExitStatus.BUSY)
def test_7_when_another_process_sends_the_run(project: Project):
    second_is_done = threading.Event()

    def answer(_receipt: Any, n: int) -> Reply:
        return Reply(body={"id": f"m{n}"}, after=0.0 if second_is_done.is_set() else 2.0)

    with Loopback(answer) as provider:
        with_gateway(project, gateway_block(provider.port))
        with started(project, "send", "sale.yaml", "--yes", "--concurrency", "2") as first:
            until(lambda: provider.received, first)
            second = project.run("send", "sale.yaml", "--yes")
            second_is_done.set()
            first.communicate()
    assert first.returncode == 0
    assert second.status == 7
    assert "process" in second.err
    assert max(Counter(provider.numbers).values()) == 1


@pins(ExitStatus.INTERRUPTED)
def test_130_for_ctrl_c_while_messages_leave(project: Project):
    stopped = threading.Event()

    def answer(_receipt: Any, n: int) -> Reply:
        return Reply(body={"id": f"m{n}"}, after=0.0 if stopped.is_set() else 0.2)

    with Loopback(answer) as provider:
        with_gateway(project, gateway_block(provider.port))
        with started(project, "send", "sale.yaml", "--yes", "--concurrency", "2") as process:
            until(lambda: len(provider.received) >= 2, process)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
        stopped.set()
        assert process.returncode == 130
        assert "a2pcli send sale.yaml --plan" in out
        assert "Traceback" not in err
        assert project.run("send", "sale.yaml", "--yes").status == 0
    assert sorted(Counter(provider.numbers).values()) == [1] * 60


@pins(ExitStatus.OUTPUT_CLOSED)
def test_141_when_nobody_reads_the_output_any_more(project: Project):
    project.starter().run("plan", "sale.yaml")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "a2pcli", "report", "--csv", "-"],
            cwd=project.folder,
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""


@pins(ExitStatus.LEDGER_UNAVAILABLE)
def test_a_ledger_that_cannot_be_used_right_now_is_8(project: Project) -> None:
    """A full disk, a ledger that is locked or whose server is down: the same command may be run again."""
    project.starter()
    ran = project.process("runs", A2PCLI_LEDGER="postgresql://ann@127.0.0.1:1/campaigns")
    assert ran.status == 8


def test_every_exit_code_is_pinned_above():
    assert set(ExitStatus) == PINNED


def test_the_version_and_the_plan_name_the_time_zone_data_they_use(project: Project):
    from a2pcli.timezones import ZONE_DATA

    version = project.run("--version")
    assert version.status == 0
    assert version.out == f"a2pcli {__version__}\ntime zone data {ZONE_DATA}\n"
    plan = project.starter().run("plan", "sale.yaml")
    assert f"time zone data {ZONE_DATA}" in plan.out
