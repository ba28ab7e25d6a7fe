"""``runs``, ``report``, ``explain`` and ``reconcile`` as people call them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

sys.path.append(str(Path(__file__).parents[1] / "reporting"))

from reportkit import number, plan, send

from a2pcli.cli.main import run as main
from a2pcli.gateways.outbox import OutboxGateway
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, State

LEFT_OUT = {
    11: ("invalid-number", None, "=1+1"),
    12: ("duplicate", number(3), None),
    13: ("holdout", number(13), None),
}


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def json(self):  # type: ignore[no-untyped-def]
        return json.loads(self.out)


Cli = Callable[..., Said]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line, in a folder whose ledger is where the default settings look for it."""
    monkeypatch.chdir(tmp_path)
    for name in ("A2PCLI_LEDGER", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / ".a2pcli").mkdir()
    with Ledger.open(str(tmp_path / ".a2pcli" / "ledger.db")) as opened:
        yield opened


@pytest.fixture
def sent(ledger: Ledger) -> Run:
    """Ten recipients in every state, three rows left out."""
    run = plan(ledger, recipients=10, excluded=LEFT_OUT)
    return send(ledger, run, ["accepted"] * 4 + ["rejected", "unknown", "unknown", "retry"], end="paused")


# -- runs --


def test_runs_without_a_ledger_says_what_to_do_and_makes_none(cli: Cli, tmp_path: Path) -> None:
    said = cli("runs")
    assert (said.status, said.out) == (0, "")
    assert said.err == "no runs yet: `a2pcli plan` creates one\n"
    assert not list(tmp_path.iterdir())


def test_a_ledger_that_was_named_has_to_be_there(cli: Cli) -> None:
    said = cli("runs", "--ledger", "nowhere.db")
    assert said.status == 3
    assert "there is no ledger here yet" in said.err


def test_runs_lists_the_newest_first(cli: Cli, ledger: Ledger, sent: Run) -> None:
    later = plan(ledger, "winter-sale", recipients=3, now=time.time_ns() // 1_000_000)
    head, first, second, *_ = cli("runs").out.splitlines()
    assert head.split() == [
        "run", "campaign", "state", "when", "recipients", "accepted", "rejected", "unknown", "left", "cost",
    ]  # fmt: skip
    assert first.split()[:3] == [later.id, "winter-sale", "planned"]
    assert second.split()[:3] == [sent.id, "spring-sale", "paused"]
    assert second.split("1970-01-01")[1].split()[:5] == ["10", "4", "1", "2", "3"]


def test_runs_says_sending_only_of_a_run_that_somebody_is_sending(cli: Cli, ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=10), ["accepted"] * 4, end=None)
    out = cli("runs").out
    assert "  stopped  " in out
    words = f"{run.id}: sending was interrupted; `a2pcli send"
    assert words in out
    assert f" --plan {run.id}` resumes it" in out
    with sender_lock(ledger, run):
        assert "  sending  " in cli("runs").out


def test_runs_keeps_one_line_a_run_in_a_pipe_and_two_on_a_narrow_terminal(
    cli: Cli, sent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(sent.id in line for line in cli("runs").out.splitlines()) == 1
    monkeypatch.setenv("COLUMNS", "50")
    lines = cli("runs").out.splitlines()
    assert lines[1].startswith("  4 of 10 accepted, 1 rejected, 2 unknown, 3 left")
    assert max(map(len, lines)) <= 50


def test_runs_as_json_is_one_document(cli: Cli, ledger: Ledger, sent: Run) -> None:
    plan(ledger, "winter-sale")
    [only] = cli("runs", "--campaign", "spring-sale", "--json").json["runs"]
    assert (only["run"], only["recipients"], only["accepted"], only["left"]) == (sent.id, 10, 4, 3)
    assert only["cost"] == {"GBP": "0.24"}
    assert len(cli("runs", "--limit", "1", "--json").json["runs"]) == 1


# -- report --


def test_report_without_a_run_says_so(cli: Cli) -> None:
    said = cli("report")
    assert (said.status, said.out) == (0, "")
    assert "no runs yet" in said.err
    assert cli("report", "--json").json == {"schema": 2, "run": None, "rows": 0}


def test_report_of_an_unknown_run_is_a_wrong_command_line(cli: Cli, sent: Run) -> None:
    said = cli("report", sent.id[:-1] + "0")
    assert said.status == 2
    assert f"did you mean {sent.id}?" in said.err


def test_the_counts_of_a_report_sum_to_the_rows(cli: Cli, sent: Run) -> None:
    document = cli("report", "--json").json
    assert document["rows"] == 13 == sum(document["states"].values())
    assert document["states"]["skipped"] == 3 == sum(document["excluded"].values())
    assert document["run"] == sent.id
    assert document["tests"] == 0


def test_the_screen_shows_every_state_reason_and_code(cli: Cli, sent: Run) -> None:
    screen = cli("report").out
    states = [line.split()[:2] for line in screen.splitlines() if re.match("[A-Z][a-z]+ +[0-9]", line)]
    assert [int(count) for _, count in states] == [4, 1, 2, 3, 3]
    for words in (
        "21211 1 the number is not valid", "timeout 2", "duplicate 1", "Rows in total 13",
        "80.0% of 5 with a known outcome", "57.1% of 7 sent to the gateway", "30.8% of 13 rows in total",
        "0.16 GBP accepted", f"a2pcli reconcile {sent.id}", f"a2pcli send --plan {sent.id}",
    ):  # fmt: skip
        assert words in " ".join(screen.split())


def test_unknown_messages_without_an_answer_are_in_the_sum_too(cli: Cli, ledger: Ledger) -> None:
    """One timed out; the other was in flight when the sender was killed, and has no code."""
    run = send(ledger, plan(ledger, recipients=3), ["unknown", "lost"], end=None)
    ledger.start_sending(run, 3_000_000)
    screen = cli("report").out
    assert re.search("^Unknown +2 ", screen, flags=re.M)
    assert re.search("^  timeout +1 ", screen, flags=re.M)
    assert re.search("^  no code +1$", screen.replace(" \n", "\n"), flags=re.M)


def test_a_report_fits_a_narrow_terminal(cli: Cli, sent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    lines = cli("report").out.splitlines()
    commands = [line for line in lines if "a2pcli" in line]  # whole, so that they can be copied
    assert max(len(line) for line in lines if line not in commands) <= 50
    assert any(line.endswith("--csv report.csv") for line in commands)
    assert any(re.match("Rows in total +13$", line.rstrip()) for line in lines)


def test_no_text_of_the_data_is_read_as_markup_or_control(cli: Cli, ledger: Ledger) -> None:
    """Names and reasons come from files and gateways."""
    run = plan(ledger, "[bold red]sale[/]", recipients=1)
    ledger.set_state(run, "paused", "[link=x]:smile: \x1b[31mred\x07")
    screen = cli("report").out
    assert "[bold red]sale[/]" in screen
    assert "[link=x]:smile:" in screen
    assert "\x1b" not in screen
    assert "\x07" not in screen
    assert "\x1b" not in cli("runs").out


def test_test_messages_are_told_and_not_counted(cli: Cli, ledger: Ledger, sent: Run) -> None:
    from a2pcli.messages import Outcome, Verdict

    before = cli("report", "--json").json
    ledger.record_test(sent, number(1), Outcome(Verdict.ACCEPTED))
    after = cli("report", "--json").json
    assert (before["tests"], after["tests"]) == (0, 1)
    assert before["states"] == after["states"]
    assert "1 test message, not counted above" in cli("report").out


def test_the_newest_started_run_is_reported_before_a_plan(cli: Cli, ledger: Ledger, sent: Run) -> None:
    plan(ledger, "winter-sale")
    assert cli("report", "--json").json["run"] == sent.id


def test_a_campaigns_name_stands_for_its_newest_run(cli: Cli, ledger: Ledger, sent: Run) -> None:
    other = plan(ledger, "winter-sale")
    assert cli("report", "winter-sale", "--json").json["run"] == other.id


@pytest.mark.parametrize("words", [("--csv",), ("--csv", "-"), ("RUN", "--csv"), ("--csv", "RUN")])
def test_csv_goes_to_stdout_and_nothing_else_does(cli: Cli, sent: Run, words: tuple[str, ...]) -> None:
    """The run may stand before or after ``--csv``."""
    said = cli("report", *(sent.id if word == "RUN" else word for word in words))
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [int(row["line"]) for row in rows] == list(range(2, 15))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(tuple("=+-@\t\r"))]


def test_rows_go_to_a_file_and_its_name_to_stderr(cli: Cli, sent: Run, tmp_path: Path) -> None:
    said = cli("report", "--csv", "rows.csv", "--state", "rejected", "--state", "unknown")
    assert (said.status, said.out, said.err) == (0, "", f"3 rows of run {sent.id} in rows.csv\n")
    rows = list(csv.DictReader((tmp_path / "rows.csv").open(encoding="utf-8-sig")))
    assert [row["state"] for row in rows] == ["rejected", "unknown", "unknown"]


def test_a_file_and_the_document_can_be_had_at_once(cli: Cli, sent: Run, tmp_path: Path) -> None:
    said = cli("report", "--out", "rows.jsonl", "--reason", "holdout", "--json")
    assert said.json["rows"] == 13
    [row] = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert json.loads(row)["number"] == number(13)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--csv", "-", "--json"), "cannot both go to stdout"),
        (("--csv", "a.csv", "--out", "b.csv"), "use only one of --csv and --out"),
        (("--state", "accepted"), "add --csv, --out, or --json --rows"),
        (("--csv", "--state", "acepted"), "did you mean accepted?"),
        (("--csv", "--reason", "dupe"), "did you mean duplicate?"),
        (("--csv", "--reason", "42"), "ragged-row, hidden-row, missing-number, invalid-number"),
        (("--out", "rows.xls"), "unknown extension"),
    ],
)
def test_a_contradiction_is_a_wrong_command_line(
    cli: Cli, sent: Run, words: tuple[str, ...], problem: str
) -> None:
    said = cli("report", *words)
    assert said.status == 2
    assert problem in said.err
    assert "\n" not in said.out.strip() or said.json["status"] == 2


def test_a_folder_that_is_not_there_is_a_clear_error(cli: Cli, sent: Run) -> None:
    said = cli("report", "--csv", "nowhere/rows.csv")
    assert said.status == 3
    assert "nowhere/rows.csv: cannot write: no such file or directory" in said.err


# -- explain --


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
    assert "cannot be messaged" in said.out


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
    return dict(ledger.totals(run).by_state)


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
    assert ledger.run(run.id).state == "paused"


def test_a_run_with_nothing_left_is_finished_by_reconciling_it(
    cli: Cli, ledger: Ledger, tmp_path: Path
) -> None:
    run = send(ledger, plan(ledger, recipients=2), ["accepted", "lost"], end=None)
    outbox_holds(tmp_path, run, 1, 2)
    assert cli("reconcile", run.id).status == 0
    assert ledger.run(run.id).state == "finished"


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
    [entry] = ledger.history(number(6), run=sent)
    last = entry.events[-1]
    assert (last.kind, last.code, last.detail) == ("reconciled", "accepted", "decided by ann: sent")


def test_messages_decided_as_not_sent_are_planned_again(cli: Cli, ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=2), ["accepted", "unknown"])
    said = cli("reconcile", run.id, "--as", "not-sent", "--yes")
    assert said.status == 0
    assert f"a2pcli send --plan {run.id}" in said.out
    assert states_of(ledger, run) == {"accepted": 1, "planned": 1}
    assert ledger.run(run.id).state == "paused"


def test_one_message_can_be_decided_alone(cli: Cli, ledger: Ledger, sent: Run) -> None:
    said = cli("reconcile", sent.id, "--as", "sent", "--number", number(6), "--yes")
    assert said.status == 4
    assert ledger.history(number(6), run=sent)[0].row["state"] == State.ACCEPTED
    assert ledger.history(number(7), run=sent)[0].row["state"] == State.UNKNOWN
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


@pytest.mark.parametrize("command", ["runs", "report", "explain", "reconcile"])
def test_help_has_an_example(cli: Cli, command: str) -> None:
    said = cli(command, "--help")
    assert said.status == 0
    assert "Example:" in said.out
