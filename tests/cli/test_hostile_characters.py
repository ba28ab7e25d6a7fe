"""No terminal obeys what a contact file, a campaign or a command line says, on whatever way it is shown."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from clikit import CAMPAIGN, SETTINGS, Project
from hypothesis import given
from hypothesis import strategies as st
from test_terminal import ESCAPE, ended, terminal

from a2pcli.visible import control, json_text, shown, unseen, without_controls

UNSEEN, CONTROL = unseen(), control()

EVIL = "\x1b[31m\x9b2J\u202a\u202b\u202e\u2066\u2067\u2069\u200f\u2028\u180e\ufeff\ue000\x07\x7f"
PEOPLE = (
    f"mobile;first_name;note{EVIL}\n"
    f"07911123456;Ann{EVIL};{EVIL}\n"
    f"0791{EVIL};Bob;x\n"
    f"07911123458;Cy{EVIL};{EVIL}\n"
)
HOSTILE = CAMPAIGN.replace("objective:", 'objective: "x\\e[31m\\u202e\\u009b" #', 1)

COMMANDS = {
    "check": ["check", "sale.yaml"],
    "check as JSON": ["check", "sale.yaml", "--json"],
    "plan": ["plan", "other.yaml"],
    "plan as JSON": ["plan", "sale.yaml", "--json"],
    "preview": ["preview", "other.yaml"],
    "preview as JSON": ["preview", "other.yaml", "--json"],
    "send": ["send", "sale.yaml", "--yes"],
    "a test": ["send", "sale.yaml", "--test-to", "+447911123456", "--yes"],
    "report": ["report", "spring-sale"],
    "report as JSON": ["report", "spring-sale", "--json"],
    "runs": ["runs", "--all"],
    "explain": ["explain", "+447911123456"],
    "explain as JSON": ["explain", "+447911123456", "--json"],
    "explain nothing": ["explain", f"0791{EVIL}"],
    "contacts check": ["contacts", "check", "people.csv", "--region", "GB"],
    "contacts check as JSON": ["contacts", "check", "people.csv", "--region", "GB", "--json"],
    "count": ["count", f"Hi{EVIL}"],
    "count as JSON": ["count", f"Hi{EVIL}", "--json"],
    "optout add": ["optout", "add", "+447911123457", "--reason", f"said{EVIL}so"],
    "optout list": ["optout", "list"],
    "optout list as JSON": ["optout", "list", "--json"],
    "optout import": ["optout", "import", "people.csv"],
    "optout reply": ["optout", "reply", "+447911123457", f"STOP{EVIL}"],
    "consent import": ["consent", "import", "people.csv"],
    "people export": ["people", "export", "+447911123456"],
    "audit": ["audit", "list"],
    "a file that is not there": ["plan", f"no{EVIL}.yaml"],
    "a command that is not there": [f"pl{EVIL}an"],
    "an option that is not there": ["plan", f"--x{EVIL}"],
    "a broken campaign": ["check", "broken.yaml"],
    "an unknown key": ["check", "unknown.yaml"],
    "gateways": ["gateways"],
    "a gateway": ["gateways", "test", f"x{EVIL}"],
    "a run": ["report", f"r{EVIL}"],
    "cancel": ["cancel", f"r{EVIL}"],
}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which everything that a person writes is hostile, with a run."""
    project = Project(tmp_path_factory.mktemp("hostile")).starter(campaign=HOSTILE, people=PEOPLE)
    project.write("other.yaml", HOSTILE.replace("spring-sale", "other-sale"))
    project.write("broken.yaml", f'name: "a\n  b: {EVIL[3:]}: [\n')
    project.write("unknown.yaml", CAMPAIGN + '"x\\e[31m\\u202e": 1\n')
    project.write(
        "a2pcli.yaml", SETTINGS + 'gateways: {"evil\\e[31m\\u202e": {type: console, "k\\u009b": 1}}\n'
    )
    project.run("plan", "sale.yaml")
    project.write("a2pcli.yaml", SETTINGS)
    assert project.run("send", "sale.yaml", "--yes").status in (0, 4)
    return project


@pytest.mark.parametrize("case", list(COMMANDS))
def test_nothing_is_shown_that_a_terminal_obeys(used: Project, case: str) -> None:
    ran = used.run(*COMMANDS[case])
    assert UNSEEN.findall(ran.out + ran.err) == []
    assert "defect of a2pcli" not in ran.err
    assert ran.out + ran.err


def test_the_starter_campaign_holds_what_is_looked_for(used: Project) -> None:
    """Else the tests above would prove nothing."""
    sent = used.run("report", "spring-sale", "--json")
    assert "\\u202e" in sent.out
    assert "\x1b" in json.loads(used.run("people", "export", "+447911123456").out)["messages"][0]["body"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "spring-sale", "--csv", "-"],
        ["optout", "export", "-"],
        ["explain", "+447911123456"],
        ["contacts", "check", "people.csv", "--region", "GB"],
    ],
)
def test_a_real_terminal_gets_none_of_it(used: Project, arguments: list[str]) -> None:
    used.run("optout", "add", "+447911123459", "--reason", f"said{EVIL}so")
    with terminal(used, *arguments, NO_COLOR="1") as process:
        status, written = ended(process)
    assert status in (0, 3), written
    assert len(written) > 50
    assert [found for found in UNSEEN.findall(ESCAPE.sub("", written)) if found != "\r"] == []
    assert re.findall("\x1b\\[31m|\x9b", written) == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_files_for_programs_hold_no_controls(used: Project, name: str) -> None:
    path = used.folder / name
    assert used.run("report", "spring-sale", "--csv" if name.endswith("csv") else "--out", name).status == 0
    text = path.read_bytes().decode("utf-8-sig")
    assert [found for found in CONTROL.findall(text) if found != "\r"] == []
    assert used.run("optout", "export", "list.csv").status == 0
    assert [
        one for one in CONTROL.findall((used.folder / "list.csv").read_text("utf-8-sig")) if one != "\r"
    ] == []


def test_json_keeps_the_data(used: Project) -> None:
    held = used.run("people", "export", "+447911123456").json
    assert "\u202e" in held["messages"][0]["body"]


# The set of characters


def test_the_set_is_complete_by_category() -> None:
    every = [chr(code) for code in range(0x110000)]
    bad = [one for one in every if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")]
    missed = {one for one in bad if not UNSEEN.fullmatch(one)}
    seen_though_a_format = {"\u0600", "\u06dd", "\u070f", "\u0890", "\u08e2", "\U000110bd", "\U00013430"}
    assert {"\n", "\t"} | seen_though_a_format <= missed
    assert len(missed) == 24
    letters = [one for one in every if unicodedata.category(one)[0] in "LMNPS"]
    assert [one for one in letters if UNSEEN.fullmatch(one)] == []


STAYS = [
    "family \U0001f469\u200d\U0001f469\u200d\U0001f467",
    "می\u200cخواهم",
    "ක්\u200dෂ",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "❤️\u200d🔥",
    "a\tb\nc",
    "Zoë ñ 漢字 \u0301",
]


@pytest.mark.parametrize("text", STAYS)
def test_what_people_write_stays(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Anna\u200c", "Anna\ufffd"),
        ("a\u200db", "a\ufffdb"),
        ("x\U000e0041", "x\ufffd"),
        ("\x1b[2J", "␛[2J"),
        ("\x9b2J", "\ufffd2J"),
        ("a\rb", "a␍b"),
    ],
)
def test_what_hides_is_seen(text: str, seen: str) -> None:
    assert shown(text) == seen


@given(st.text())
def test_shown_leaves_nothing_hidden_and_json_keeps_everything(text: str) -> None:
    kept = set("\u200c\u200d") | {chr(code) for code in range(0xE0020, 0xE0080)}
    assert set(UNSEEN.findall(shown(text))) <= kept
    assert json.loads(json_text(json.dumps(text, ensure_ascii=False))) == text
    assert set(CONTROL.findall(without_controls(text))) <= {"\r"}
