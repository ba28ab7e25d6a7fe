"""What is said about broken campaign and settings files: every message pinned, whole, with its place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.errors import ExitStatus, InvalidInput

HERE = Path(__file__).parent

CAMPAIGN = """\
name: spring-sale
objective: Gold customers try the spring collection
purpose: marketing
contacts: people.csv
"""


def cases(file: str) -> Iterator[object]:
    """(text, problems) for each case of the file."""
    for case in (HERE / file).read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, rest = case.split("\n", 1)
        text, problems = re.split(r"^-->\n", rest, maxsplit=1, flags=re.MULTILINE)
        yield pytest.param(text, problems.strip().split("\n"), id=name)


def problems_of(text: str | bytes, file: str = "campaign.yaml") -> list[str]:
    Path(file).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput) as caught:
        load_campaign(Path(file)) if file == "campaign.yaml" else load_settings(Path(file))
    assert caught.value.exit_status is ExitStatus.INVALID
    return [str(problem) for problem in caught.value.problems]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("text", "problems"), list(cases("broken_campaigns.txt")))
def test_a_broken_campaign_is_told_with_every_problem_in_file_order(text: str, problems: list[str]) -> None:
    assert problems_of(text) == problems


@pytest.mark.parametrize(("text", "problems"), list(cases("broken_settings.txt")))
def test_broken_settings_are_told_with_every_problem_in_file_order(text: str, problems: list[str]) -> None:
    assert problems_of(text, "a2pcli.yaml") == problems


TOO_DEEP = "nested more than 20 levels deep"
TAB = "a tab where YAML needs spaces (indent with spaces)"
NOT_UTF8 = "is not UTF-8 (save the file as UTF-8)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("\tname: spring\n", f"1:1: {TAB}", id="tab-at-the-start"),
        pytest.param("contacts:\n\tfile: people.csv\n", f"2:1: {TAB}", id="tab-as-indentation"),
        pytest.param("\n \n\n", "1:1: the file is empty", id="only-blank-lines"),
        pytest.param(b"\xef\xbb\xbf", "1:1: the file is empty", id="only-a-byte-order-mark"),
        pytest.param("x: " + "[" * 30 + "]" * 30, f"1:23: {TOO_DEEP}", id="nested-lists"),
        pytest.param("x: " + "[" * 100_000, f"1:23: {TOO_DEEP}", id="nested-beyond-any-stack"),
        pytest.param("".join(" " * i + "k:\n" for i in range(30)), f"21:21: {TOO_DEEP}", id="nested-keys"),
        pytest.param("- " * 30 + "x", f"1:41: {TOO_DEEP}", id="nested-items"),
        pytest.param(b"name: Zo\xeb\n", f"1:9: byte 0xEB {NOT_UTF8}", id="windows-1252"),
        pytest.param(b"name: a\nobjective: it\x92s\n", f"2:14: byte 0x92 {NOT_UTF8}", id="curly-quote-1252"),
        pytest.param("name: a\n".encode("utf-16"), "1:1: saved as UTF-16 (save it as UTF-8)", id="utf-16"),
        pytest.param("a: \0", "1:4: the invisible character U+0000 is not allowed here (remove it)", id="nul"),
        pytest.param(
            "name: a\nobjective: \x1b[31mred\n",
            "2:12: the invisible character U+001B is not allowed here (remove it)",
            id="terminal-escape",
        ),
        pytest.param(
            "message: |\n  Hi\u2028there\n",
            "2:5: the invisible character U+2028 is not allowed here (remove it)",
            id="line-separator",
        ),
        pytest.param(
            b"PK\x03\x04\x14\x00\x06\x00",
            "1:3: the invisible character U+0003 is not allowed here (remove it)",
            id="workbook",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_no_yaml_is_told_at_its_place(text: str | bytes, problem: str) -> None:
    assert problems_of(text) == [f"campaign.yaml:{problem}"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"limits: {{parts: {'9' * 5000}}}", "5:17: 'parts' is too large a number"),
        ('message: "   "', "5:10: 'message' is empty"),
        ("message: |\n   \n", "5:10: 'message' is empty"),
    ],
    ids=["huge-number", "blank-message", "blank-block"],
)
def test_a_strange_value_is_told_at_its_place(line: str, problem: str) -> None:
    message = "" if line.startswith("message") else "\nmessage: Hi\n"
    assert problems_of(f"{CAMPAIGN}{line}{message}") == [f"campaign.yaml:{problem}"]


def test_a_long_wrong_value_is_cut_short_in_the_message() -> None:
    (problem,) = problems_of(CAMPAIGN.replace("marketing", "x" * 5000) + "message: Hi\n")
    assert len(problem) < 200


def test_a_file_of_fifty_megabytes_is_refused_unread() -> None:
    with Path("campaign.yaml").open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(InvalidInput) as caught:
        load_campaign(Path("campaign.yaml"))
    assert str(caught.value) == "campaign.yaml: larger than 1 MB (contacts belong in a file of their own)"


def test_a_missing_file_a_folder_and_a_file_without_permission_are_told() -> None:
    Path("folder").mkdir()
    Path("secret.yaml").write_text(CAMPAIGN)
    Path("secret.yaml").chmod(0)
    told = []
    for name in ("nowhere.yaml", "folder", "secret.yaml", "a\0b"):
        if name == "secret.yaml" and os.access(name, os.R_OK):
            continue  # the super-user may read anything
        with pytest.raises(InvalidInput) as caught:
            load_campaign(Path(name))
        told.append(str(caught.value))
    assert told[:2] == ["nowhere.yaml: no such file", "folder: is a folder, not a file"]
    assert told[-1] == r"'a\x00b': not a file name"
    assert all("Permission denied" in line for line in told[2:-1])


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("start", ["", "\ufeff", "---\n", "# a comment\n\n"])
def test_line_ends_marks_and_comments_do_not_move_a_place(newline: str, start: str) -> None:
    text = (start + CAMPAIGN + "message: |\n  Hi\n\n  there\nbdoy: x\n").replace("\n", newline)
    line = 10 + start.count("\n")
    expected = f"campaign.yaml:{line - 1}:1: unknown key 'bdoy' (did you mean 'message'?)"
    assert problems_of(text.encode()) == [expected]
