"""What is no file, does not end, or holds more than anybody needs."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
from tablekit import ONE, refused, rows_of, written

from a2pcli.contacts import source
from a2pcli.contacts.table import address_column, open_table
from a2pcli.errors import InvalidInput

POSIX = pytest.mark.skipif(os.name != "posix", reason="devices and pipes have names there alone")


@POSIX
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null", "/dev/tty"])
def test_a_device_is_no_file(device):
    with pytest.raises(InvalidInput, match=r"a device or a pipe, not a file|cannot read|no such file"):
        open_table(device)


@POSIX
def test_a_device_as_standard_input_is_no_file(monkeypatch):
    with Path("/dev/zero").open() as device:
        monkeypatch.setattr(sys, "stdin", device)
        with pytest.raises(InvalidInput, match="not a file"):
            open_table("-")


@POSIX
def test_a_pipe_is_read_as_long_as_somebody_writes(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(ONE,))
    writer.start()
    assert len(rows_of(open_table(str(tmp_path / "pipe")))) == 1
    writer.join()


@POSIX
def test_a_pipe_nobody_writes_into_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "_PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="nothing writes to this pipe"):
        open_table(str(tmp_path / "pipe"))


def test_a_stream_that_does_not_end_is_given_up(monkeypatch):
    class Endless:
        buffer = Path("/dev/zero").open("rb")  # noqa: SIM115

        def isatty(self) -> bool:
            return False

        def fileno(self) -> int:
            raise OSError

    monkeypatch.setattr(source, "MOST_SPOOLED", 5 << 20)
    monkeypatch.setattr(sys, "stdin", Endless())
    with pytest.raises(InvalidInput, match="does not end"):
        open_table("-")


@pytest.mark.parametrize(
    "secret",
    [
        "root:x:0:0:root:/root:/bin/bash",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "TOKEN=abc,SECRET=def",
        "hunter2",
    ],
)
def test_the_first_line_of_another_file_is_not_shown(tmp_path, secret):
    table = open_table(written(tmp_path, f"{secret}\nmore\n"))
    with pytest.raises(InvalidInput) as caught:
        address_column(table)
    (problem,) = caught.value.problems
    shown = f"{problem.message} {problem.hint}"
    assert not any(part in shown for part in ("root", "OPENSSH", "TOKEN", "SECRET", "abc", "hunter"))


def test_names_of_columns_are_shown_as_before(tmp_path):
    table = open_table(written(tmp_path, "Vorname,Ort (PLZ),geändert am\nAnn,x,y\n"))
    with pytest.raises(InvalidInput, match=r"the columns are Vorname, Ort \(PLZ\), geändert am"):
        address_column(table)


def test_a_row_without_an_end_and_without_a_quotation_mark_is_not_asked_to_close_one(tmp_path):
    problem = refused(tmp_path, "phone,name\n1,Ann\n2," + "x" * (17 << 20) + "\n", "p.csv")
    assert problem.line == 3
    assert "missing line break" in str(problem.hint)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", "phone,name\n1,Ann\n2," + "x" * 300_000 + "\n"),
        ("p.csv", 'phone,name\n1,Ann\n2,"' + "x" * 300_000 + '"\n'),
        ("p.csv", "phone,name\n1,Ann\n2," + "x" * (17 << 20) + "\n"),
        ("p.jsonl", '{"phone": "1", "name": ""}\n\n{"phone": "2", "name": "' + "x" * 300_000 + '"}\n'),
    ],
)
def test_a_cell_beyond_reason_is_named_by_line(tmp_path, name, content):
    problem = refused(tmp_path, content, name)
    assert problem.line == 3
    assert "name" in problem.message or "within 16 MB" in problem.message


@pytest.mark.parametrize(
    "deep", ["[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, "[" * 10**6 + "]" * 10**6]
)
def test_json_nested_beyond_reason_is_refused_at_its_line(tmp_path, deep):
    problem = refused(tmp_path, '{"phone": "1", "a": 1}\n{"phone": "2", "a": ' + deep + "}\n", "p.jsonl")
    assert (problem.line, problem.message) == (2, "not JSON: nested too deeply")


def test_more_columns_than_a_spreadsheet_has_are_refused(tmp_path):
    assert refused(tmp_path, "phone" + ",a" * 20_000 + "\n1\n").code == "too-large"
    keys = ", ".join(f'"k{number}": 1' for number in range(20_000))
    assert refused(tmp_path, f'{{"phone": "1", {keys}}}\n', "p.jsonl").code == "too-large"
