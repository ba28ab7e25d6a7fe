"""``a2pcli count``: what a text is as SMS, for people and for scripts."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clikit import Project


def counted(project: Project, *arguments: str, stdin: str | bytes = b"") -> Any:
    ran = project.run("count", "--json", *arguments, stdin=stdin)
    assert (ran.status, ran.err) == (0, "")
    return ran.json


def test_json_has_encoding_units_parts_and_the_text_of_each_part(project: Project) -> None:
    text = "a" * 152 + "€" + "b" * 152
    document = counted(project, text)
    assert {key: document[key] for key in ("encoding", "units", "parts", "per_part", "left")} == {
        "encoding": "GSM-7",
        "units": 306,
        "parts": 3,
        "per_part": 153,
        "left": 152,
    }
    assert document["texts"] == ["a" * 152, "€" + "b" * 151, "b"]
    assert (document["characters"], document["composed"], document["smart"]) == ([], None, None)


def test_json_says_what_forces_ucs2_and_what_would_save_it(project: Project) -> None:
    document = counted(project, "it’s e\u0301")
    assert document["encoding"] == "UCS-2"
    assert document["characters"] == [
        {"position": 3, "character": "’", "name": "RIGHT SINGLE QUOTATION MARK"},
        {"position": 7, "character": "\u0301", "name": "COMBINING ACUTE ACCENT"},
    ]
    assert document["composed"] == {"encoding": "UCS-2", "units": 6, "parts": 1}
    assert document["smart"] == {
        "encoding": "GSM-7",
        "units": 6,
        "parts": 1,
        "applied": False,
        "replacements": [{"position": 3, "before": "’", "after": "'"}],
    }


def test_the_text_is_taken_as_it_is_unless_smart(project: Project) -> None:
    assert counted(project, "it’s\r\n")["texts"] == ["it’s\r\n"]
    smart = counted(project, "--smart", "it’s\r\n")
    assert (smart["encoding"], smart["texts"], smart["smart"]["applied"]) == ("GSM-7", ["it's\n"], True)


def test_references_of_16_bits_leave_less_room(project: Project) -> None:
    assert counted(project, "a" * 305)["parts"] == 2
    assert counted(project, "--reference-bits", "16", "a" * 305)["parts"] == 3


@pytest.mark.parametrize(
    ("arguments", "stdin", "texts"),
    [
        ([], "hi\n", ["hi"]),
        (["-"], "hi\r\n", ["hi"]),
        (["-"], "hi\n\n", ["hi\n"]),
        (["-"], "\ufeffhi", ["hi"]),
        (["--file", "text.txt"], "", ["from a file"]),
    ],
)
def test_text_comes_from_stdin_or_a_file_without_its_last_line_end(
    project: Project, arguments: list[str], stdin: str, texts: list[str]
) -> None:
    project.write("text.txt", "from a file\n")
    assert counted(project, *arguments, stdin=stdin)["texts"] == texts


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "message"),
    [
        ([""], b"", 3, "the text is empty"),
        (["-"], b"", 3, "the text is empty"),
        (["-"], b"\n", 3, "the text is empty"),
        (["-"], b"ab\ncd\xff", 3, "standard input:2:3: byte 0xFF is not UTF-8"),
        (["--file", "none.txt"], b"", 3, "none.txt: cannot be read: no such file"),
        (["--file", "."], b"", 3, ".: cannot be read: Is a directory"),
        (["-"], b"a" * 1_000_001, 3, "standard input: more than 1 MB: too long for a message"),
        (["x", "--file", "y"], b"", 2, "give a text or --file, not both"),
        (["--reference-bits", "9", "x"], b"", 2, "--reference-bits is 8 or 16"),
    ],
)
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_what_cannot_be_counted_is_an_error_with_no_count_on_stdout(
    project: Project, json: list[str], arguments: list[str], stdin: bytes, status: int, message: str
) -> None:
    ran = project.run("count", *json, *arguments, stdin=stdin)
    assert (ran.status, ran.err) == (status, f"{message}\n")
    if json:
        assert [problem["message"] in message for problem in ran.json["problems"]] == [True]
    else:
        assert ran.out == ""


@pytest.mark.parametrize("text", ["a\udcffb", chr(0xD800)])
def test_an_argument_that_is_no_text_is_a_mistake_of_the_command_line(project: Project, text: str) -> None:
    ran = project.run("count", text)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "argument 2 is not valid UTF-8\n"


def test_people_see_the_parts_and_what_to_change(project: Project) -> None:
    ran = project.run("count", "don’t " + "я" * 70 + "\x1b[31m")
    assert ran.status == 0
    assert "UCS-2   81 UTF-16 units   2 parts   53 left in the last part" in ran.out
    assert "part 1" in ran.out
    assert "14/67" in ran.out
    assert "’  RIGHT SINGLE QUOTATION MARK, at 4" in ran.out
    assert "я  CYRILLIC SMALL LETTER YA, at 7, 8, 9, 10, 11 and 65 more" in ran.out
    assert "\x1b[31m" not in ran.out
    assert "␛[31m" in ran.out
    saves = project.run("count", "don’t").out
    assert 'Smart encoding: GSM-7, 5 units, 1 part (’ → "\'")' in saves


def test_alone_at_a_terminal_it_asks_for_a_text(tmp_path: Path) -> None:
    """Rather than wait for one in silence."""
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "a2pcli", "count"], stdin=follower, capture_output=True, text=True, timeout=60
    )
    os.close(leader)
    os.close(follower)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'a2pcli count "Hello"' in done.stderr


def test_counting_does_not_load_the_tables_machinery() -> None:
    script = (
        "import sys; from a2pcli.actions.count import describe; describe('it’s', False, 8); "
        "sys.exit(bool({'pandas', 'pyarrow', 'numpy', 'jinja2', 'babel'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
