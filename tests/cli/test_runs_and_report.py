"""``runs`` and ``report`` as people call them."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "reporting"))

from clikit import Project
from reportkit import number, plan, send
from runkit import Cli
from runkit import cli as cli
from runkit import ledger as ledger
from runkit import sent as sent

from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger


def test_runs_without_a_ledger_says_what_to_do_and_makes_none(cli: Cli, tmp_path: Path) -> None:
    said = cli("runs")
    assert (said.status, said.out) == (0, "")
    assert said.err == "no runs yet: `a2pcli plan` creates one\n"
    assert not list(tmp_path.iterdir())


def test_a_ledger_that_was_named_has_to_be_there(cli: Cli) -> None:
    said = cli("runs", "--ledger", "nowhere.db")
    assert said.status == 3
    assert "no ledger here yet" in said.err


def test_runs_lists_the_newest_first(cli: Cli, ledger: Ledger, sent: Run) -> None:
    later = plan(ledger, "winter-sale", recipients=3, now=time.time_ns() // 1_000_000)
    head, first, second, *_ = cli("runs").out.splitlines()
    assert head.split() == [
        "run", "campaign", "state", "when", "recipients", "accepted", "rejected", "unknown", "left", "cost", "via",
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
    ledger.attempts.start(run, 3_000_000)
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
    ledger.runs.set_state(run, "paused", "[link=x]:smile: \x1b[31mred\x07")
    screen = cli("report").out
    assert "[bold red]sale[/]" in screen
    assert "[link=x]:smile:" in screen
    assert "\x1b" not in screen
    assert "\x07" not in screen
    assert "\x1b" not in cli("runs").out


def test_test_messages_are_told_and_not_counted(cli: Cli, ledger: Ledger, sent: Run) -> None:
    from a2pcli.messages import Outcome, Verdict

    before = cli("report", "--json").json
    ledger.runs.record_test(sent, number(1), Outcome(Verdict.ACCEPTED))
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


@pytest.mark.parametrize("command", ["runs", "report", "explain", "reconcile"])
def test_help_has_an_example(cli: Cli, command: str) -> None:
    said = cli(command, "--help")
    assert said.status == 0
    assert "Example:" in said.out


def test_runs_and_retry_name_the_gateways_that_messages_really_went_by(project: Project) -> None:
    """Of several channels, and of a route: not the run's first gateway for all of them."""
    project.write(
        "a2pcli.yaml",
        "region: GB\ngateways:\n  mail: {type: simulator}\n"
        "  first: {type: simulator, seed: a, mix: {permanent: 100%}}\n  second: {type: simulator, seed: b}\n"
        "routes: {main: {order: [first, second]}}\n",
    )
    project.write(
        "order.yaml",
        "name: order\nobjective: Tell them\npurpose: transactional\ncontacts: people.csv\nmessage: It is ready\n"
        "channels: {email: {gateway: mail, sender: a@example.org}, sms: {gateway: main, sender: ACME}}\n"
        "email: {subject: Order}\nwaive: {no-reply: a test}\n",
    )
    project.write("people.csv", "phone,email\n,p@example.org\n+447911123456,\n+447911123457,\n")
    assert project.run("send", "order.yaml", "--yes").status == 4
    for columns in ("60", "200"):
        assert "mail and route main (first, second)" in " ".join(
            project.run("runs", COLUMNS=columns).out.split()
        )
    [run] = project.run("runs", "--json").json["runs"]
    assert (run["gateway"], run["gateways"]) == ("mail", ["mail", "first", "second"])
    shown = project.run("retry", run["run"])
    assert "2 rejected by gateway first" in shown.out + shown.err
    asked = project.run("retry", run["run"], "--json", "--yes").json
    assert [one["gateways"] for one in asked["rejections"]] == [{"first": 2}]
