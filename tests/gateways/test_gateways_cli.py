"""``a2pcli gateways`` and ``a2pcli gateways test``, as a user runs them."""

from __future__ import annotations

from typing import Any

import pytest
from gatewaykit import Counterpart, reply

SETTINGS = """\
region: GB
gateway: live
gateways:
  live:
    type: http
    url: {url}/send
    auth: {{bearer: "${{API_TOKEN}}"}}
    json: {{to: "{{{{ to }}}}", text: "{{{{ body }}}}"}}
    response: {{id: id}}
    check: {{url: "{url}/me"}}
    sender: ACME
    rate: 20/s
  spare: {{type: simulator, seed: "${{SEED:-3}}"}}
"""


@pytest.fixture
def there() -> Any:
    with Counterpart(reply(200, {"id": "m1"})) as counterpart:
        yield counterpart


@pytest.fixture
def ready(project: Any, there: Counterpart) -> Any:
    project.write("a2pcli.yaml", SETTINGS.format(url=there.url))
    return project


def test_the_list_names_what_is_configured_and_what_there_is(ready: Any) -> None:
    ran = ready.run("gateways", API_TOKEN="s3cret")
    assert ran.status == 0
    (default,) = [line for line in ran.out.splitlines() if line.startswith("*  ")]
    assert default.split()[1:] == ["live", "http", "sms", "20/s", "ACME", "ready"]
    assert all(word in ran.out for word in ("spare", "outbox", "console", "twilio", "ready"))
    assert "s3cret" not in ran.out + ran.err


def test_a_variable_that_is_not_set_is_said_and_is_no_error(ready: Any) -> None:
    ran = ready.run("gateways")
    assert ran.status == 0
    assert "API_TOKEN not set" in ran.out


def test_json_has_capabilities_and_no_secret(ready: Any) -> None:
    ran = ready.run("gateways", "--json", API_TOKEN="s3cret")
    assert "s3cret" not in ran.out
    listed = {one["name"]: one for one in ran.json["gateways"]}
    assert list(listed) == ["live", "spare", "outbox", "console"]
    live = listed["live"]
    assert (live["default"], live["ready"], live["variables"]) == (True, True, {"API_TOKEN": True})
    assert live["capabilities"]["channels"] == ["sms"]
    assert listed["spare"]["variables"] == {"SEED": True}
    assert {one["type"] for one in ran.json["types"]} >= {"outbox", "console", "simulator", "http", "twilio"}


def test_wrong_settings_are_told_at_their_place_and_the_rest_is_listed(ready: Any) -> None:
    ready.write("a2pcli.yaml", "gateways:\n  a:\n    type: twillio\n  b:\n    type: http\n    urll: x\n")
    ran = ready.run("gateways")
    assert ran.status == 3
    assert "a2pcli.yaml:3:5: gateways.a.type: no gateway type 'twillio' (did you mean 'twilio'?" in ran.err
    assert "a2pcli.yaml:6:5: gateways.b.urll: unknown key (did you mean 'url'?)" in ran.err
    assert "outbox" in ran.out


def test_without_settings_the_built_in_ones_are_there(project: Any) -> None:
    ran = project.run("gateways", "--json")
    assert ran.status == 0
    assert ran.json["settings"] is None
    assert [one["name"] for one in ran.json["gateways"]] == ["outbox", "console"]


def test_a_narrow_terminal_keeps_every_name(ready: Any) -> None:
    ran = ready.run("gateways", COLUMNS="40")
    assert all(word in ran.out for word in ("live", "spare", "outbox", "console"))


def test_test_proves_credentials_and_sends_nothing(ready: Any, there: Counterpart) -> None:
    ran = ready.run("gateways", "test", "live", API_TOKEN="s3cret")
    assert (ran.status, ran.out) == (0, "live: ok: the provider answered as expected\n")
    assert [(one.method, one.target) for one in there.received] == [("GET", "/me")]
    assert there.received[0].headers["authorization"] == "Bearer s3cret"


def test_test_with_a_number_sends_one_message(ready: Any, there: Counterpart) -> None:
    ran = ready.run("gateways", "test", "live", "--to", "07911 123456", "--yes", API_TOKEN="x")
    assert ran.status == 0
    assert "live: test message accepted (m1)" in ran.out
    assert [one.target for one in there.received] == ["/me", "/send"]
    assert there.received[1].json == {
        "to": "+447911123456", "text": "This is a test message from a2pcli. No action needed."
    }  # fmt: skip


def test_test_asks_before_it_sends(ready: Any, there: Counterpart) -> None:
    ran = ready.run("gateways", "test", "live", "--to", "07911 123456", API_TOKEN="x")
    assert ran.status == 6
    assert "--yes" in ran.err
    assert not there.received


def test_test_sends_nothing_where_the_check_fails(ready: Any, there: Counterpart) -> None:
    there.answer = reply(401, {})
    ran = ready.run(
        "gateways", "test", "live", "--to", "07911 123456", "--yes", "--json", API_TOKEN="wrong-one"
    )
    assert ran.status == 5
    assert ran.json["ok"] is False
    assert ran.json["message"] is None
    assert "refused the credentials" in ran.json["check"]["detail"]
    assert len(there.received) == 1
    assert "wrong-one" not in ran.out + ran.err


def test_test_of_a_provider_that_is_not_there(ready: Any) -> None:
    ready.write("a2pcli.yaml", SETTINGS.format(url="http://127.0.0.1:9"))
    ran = ready.run("gateways", "test", "live", API_TOKEN="x")
    assert ran.status == 5
    assert "failed: the connection was refused" in ran.out


WRONG = {
    "unknown name": (("test", "lvie"), 3, "did you mean 'live'?"),
    "missing variable": (
        ("test", "live"),
        3,
        "a2pcli.yaml:7:21: the environment variable API_TOKEN is not set",
    ),
    "bad number": (("test", "spare", "--to", "12"), 2, "--to 12: "),
    "bad text": (("test", "spare", "--to", "07911123456", "--text", ""), 2, "--text: "),
    "no name": (("test",), 2, "NAME"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_mistakes(ready: Any, case: str) -> None:
    arguments, status, wanted = WRONG[case]
    ran = ready.run("gateways", *arguments)
    assert ran.status == status
    assert wanted in ran.err


def test_help_has_examples(project: Any) -> None:
    for arguments in (("gateways", "--help"), ("gateways", "test", "--help")):
        ran = project.run(*arguments)
        assert ran.status == 0
        assert "Example:" in ran.out
