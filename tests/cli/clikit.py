"""Runs a2pcli as a user does: as a process, in a folder, with files."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import readykit

from a2pcli.cli import main

CAMPAIGN = """\
name: spring-sale
objective: Tell gold customers about the sale
purpose: marketing
contacts: people.csv
message: "Hi {{ first_name }}, 20% off until Sunday. Reply STOP to opt out"
"""

PEOPLE = """\
mobile,first_name,plan
07911123456,Ann,gold
07911123457,Ben,silver
not a number,Cid,gold
07911 123456,Dee,gold
07911123458,,gold
07911123459,Zoë,gold
"""

SETTINGS = "region: GB\nrates: rates.csv\n"

RATES = """\
gateway,channel,country,prefix,category,unit,price,surcharge,currency,valid_from,valid_to
*,sms,GB,,,part,0.04,,GBP,,
*,sms,GG,,,part,0.04,,GBP,,
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


class Project:
    """A folder with a campaign, and the commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def starter(self, *, campaign: str = CAMPAIGN, people: str | bytes = PEOPLE) -> Project:
        self.write("sale.yaml", campaign)
        self.write("people.csv", people)
        self.write("a2pcli.yaml", SETTINGS)
        self.write("rates.csv", RATES)
        return self

    def run(self, *arguments: str, stdin: str | bytes = b"", **environ: str) -> Ran:
        """Run the command line in this process: the same entry point, streams, folder and environment."""
        given = io.TextIOWrapper(io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin), "utf-8")
        streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
        before = Path.cwd(), sys.stdin, sys.stdout, sys.stderr, dict(os.environ)
        os.environ.update({"NO_COLOR": "1", "COLUMNS": "100", **environ})
        os.chdir(self.folder)
        sys.stdin, sys.stdout, sys.stderr = given, *streams
        status: object = None
        try:
            main.run(arguments)
        except SystemExit as ended:
            status = ended.code
        finally:
            folder, sys.stdin, sys.stdout, sys.stderr, environment = before
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
        out, err = (stream.buffer.getvalue().decode() for stream in streams)  # type: ignore[attr-defined]
        return Ran(int(status or 0), out, err)

    def process(self, *arguments: str, stdin: str | bytes = b"", **environ: str) -> Ran:
        """Run the command line as a process of its own."""
        done = readykit.run(
            *arguments,
            cwd=self.folder,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", **environ},
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in err, err
        return Ran(done.returncode, out, err)

    def outbox(self) -> list[dict[str, Any]]:
        path = self.folder / ".a2pcli" / "outbox.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class Kept:
    """A project that is made once, and brought back where it was for each test: ledgers know where their files lie."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._copy = project.folder.with_name(f"{project.folder.name}-kept")
        shutil.copytree(project.folder, self._copy, symlinks=True)

    def back(self) -> Project:
        shutil.rmtree(self.project.folder)
        shutil.copytree(self._copy, self.project.folder, symlinks=True)
        return self.project
