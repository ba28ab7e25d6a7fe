"""Secrets from the keyring: found, or a problem with a place and with what to do; never shown."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

keyring = pytest.importorskip("keyring", reason='needs: pip install "a2pcli[keyring]"')
from keyring.backend import KeyringBackend  # noqa: E402
from keyring.errors import KeyringLocked, NoKeyringError  # noqa: E402

from a2pcli.config import keyring_entries  # noqa: E402

SETTINGS = """\
region: GB
gateways:
  live:
    type: plivo
    auth_id: MAXXXXXXXXXXXXXXXXXX
    auth_token: ${keyring:shops/acme/token}
"""


class InMemory(KeyringBackend):
    """A keyring of this process alone."""

    priority: ClassVar[float] = 1  # type: ignore[assignment]

    def __init__(self, fails: Exception | None = None) -> None:
        super().__init__()
        self.secrets: dict[tuple[str, str], str] = {}
        self.fails = fails
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if self.fails:
            raise self.fails
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.secrets[service, username] = password


@pytest.fixture(autouse=True)
def backend() -> Iterator[InMemory]:
    before, made = keyring.get_keyring(), InMemory()
    keyring.set_keyring(made)
    keyring_entries._read.clear()
    yield made
    keyring.set_keyring(before)
    keyring_entries._read.clear()


@pytest.fixture
def shop(project: Any) -> Any:
    project.write("a2pcli.yaml", SETTINGS)
    return project


def test_a_secret_of_the_keyring_makes_the_gateway_ready_and_is_never_shown(
    shop: Any, backend: InMemory
) -> None:
    backend.secrets["shops/acme", "token"] = "s3cret"
    for command in (("gateways",), ("gateways", "--json"), ("gateways", "show", "live"), ("check",)):
        ran = shop.run(*command)
        assert "s3cret" not in ran.out + ran.err
    listed = shop.run("gateways", "--json").json["gateways"][0]
    assert (listed["ready"], listed["variables"]) == (True, {"keyring:shops/acme/token": True})


def test_the_gateway_gets_the_secret_itself(shop: Any, backend: InMemory) -> None:
    from a2pcli.config.load import gateway_settings, load_settings

    backend.secrets["shops/acme", "token"] = "s3cret ${X}"
    made = gateway_settings(load_settings(shop.folder), "live")
    assert made["auth_token"] == "s3cret ${X}"
    assert backend.asked == 1


LACKS = {
    "no entry": (None, "the keyring has no entry shops/acme/token", "keyring set shops/acme token stores it"),
    "locked": (KeyringLocked("s3cret"), "the keyring is locked", "unlock it"),
    "no keyring, as in cron": (
        NoKeyringError("s3cret"),
        "this process has no keyring",
        ".env beside the settings",
    ),
    "broken": (OSError("s3cret"), "the keyring cannot be read (OSError)", "keyring diagnose"),
}


@pytest.mark.parametrize("case", LACKS)
def test_a_secret_that_is_not_there_is_told_with_its_place(shop: Any, backend: InMemory, case: str) -> None:
    backend.fails, why, what_to_do = LACKS[case]
    ran = shop.run("gateways", "test", "live")
    assert ran.status == 3
    told = " ".join(ran.err.split())
    assert f"a2pcli.yaml:6:17: {why}" in told
    assert what_to_do in told
    assert "s3cret" not in ran.err + ran.out
    assert backend.asked == 1
    listed = shop.run("gateways")
    assert "keyring:shops/acme/token not available" in listed.out
    assert f"a2pcli.yaml:6:17: warning: {why}" in " ".join(listed.err.split())


def test_an_empty_entry_is_no_secret(shop: Any, backend: InMemory) -> None:
    backend.secrets["shops/acme", "token"] = ""
    assert "the keyring has an empty entry shops/acme/token" in shop.run("gateways", "test", "live").err


def test_a_keyring_that_waits_for_a_password_nobody_types_is_given_up(
    shop: Any, backend: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(keyring_entries, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(backend, "get_password", lambda service, name: over.wait(30))
    ran = shop.run("gateways", "test", "live")
    over.set()
    assert ran.status == 3
    assert "the keyring did not answer within 0.05 seconds" in ran.err


def test_without_the_extra_the_way_to_install_it_is_told(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    ran = shop.run("gateways", "test", "live")
    assert ran.status == 3
    assert "a2pcli.yaml:6:17: reading a secret from the keyring needs an extra" in ran.err
    assert 'pip install "a2pcli[keyring]"' in ran.err


@pytest.mark.parametrize("typed", ["keyring:", "keyring:token", "keyring:a/", "keyring:/b", "keyring:a/b:-x"])
def test_a_reference_without_service_and_name_is_refused(project: Any, backend: InMemory, typed: str) -> None:
    project.write("a2pcli.yaml", SETTINGS.replace("keyring:shops/acme/token", typed))
    ran = project.run("gateways", "test", "live")
    assert (ran.status, backend.asked) == (3, 0)
    assert "a2pcli.yaml:6:17: '${keyring:...}' " in ran.err
    assert "like ${keyring:a2pcli/twilio-token}" in ran.err


def test_a_campaign_that_needs_the_secret_is_warned_about_it_by_check(shop: Any) -> None:
    shop.starter()
    shop.write("a2pcli.yaml", SETTINGS + "gateway: live\nrates: rates.csv\n")
    ran = shop.run("check", "sale.yaml")
    assert "a2pcli.yaml:6:17: warning: the keyring has no entry shops/acme/token" in ran.out + ran.err


def test_the_key_of_a_ledger_can_be_in_the_keyring(project: Any, backend: InMemory) -> None:
    from a2pcli.config.load import ledger_key, load_settings

    project.write("a2pcli.yaml", "ledger_key: ${keyring:a2pcli/ledger}\n")
    ran = project.run("runs")
    assert ran.status == 3
    assert "a2pcli.yaml:1:13: the keyring has no entry a2pcli/ledger" in ran.err
    keyring_entries._read.clear()
    backend.secrets["a2pcli", "ledger"] = "k" * 32
    assert ledger_key(load_settings(project.folder)) == "k" * 32


def test_a_process_without_a_keyring_says_so_and_ends(shop: Any) -> None:
    """As cron starts it: no desktop, no terminal."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(shop.folder), "NO_COLOR": "1", "COLUMNS": "200"}
    environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    ran = subprocess.run(
        [sys.executable, "-m", "a2pcli", "gateways", "test", "live"],
        cwd=shop.folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 3
    assert "this process has no keyring, as under cron, in a container or over SSH" in ran.stderr
    assert "Traceback" not in ran.stderr
