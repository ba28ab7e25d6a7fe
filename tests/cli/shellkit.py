"""A folder with files, and the command line in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from a2pcli.cli.main import run


class Shell:
    """Runs commands in a folder; what they said and how they left."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        with pytest.raises(SystemExit) as left:
            run(arguments)
        self.out, self.err = self._capfd.readouterr()
        return int(left.value.code or 0)

    @property
    def problems(self) -> list[str]:
        """Lines on stderr before the summary."""
        return self.err.strip().split("\n")[:-1]


@pytest.fixture
def shell(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capfd)


CAMPAIGN = """\
name: spring-sale
objective: Gold customers try the spring collection
purpose: transactional
contacts: people.csv
message: Hi {{ first_name }}
"""


PEOPLE = "phone,first_name\n07700 900001,Amelia\n07700 900002,Oliver\n"


def project(campaign: str = CAMPAIGN, people: str = PEOPLE, settings: str = "") -> None:
    """A project in the current folder."""
    Path("spring.yaml").write_text(campaign, encoding="utf-8")
    Path("people.csv").write_text(people, encoding="utf-8")
    Path("a2pcli.yaml").write_text("region: GB\n" + settings, encoding="utf-8")
