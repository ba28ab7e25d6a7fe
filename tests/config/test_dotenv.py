"""``.env`` beside the settings holds the secrets that cron does not have."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from a2pcli.config.environment import warnings
from a2pcli.config.load import gateway_settings, ledger_url, load_settings
from a2pcli.errors import InvalidInput

SETTINGS = """\
ledger: postgresql://shop:${DB_PASSWORD}@db.example/shop
gateways:
  live: {type: http, token: "${TOKEN}"}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TOKEN", "DB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "a2pcli.yaml").write_text(SETTINGS)
    return tmp_path


def test_references_in_the_settings_are_filled_from_dotenv_beside_them(shop: Path) -> None:
    (shop / ".env").write_text("# secrets\nTOKEN='s3 #cret'\nexport DB_PASSWORD=pass$WORD\n")
    settings = load_settings(shop)
    assert gateway_settings(settings, "live")["token"] == "s3 #cret"
    assert ledger_url(settings) == "postgresql+psycopg://shop:pass$WORD@db.example/shop"


def test_a_variable_of_the_process_counts_more_than_dotenv(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / ".env").write_text("TOKEN=from-file\n")
    monkeypatch.setenv("TOKEN", "from-process")
    assert gateway_settings(load_settings(shop), "live")["token"] == "from-process"


def test_dotenv_is_read_from_the_settings_folder_not_from_where_the_command_is_typed(
    shop: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / ".env").write_text("TOKEN=right\n")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".env").write_text("TOKEN=wrong\n")
    monkeypatch.chdir(elsewhere)
    (shop / "campaigns").mkdir()
    assert gateway_settings(load_settings(shop / "campaigns"), "live")["token"] == "right"


def test_every_line_that_is_no_variable_is_named_without_its_text(shop: Path) -> None:
    (shop / ".env").write_text("TOKEN=good\n\nTHIS_IS_SECRET words\nB='unclosedvalue\nC=1\n")
    with pytest.raises(InvalidInput) as caught:
        gateway_settings(load_settings(shop), "live")
    assert [problem.line for problem in caught.value.problems] == [3, 4]
    assert "SECRET" not in str(caught.value)
    assert "unclosedvalue" not in str(caught.value)


@pytest.mark.parametrize("content", [b"TOKEN=\xff\xfe", b"A=" + b"x" * 1_000_001])
def test_a_file_that_holds_no_variables_is_refused_with_its_name(shop: Path, content: bytes) -> None:
    (shop / ".env").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"\.env"):
        gateway_settings(load_settings(shop), "live")


def test_secrets_that_others_can_read_are_warned_about(shop: Path) -> None:
    (shop / ".env").write_text("TOKEN=x\n")
    (shop / ".env").chmod(0o644)
    assert [warning.code for warning in warnings(shop)] == ["env-readable"]
    (shop / ".env").chmod(0o600)
    assert not list(warnings(shop))


def test_secrets_that_git_would_commit_are_warned_about(shop: Path) -> None:
    (shop / ".env").write_text("TOKEN=x\n")
    (shop / ".env").chmod(0o600)
    subprocess.run(["git", "init", "-q", str(shop)], check=True)
    assert [warning.code for warning in warnings(shop)] == ["env-not-ignored"]
    (shop / ".gitignore").write_text(".env\n")
    assert not list(warnings(shop))
