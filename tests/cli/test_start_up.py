"""Small commands import little: what they do not need must not be what one waits for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from clikit import PEOPLE, Project

FRAMES = ("pandas", "pyarrow", "numpy")
MODELS = ("a2pcli.config.campaign", "a2pcli.config.settings")
SCRIPT = """
import sys
from a2pcli.cli.main import run
try:
    run(sys.argv[2:])
except SystemExit:
    pass
print(*sorted(set(sys.argv[1].split(",")) & set(sys.modules)), file=sys.stderr)
"""

LEDGER_ONLY = ("alembic", "pydantic", "sqlalchemy.dialects.postgresql", "a2pcli.sending", *FRAMES, *MODELS)

BOUNDS = (
    (("--help",), ("sqlalchemy", "yaml", "pydantic", "rich", *FRAMES)),
    (("runs",), ("phonenumbers", *LEDGER_ONLY)),
    (("runs", "--limit", "3"), LEDGER_ONLY),
    (("report",), LEDGER_ONLY),
    (("audit", "list"), LEDGER_ONLY),
    (("optout", "list"), ("phonenumbers", *LEDGER_ONLY)),
    (("optout", "add", "+447911123499"), LEDGER_ONLY),
    (("consent", "show", "+447911123456"), ("alembic", *FRAMES)),
    (
        ("explain", "+447911123456"),
        ("alembic", "pandas", "pyarrow.compute", "a2pcli.config.campaign", "a2pcli.config.chat"),
    ),
    (
        ("plan", "sale.yaml"),
        ("alembic", "pandas", "pyarrow.parquet", "openpyxl", "holidays", "multiprocessing.pool"),
    ),
)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("planned")).starter(people=PEOPLE)
    assert project.run("plan", "sale.yaml").status == 0
    return project


@pytest.mark.parametrize(("command", "unneeded"), BOUNDS, ids=[" ".join(command) for command, _ in BOUNDS])
def test_a_command_does_not_import(
    planned: Project, command: tuple[str, ...], unneeded: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, ",".join(unneeded), *command],
        cwd=planned.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == ""


def test_a_value_that_is_not_plain_is_told_as_ever(planned: Project) -> None:
    assert "must be 1 or more" in planned.run("runs", "--limit", "0").err
    assert "not a number" in planned.run("runs", "--limit", "three").err
    assert planned.run("runs", "--limit", " 3").status == 0


def test_what_only_asks_the_ledger_does_not_mind_the_rest_of_the_settings(planned: Project) -> None:
    settings = planned.folder / "a2pcli.yaml"
    before = settings.read_text()
    try:
        settings.write_text(before + "no_such_key: 1\n")
        assert planned.run("runs").status == 0
        assert planned.run("optout", "add", "07911 123457").status == 0
        assert planned.run("plan", "sale.yaml").status == 3
    finally:
        settings.write_text(before)
