"""``explain`` and ``reconcile`` as people call them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pexpect
import pytest

sys.path.append(str(Path(__file__).parents[1] / "reporting"))

from clikit import Project
from reportkit import number, plan, send
from runkit import Cli
from runkit import cli as cli
from runkit import ledger as ledger
from runkit import sent as sent

from a2pcli.gateways.outbox import OutboxGateway
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, State


def test_explain_tells_the_newest_first(cli: Cli, ledger: Ledger, sent: Run) -> None:
    later = plan(ledger, "winter-sale", recipients=3)
    out = cli("explain", number(3)).out
    assert out.index(later.id) < out.index(sent.id)
    assert "accepted by outbox as SM1, 1 part, 0.04 GBP" in out
    assert "the same number is in line 4, which was accepted" in out
    assert "not on the suppression list" in out


def test_explain_of_one_run_tells_of_no_other(cli: Cli, ledger: Ledger, sent: Run) -> None:
    later = plan(ledger, "winter-sale", recipients=3)
    out = cli("explain", number(3), "--run", later.id, "--json").json
    assert [message["run"] for message in out["messages"]] == [later.id]


def test_explain_reads_a_national_number_in_the_settings_region(cli: Cli, sent: Run, tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text("region: GB\n")
    assert cli("explain", "07700 900003", "--json").json["number"] == number(3)
    assert cli("explain", "(07700) 900003", "--region", "GB").status == 0


def test_explain_of_a_stranger_is_an_answer_too(cli: Cli, sent: Run) -> None:
    said = cli("explain", "+447700900777")
    assert said.status == 0
    assert "not in any run of this ledger" in said.out


def test_explain_without_a_ledger_answers_and_makes_none(cli: Cli, tmp_path: Path) -> None:
    assert cli("explain", "+447700900777", "--json").json["messages"] == []
    assert not list(tmp_path.iterdir())


def test_explain_of_no_number_says_why(cli: Cli, sent: Run) -> None:
    said = cli("explain", "hello")
    assert said.status == 0
    assert "no phone number, email address or chat id" in said.out


def test_explain_of_an_unknown_run_is_a_wrong_command_line(cli: Cli, sent: Run) -> None:
    assert cli("explain", number(3), "--run", "r0000000").status == 2


def test_explain_with_a_campaign_tells_what_it_would_do_now(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text("region: GB\nnumbers: {allow_fictional: yes}\n")
    (tmp_path / "people.csv").write_text("phone,name\n07700 900001,Ann\n07700 900002,\n")
    (tmp_path / "spring.yaml").write_text(
        "name: spring\nobjective: o\npurpose: marketing\ncontacts: people.csv\n"
        "message: Hi {{ name }}, reply STOP to opt out\n"
    )
    [would] = cli("explain", "07700900001", "--campaign", "spring.yaml", "--json").json["now"]["rows"]
    assert (would["sent"], would["body"]) == (True, "Hi Ann, reply STOP to opt out")
    assert (
        "line 3 would be excluded: missing-value"
        in cli("explain", number(2), "--campaign", "spring.yaml").out
    )
    assert "not in people.csv" in cli("explain", number(9), "--campaign", "spring.yaml").out


# -- reconcile --


def outbox_holds(folder: Path, run: Run, *rows: int) -> None:
    """The gateway took these messages, though its answer was lost."""

    async def write() -> None:
        gateway = OutboxGateway("outbox", {"folder": str(folder)})
        await gateway.open()
        await gateway.submit(
            [Message(id=row, reference=run.reference(row), to=number(row), body="x") for row in rows]
        )
        await gateway.close()

    asyncio.run(write())


def states_of(ledger: Ledger, run: Run) -> dict[str, int]:
    return dict(ledger.runs.totals(run).by_state)


def test_reconcile_with_nothing_unknown_has_nothing_to_do(cli: Cli, ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=2), ["accepted"] * 2)
    said = cli("reconcile", run.id)
    assert (said.status, said.out) == (
        0,
        f"run {run.id}: no unknown messages (2 accepted)\n",
    )


def test_reconcile_asks_the_gateway_and_settles_what_it_can_tell(
    cli: Cli, ledger: Ledger, tmp_path: Path
) -> None:
    """The outbox knows for sure: what is in the file was sent, what is not was not."""
    run = send(ledger, plan(ledger, recipients=4), ["accepted", "unknown", "unknown", "lost"], end=None)
    outbox_holds(tmp_path, run, 1, 2, 4)
    said = cli("reconcile", run.id, "--json")
    assert said.status == 0
    told = said.json
    assert (told["found"], told["accepted"], told["not_sent"], told["unknown"]) == (3, 2, 1, 0)
    assert states_of(ledger, run) == {"accepted": 3, "planned": 1}
    assert ledger.runs.get(run.id).state == "paused"


def test_a_run_with_nothing_left_is_finished_by_reconciling_it(
    cli: Cli, ledger: Ledger, tmp_path: Path
) -> None:
    run = send(ledger, plan(ledger, recipients=2), ["accepted", "lost"], end=None)
    outbox_holds(tmp_path, run, 1, 2)
    assert cli("reconcile", run.id).status == 0
    assert ledger.runs.get(run.id).state == "finished"


def test_what_the_gateway_has_not_got_yet_is_not_taken_for_lost(
    cli: Cli, ledger: Ledger, tmp_path: Path
) -> None:
    """The request may still be on its way: a minute must have passed since it was sent off."""
    run = plan(ledger, recipients=1)
    send(ledger, run, ["unknown"], now=time.time_ns() // 1_000_000)
    outbox_holds(tmp_path, run, 7)
    said = cli("reconcile", run.id)
    assert said.status == 4
    assert "too recent to be sure: try again in a minute" in said.out
    assert states_of(ledger, run) == {"unknown": 1}


def test_a_gateway_that_cannot_tell_leaves_it_to_the_user(cli: Cli, ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=3, gateway="console"), ["accepted", "unknown", "unknown"])
    said = cli("reconcile", run.id)
    assert said.status == 4
    assert "gateway console cannot look messages up" in said.out
    assert run.reference(2) in said.out
    assert f"a2pcli reconcile {run.id} --as not-sent" in said.out
    assert states_of(ledger, run) == {"accepted": 1, "unknown": 2}


def test_a_decision_is_recorded_with_who_made_it(
    cli: Cli, ledger: Ledger, sent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    said = cli("reconcile", sent.id, "--as", "sent", "--yes", "--json")
    assert (said.status, said.json["accepted"], said.json["by"]) == (0, 2, "ann")
    assert states_of(ledger, sent)["accepted"] == 6
    [entry] = ledger.messages.history(number(6), run=sent)
    last = entry.events[-1]
    assert (last.kind, last.code, last.detail) == ("reconciled", "accepted", "decided by ann: sent")


def test_messages_decided_as_not_sent_are_planned_again(cli: Cli, ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=2), ["accepted", "unknown"])
    said = cli("reconcile", run.id, "--as", "not-sent", "--yes")
    assert said.status == 0
    assert f"a2pcli send --plan {run.id}" in said.out
    assert states_of(ledger, run) == {"accepted": 1, "planned": 1}
    assert ledger.runs.get(run.id).state == "paused"


def test_one_message_can_be_decided_alone(cli: Cli, ledger: Ledger, sent: Run) -> None:
    said = cli("reconcile", sent.id, "--as", "sent", "--number", number(6), "--yes")
    assert said.status == 4
    assert ledger.messages.history(number(6), run=sent)[0].row["state"] == State.ACCEPTED
    assert ledger.messages.history(number(7), run=sent)[0].row["state"] == State.UNKNOWN
    assert "check the others at the provider, then decide:" in said.out, "no gateway was asked"
    missing = cli("reconcile", sent.id, "--as", "sent", "--number", number(1), "--yes")
    assert missing.status == 2
    assert "has no unknown message to" in missing.err


def test_a_number_alone_decides_nothing(cli: Cli, sent: Run) -> None:
    assert cli("reconcile", sent.id, "--number", number(6)).status == 2


def test_without_a_terminal_a_decision_wants_yes(cli: Cli, ledger: Ledger, sent: Run) -> None:
    said = cli("reconcile", sent.id, "--as", "not-sent")
    assert said.status == 6
    assert "--yes" in said.err
    assert states_of(ledger, sent)["unknown"] == 2


@pytest.mark.parametrize(("answer", "status", "unknown"), [("n", 6, 2), ("y", 0, 0)])
def test_on_a_terminal_a_decision_is_asked_for(
    cli: Cli, ledger: Ledger, sent: Run, answer: str, status: int, unknown: int
) -> None:
    words = ["-m", "a2pcli", "reconcile", sent.id, "--as", "not-sent"]
    child = pexpect.spawn(sys.executable, words, timeout=60, env={**os.environ, "COLUMNS": "100"})
    child.expect("2 unknown messages .* will get it twice")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == status
    assert states_of(ledger, sent).get("unknown", 0) == unknown


def test_a_run_that_is_being_sent_cannot_be_reconciled(cli: Cli, ledger: Ledger, sent: Run) -> None:
    with sender_lock(ledger, sent):
        assert cli("reconcile", sent.id).status == 7
        assert cli("reconcile", sent.id, "--as", "sent", "--yes").status == 7


def test_a_gateway_that_cannot_be_opened_is_exit_status_5(cli: Cli, sent: Run, tmp_path: Path) -> None:
    """Its file is a link to a folder that is not there."""
    (tmp_path / ".a2pcli" / "outbox.jsonl").symlink_to(tmp_path / "gone" / "outbox.jsonl")
    said = cli("reconcile", sent.id)
    assert said.status == 5
    assert "gateway outbox: cannot write" in said.err


def test_reconcile_of_an_unknown_run_is_a_wrong_command_line(cli: Cli, sent: Run) -> None:
    assert cli("reconcile", "r0000000").status == 2
    assert cli("reconcile", sent.id, "--as", "maybe").status == 2


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("12345", "12345  a short code: nothing can be sent to it; a STOP from it counts"),
        ("12", "12  no phone number, email address or chat id: too short to be a phone number"),
        ("ACME", "ACME  no phone number, email address or chat id: letters in the number"),
        ("@anna", "@anna  no phone number, email address or chat id: a chat id needs its network in front"),
    ],
)
def test_what_no_message_can_go_to_is_said_in_a_sentence(project: Project, asked: str, says: str) -> None:
    project.write("a2pcli.yaml", "region: GB\n")
    project.run("ledger", "create")
    assert says in project.run("explain", asked).out


def test_a_short_code_that_opted_out_is_explained(project: Project) -> None:
    project.write("a2pcli.yaml", "region: GB\n")
    project.run("ledger", "create")
    assert project.run("optout", "reply", "60777", "STOP").status == 0
    told = project.run("explain", "60777")
    assert "on the suppression list since" in told.out
    assert project.run("explain", "60777", "--json").json["suppressed"] is True
    assert project.run("explain", " ").status == 2
