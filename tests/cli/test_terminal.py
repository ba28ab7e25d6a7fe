"""The commands in a terminal, of any width, and into a pipe: what a person sees, and what a program reads."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from clikit import CAMPAIGN, PEOPLE, RATES, Project

pexpect = pytest.importorskip("pexpect")
from readykit import InTerminal  # noqa: E402

ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
QUESTION = "? [y/N] "


@contextmanager
def terminal(project: Project, *arguments: str, columns: int = 100, **environ: str) -> Iterator[Any]:
    """The command in a terminal of so many columns. ``NO_COLOR`` and ``COLUMNS`` are as the user has them."""
    ours = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    ours |= {"TERM": "xterm-256color", **environ}
    process = InTerminal(project.folder, arguments, ours, columns)
    process.transcript = []
    process.logfile_read = type("Log", (), {"write": process.transcript.append, "flush": lambda self: None})()
    try:
        yield process
    finally:
        process.close(force=True)


def ended(process: Any) -> tuple[int, str]:
    """Its exit status, and all it wrote."""
    process.expect(pexpect.EOF)
    process.close()
    return process.exitstatus, "".join(process.transcript)


def lines(written: str) -> list[str]:
    """What stood on the screen, line by line, those that were written over too."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", ESCAPE.sub("", written)) if line.strip()]


def rehearsal(project: Project, count: int = 120) -> Project:
    """A campaign through a provider that is not there and takes its time; one message in ten is refused."""
    people = "mobile,first_name\n" + "".join(f"0791112{n:04d},P{n}\n" for n in range(count))
    project.starter(people=people)
    slow = {
        "type": "simulator",
        "seed": "1",
        "latency": {"median": 0.05},
        "mix": {"permanent": "10%"},
        "rate": "80/s",
    }
    settings = {"region": "GB", "rates": "rates.csv", "gateway": "slow", "gateways": {"slow": slow}}
    project.write("a2pcli.yaml", yaml.safe_dump(settings))
    return project


@pytest.mark.parametrize("columns", [60, 100])
def test_a_campaign_is_shown_confirmed_followed_and_told(project: Project, columns: int):
    with terminal(rehearsal(project), "send", "sale.yaml", columns=columns) as process:
        process.expect("Recipients")
        process.expect_exact(f"Pass 120 messages to slow (simulated, not sent){QUESTION}")
        process.sendline("y")
        process.expect(r"\d+% \d+ of 120")
        status, written = ended(process)
    assert status == 4
    seen = lines(written)
    assert any(line.startswith("finished  run r") for line in seen)
    assert "…" not in written
    assert any(re.match(r".*100% 120 of 120 · ", line) for line in seen)
    assert any(re.match(r"Accepted +1\d\d\b", line) for line in seen)
    assert max(len(line) for line in seen if "a2pcli " not in line) <= columns
    if columns >= 80:
        assert "━" in written


def test_a_bar_says_whole_figures_or_leaves_them_away(project: Project):
    """At 40 columns there is room for little; what is there is right."""
    with terminal(rehearsal(project), "send", "sale.yaml", "--yes", columns=40) as process:
        status, written = ended(process)
    assert status == 4
    bars = [line for line in lines(written) if re.match(r" *\d+% \d", line)]
    assert bars
    assert "…" not in written
    for bar in bars:
        assert len(bar) <= 40
        assert re.fullmatch(
            r" *\d+% \d+ of 120"
            r"( · ([\d.]+/s|nothing is sent|\d+ s left|\d+ (rejected|to retry)|sim-\w+ × \d+))*",
            bar,
        ), bar


@pytest.mark.parametrize(
    ("answer", "status", "sent"),
    [("YES", 0, 3), ("", 6, 0), ("yess", 6, 0)],
)
def test_only_yes_sends(project: Project, answer: str, status: int, sent: int):
    with terminal(project.starter(), "send", "sale.yaml") as process:
        process.expect_exact(QUESTION)
        process.sendline(answer)
        found, written = ended(process)
    assert found == status
    assert len(project.outbox()) == sent
    if not sent:
        assert re.search(
            r"nothing was sent \(the plan is kept: a2pcli send sale.yaml --plan r\w{7}\)", written
        )


def test_the_end_of_input_at_the_question_is_a_no(project: Project):
    with terminal(project.starter(), "send", "sale.yaml") as process:
        process.expect_exact(QUESTION)
        process.sendeof()
        status, written = ended(process)
    assert status == 6
    assert "nothing was sent" in written
    assert project.outbox() == []


def test_ctrl_c_at_the_question_is_a_no_and_an_interruption(project: Project):
    with terminal(project.starter(), "send", "sale.yaml") as process:
        process.expect_exact(QUESTION)
        process.sendintr()
        status, written = ended(process)
    assert status == 130
    assert "nothing was sent (the plan is kept: " in written
    assert "Traceback" not in written
    assert project.outbox() == []


def test_what_was_typed_before_the_question_is_no_answer(project: Project):
    """Keys pressed while the plan is made were not meant for a question nobody had seen."""
    with terminal(project.starter(), "send", "sale.yaml") as process:
        process.send("y\ny\n")
        process.expect_exact(QUESTION)
        assert process.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=1) == 0
        process.sendline("n")
        status, _ = ended(process)
    assert status == 6
    assert project.outbox() == []


def test_json_on_a_terminal_asks_on_stderr_and_keeps_stdout_clean(project: Project):
    project.starter()
    command = f"exec {sys.executable} -m a2pcli send sale.yaml --json >result.json"
    shell = pexpect.spawn("sh", ["-c", command], cwd=str(project.folder), encoding="utf-8", timeout=60)
    shell.expect("Recipients")
    shell.expect_exact(QUESTION)
    shell.sendline("y")
    assert ended_quietly(shell) == 0
    import json

    assert json.loads((project.folder / "result.json").read_text("utf-8"))["states"]["accepted"] == 3


def ended_quietly(process: Any) -> int:
    process.expect(pexpect.EOF)
    process.close()
    return int(process.exitstatus)


def test_there_is_colour_on_a_terminal_and_none_where_it_is_not_wanted(project: Project):
    project.starter()
    with terminal(project, "plan", "sale.yaml") as process:
        assert COLOUR.search(ended(process)[1])
    with terminal(project, "plan", "sale.yaml", NO_COLOR="1") as process:
        status, written = ended(process)
    assert status == 0
    assert "\x1b" not in written


def test_a_run_without_colour_moves_the_cursor_for_its_bar_and_nothing_else(project: Project):
    with terminal(rehearsal(project, 40), "send", "sale.yaml", "--yes", NO_COLOR="1") as process:
        _, written = ended(process)
    assert not COLOUR.search(written)


def test_a_terminal_that_can_do_nothing_gets_plain_lines(project: Project):
    with terminal(rehearsal(project, 40), "send", "sale.yaml", "--yes", TERM="dumb") as process:
        _, written = ended(process)
    assert "\x1b" not in written


SCREENS = [
    ("plan", "sale.yaml"),
    ("preview", "sale.yaml", "--row", "2"),
    ("preview", "sale.yaml", "--row", "4"),
    ("check", "sale.yaml"),
    ("runs",),
    ("report",),
    ("explain", "07911123456"),
    ("gateways",),
    ("optout", "list"),
    ("contacts", "check", "people.csv"),
    ("count", "20% off – “today”: 1,234.50 for 07911 123456"),
    ("send", "sale.yaml", "--yes"),
    ("send", "sale.yaml", "--yes", "--occurrence", "again"),
    ("--help",),
    ("send", "--help"),
]


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with large figures: 2,345 rows, prices of seven digits, one run sent, an opt-out."""
    project = Project(tmp_path_factory.mktemp("lived-in"))
    people = PEOPLE + "".join(f"0740{n:07d},Name {n},gold\n" for n in range(2_339))
    project.starter(people=people, campaign=CAMPAIGN.replace("Hi {{", "Hi 1,234.50 {{"))
    project.write("rates.csv", RATES.replace("0.04", "123.4567"))
    assert project.run("send", "sale.yaml", "--yes", "--occurrence", "before").status == 0
    assert project.run("optout", "add", "07911123457", "--reason", "asked on the phone").status == 0
    return project


@pytest.mark.parametrize("columns", ["40", "80", ""])
def test_into_a_pipe_goes_plain_text_without_padding(lived_in: Project, columns: str):
    """Whatever the width; ``NO_COLOR`` is not set, the pipe alone decides."""
    for screen in SCREENS:
        done = lived_in.run(*screen, NO_COLOR="", COLUMNS=columns)
        assert done.out + done.err
        for text in (done.out, done.err):
            assert "\x1b" not in text, screen
            assert "\r" not in text, screen
            padded = [line for line in text.splitlines() if line != line.rstrip()]
            assert padded == [], screen


FIGURE = re.compile(r"\+?\d[\d,.:%/-]*\d|\d")
MOVING = ("plan", "send")


@pytest.mark.parametrize("columns", ["40", "50", "72"])
def test_no_figure_is_ever_cut(lived_in: Project, columns: str):
    """Each figure on a narrow screen is one of the wide screen's, never the half of one."""
    for screen in SCREENS:
        if screen[0] not in MOVING:
            wide = set(FIGURE.findall(lived_in.run(*screen, COLUMNS="300").out))
            narrow = FIGURE.findall(lived_in.run(*screen, COLUMNS=columns).out)
            assert [figure for figure in narrow if figure not in wide] == [], screen


@pytest.mark.parametrize("columns", ["40", "50", "72"])
def test_no_figure_of_a_plan_or_a_result_is_ever_cut(lived_in: Project, columns: str):
    for call in (("plan", "sale.yaml"), ("send", "sale.yaml", "--yes")):
        planned = lived_in.run("plan", "sale.yaml", "--occurrence", columns, "--json").json
        shown = lived_in.run(*call, "--occurrence", columns, COLUMNS=columns).out
        assert re.search(rf"^Recipients +{planned['recipients']:,}\b", shown, flags=re.M)
        assert re.search(rf"^Rows read +{planned['rows']:,}\b", shown, flags=re.M)
        assert f"{planned['cost']['GBP']} GBP" in shown
        assert len(planned["cost"]["GBP"]) >= 10
