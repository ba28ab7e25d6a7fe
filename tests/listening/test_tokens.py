"""Whoever has no token gets nothing, a token does what it is for, and it is changed without a restart."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from clikit import Project
from listenkit import ENVIRON, SETTINGS, listener, query
from partkit import InProcess, in_process, signed
from starlette.routing import Route

from a2pcli.errors import InvalidInput, LedgerUnavailable, Problem
from a2pcli.listening.api import Answer, Asked, Endpoint
from a2pcli.listening.limits import Limits
from a2pcli.listening.listener import Listener, Part
from a2pcli.listening.signatures import Signatures, Signed
from a2pcli.listening.tokens import Token, read_tokens

SHOP, ROBOT = "shop-secret-0123456789", "robot-secret-0123456789"
TOKENS = """\
region: GB
listen:
  per_address: 1000/s
  proxies: [127.0.0.1, "10.0.0.0/8"]
  tokens:
    shop: {secret: "${SHOP_TOKEN}", scopes: [events], rate: 20/s}
    robot: {file: robot.txt, scopes: [events, otp], signed: yes}
"""
BEARER = {"Authorization": f"Bearer {SHOP}"}


def echo(listener: Listener) -> Part:
    """A part with one route that says what it was asked."""

    def answer(asked: Asked) -> Answer:
        match asked.query.get("wrong"):
            case "input":
                raise InvalidInput(
                    Problem("no such thing", path="/srv/secret.yaml", hint="another", code="thing")
                )
            case "ledger":
                raise LedgerUnavailable("the disk is full")
            case "fault":
                raise RuntimeError("+447911123456")
        return {
            "from": asked.token.name,
            "address": asked.address,
            "got": asked.json() if asked.body else None,
        }

    return Part([Route("/echo", Endpoint(listener, "events", answer, ("POST", "PUT"), largest=1000))])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    monkeypatch.setenv("SHOP_TOKEN", SHOP)
    (tmp_path / "robot.txt").write_text(f"# of the machine\n{ROBOT}\n")
    with in_process(tmp_path, TOKENS, echo) as made:
        yield made


def test_a_token_opens_the_routes_of_its_scopes_and_nothing_else_does(here: InProcess) -> None:
    assert here.ask("POST", "/echo", headers=BEARER, json={"a": 1}).json() == {
        "from": "shop", "address": "203.0.113.9", "got": {"a": 1},
    }  # fmt: skip
    for wrong in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {SHOP}x"}, {"Authorization": SHOP},
                  {"Authorization": f"Basic {SHOP}"}, {"Authorization": f"Bearer {ROBOT}"}):  # fmt: skip
        refused = here.ask("POST", "/echo", headers=wrong)
        assert (refused.status_code, refused.json()["error"]) == (401, "unauthorized"), wrong
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert here.ask("GET", "/echo", headers=BEARER).headers["Allow"] == "POST, PUT"
    assert not any(SHOP in line or ROBOT in line for line in here.said)


def test_a_scope_that_the_token_lacks_is_forbidden(here: InProcess) -> None:
    def other(listener: Listener) -> Part:
        return Part([Route("/otp", Endpoint(listener, "otp", lambda asked: {}))])

    with in_process(here.listener.settings.folder, TOKENS, other) as again:
        assert again.ask("POST", "/otp", headers=BEARER).status_code == 403


def test_errors_are_json_and_say_nothing_of_this_machine(here: InProcess) -> None:
    def ask(wrong: str) -> httpx.Response:
        return here.ask("POST", f"/echo?wrong={wrong}", headers=BEARER)

    bad = ask("input")
    assert bad.status_code == 400
    assert bad.json()["problems"] == [{"code": "thing", "message": "no such thing", "hint": "another"}]
    assert "/srv" not in bad.text
    gone = ask("ledger")
    assert (gone.status_code, gone.headers["Retry-After"]) == (503, "5")
    fault = ask("fault")
    assert fault.status_code == 500
    assert "447911" not in fault.text + " ".join(here.said)
    assert here.ask("POST", "/echo", headers=BEARER, content=b"[1").json()["error"] == "not-json"
    assert here.ask("POST", "/echo", headers=BEARER, content=b"x" * 1001).status_code == 413


def test_a_signed_request_is_accepted_once_and_only_as_it_was_signed(here: InProcess) -> None:
    body = b'{"a": 2}'
    good = signed("robot", ROBOT, "POST", "/echo?b=%20c", body)
    assert here.ask("POST", "/a2p/echo?b=%20c", headers=good, content=body).json()["got"] == {"a": 2}
    assert here.ask("POST", "/echo?b=%20c", headers=good, content=body).json()["error"] == "replayed"
    again = signed("robot", ROBOT, "POST", "/echo?b=%20c", body)
    assert here.ask("PUT", "/echo?b=%20c", headers=again, content=body).status_code == 401
    assert here.ask("POST", "/echo?b=%20d", headers=again, content=body).status_code == 401
    assert here.ask("POST", "/echo?b=%20c", headers=again, content=b'{"a": 3}').status_code == 401
    assert here.ask("POST", "/echo?b=%20c", headers={**again, "X-A2pcli-Token": "shop"}).status_code == 401
    for at in (time.time() - 301, time.time() + 301):
        old = here.ask("POST", "/echo", headers=signed("robot", ROBOT, "POST", "/echo", at=at))
        assert "five minutes" in old.json()["message"]
    assert here.ask("POST", "/echo?b=%20c", headers=again, content=body).status_code == 200


def test_a_signature_is_remembered_as_long_as_its_timestamp_is_valid() -> None:
    clock = [1000.0]
    signatures = Signatures(lambda: clock[0], most=3)
    token = Token("robot", frozenset(), (b"s" * 16,), True, 1.0)

    def check(at: float) -> Signed:
        made = {key.lower(): value for key, value in signed("robot", "s" * 16, "POST", "/", at=at).items()}
        return signatures.check(token, made, "POST", "/", b"")

    assert check(1299) is Signed.GOOD
    for now in (1000, 1299, 1598):
        clock[0] = now
        assert check(1299) is Signed.AGAIN
    assert [check(1598 + place) for place in range(3)] == [Signed.GOOD, Signed.GOOD, Signed.TOO_MANY]
    clock[0] = 2300
    assert check(2300) is Signed.GOOD


def test_who_calls_too_often_is_told_when_to_come_again(here: InProcess) -> None:
    many = here.together([("POST", "/echo", {"headers": BEARER})] * 100)
    statuses = [one.status_code for one in many]
    assert 40 <= statuses.count(200) < 90, "two seconds' worth, and what was earned meanwhile"
    assert statuses.count(200) + statuses.count(429) == 100
    assert {one.headers["Retry-After"] for one in many if one.status_code == 429} == {"1"}
    guesses = [here.ask("POST", "/echo", headers={"Authorization": f"Bearer {place}"}) for place in range(15)]
    assert [one.status_code for one in guesses] == [401] * 10 + [429] * 5
    time.sleep(0.1)
    assert here.ask("POST", "/echo", headers=BEARER).status_code == 200, "a right token is not held up"
    assert here.ask("POST", "/echo", client="198.51.100.7").status_code == 401, "others are not either"


def test_an_address_may_call_only_so_often_and_a_proxy_that_is_known_says_whose_it_is(
    here: InProcess,
) -> None:
    settings = TOKENS.replace("per_address: 1000/s", "per_address: 1/s").replace("rate: 20/s", "rate: 1000/s")
    with in_process(here.listener.settings.folder, settings, echo) as slow:

        def ask(client: str, forwarded: str | None = None) -> int:
            more = {"X-Forwarded-For": forwarded} if forwarded else {}
            return slow.ask("POST", "/echo", client, headers=more).status_code

        assert [ask("203.0.113.1") for _ in range(3)] == [401, 401, 429]
        assert ask("203.0.113.1", "203.0.113.50") == 429, "it may say what it wants"
        assert [ask("127.0.0.1", "6.6.6.6, 203.0.113.2, 10.1.1.1") for _ in range(3)] == [401, 401, 429]
        assert ask("127.0.0.1", "203.0.113.3") == 401
        assert [ask("127.0.0.1") for _ in range(5)] == [401] * 5
        assert [ask(f"2001:db8:1:2::{place}") for place in range(3)] == [401, 401, 429], "one subscriber"
        known = [slow.ask("POST", "/echo", "203.0.113.1", headers=BEARER).status_code for _ in range(5)]
        assert known == [200] * 5, "a token has a rate of its own"


def test_a_signed_request_counts_for_its_address_until_one_signature_was_right(here: InProcess) -> None:
    settings = TOKENS.replace("per_address: 1000/s", "per_address: 1/s").replace("rate: 20/s", "rate: 1000/s")
    with in_process(here.listener.settings.folder, settings, echo) as slow:

        def ask(client: str, secret: str) -> int:
            headers = signed("robot", secret, "POST", "/echo")
            return slow.ask("POST", "/echo", client, headers=headers).status_code

        assert [ask("203.0.113.1", ROBOT) for _ in range(5)] == [200] * 5
        assert [ask("203.0.113.2", "x" * 24) for _ in range(3)] == [401, 401, 429]


def test_limits_let_through_the_rate_and_a_burst() -> None:
    clock = [0.0]
    limits = Limits(2.0, lambda: clock[0])
    assert [limits.wait("a", 1.0) for _ in range(4)] == [0, 0, 1, 1]
    assert limits.wait("b", 1.0) == 0
    clock[0] = 1.0
    assert [limits.wait("a", 1.0) for _ in range(2)] == [0, 1]
    assert [limits.wait("slow", 0.1) for _ in range(2)] == [0, 10]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("shop: {scopes: [events]}", "a token needs a `secret` or a `file`"),
        ('shop: {secret: "${SHOP_TOKEN}", scopes: []}', "scopes"),
        ('shop: {secret: "${SHOP_TOKEN}", scopes: [evnts]}', "evnts"),
        ('shop: {secret: "a-secret-in-the-file-itself", scopes: [otp]}', "must name an environment variable"),
        ('shop: {secret: "${NOT_THERE}", scopes: [otp]}', "NOT_THERE is not set"),
        ('shop: {secret: "${SHORT}", scopes: [otp]}', "too short"),
        ("shop: {file: none.txt, scopes: [otp]}", "there is no such file"),
        ("shop: {file: empty.txt, scopes: [otp]}", "has no secret"),
        ('shop: {secret: "${SHOP_TOKEN}", scopes: [otp]}, b: {secret: "${SHOP_TOKEN}", scopes: [otp]}', "same secret"),
        ('shop: {secret: "${SHOP_TOKEN}", scopes: [otp], rate: often}', "is not a rate"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_token_is_told_at_its_place(project: Project, typed: str, said: str) -> None:
    project.write("empty.txt", "# nothing\n\n")
    project.write("a2pcli.yaml", f"region: GB\nlisten: {{tokens: {{{typed}}}}}\n")
    project.run("ledger", "create")
    ran = project.run("listen", "--port", "0", SHOP_TOKEN=SHOP, SHORT="abc")
    assert (ran.status, said in ran.err, "a2pcli.yaml:2:" in ran.err) == (3, True, True), ran.err
    assert SHOP not in ran.err


def test_a_token_is_changed_without_a_restart_and_two_are_valid_meanwhile(project: Project) -> None:
    settings = SETTINGS + "  tokens:\n    ops: {file: ops.txt, scopes: [metrics]}\n"
    old, new = "old-secret-0123456789", "new-secret-0123456789"

    def change(*secrets: str) -> None:
        fresh = project.write("ops.new", "\n".join(secrets))
        fresh.replace(project.folder / "ops.txt")

    change(old)
    with listener(project.folder, settings=settings) as heard:

        def status(secret: str) -> int:
            headers = {"Authorization": f"Bearer {secret}"}
            return httpx.get(f"{heard.url}/metrics", headers=headers).status_code

        def becomes(secret: str, wanted: int) -> bool:
            until = time.monotonic() + 20
            while status(secret) != wanted and time.monotonic() < until:
                time.sleep(0.3)
            return status(secret) == wanted

        assert (status(old), status(new)) == (200, 401)
        change(old, new)
        assert becomes(new, 200)
        assert status(old) == 200
        change(new)
        os.kill(heard.process.pid, 1)
        assert becomes(old, 401)
        assert status(new) == 200
        change("short")
        until = time.monotonic() + 20
        while "remain as they were" not in heard.said() and time.monotonic() < until:
            time.sleep(0.1)
        assert status(new) == 200
        assert heard.stop() == 0
        said = heard.said()
    assert "the tokens remain as they were" in said
    assert not any(secret in said for secret in (old, new))
    trail = project.run("audit", "list", "--all", "--json", **ENVIRON).json["entries"]
    assert [one["detail"] for one in trail if one["action"] == "listen.tokens"] == [{"tokens": ["ops"]}] * 2
    assert query(project, "SELECT count(*) AS n FROM replies") == [{"n": 0}]


def test_secrets_are_read_from_the_environment_and_from_dotenv(tmp_path: Path) -> None:
    from a2pcli.config.load import load_settings

    (tmp_path / ".env").write_text(f"SHOP_TOKEN={SHOP}\n")
    (tmp_path / "robot.txt").write_text(ROBOT)
    (tmp_path / "a2pcli.yaml").write_text(TOKENS)
    found = read_tokens(load_settings(tmp_path))
    assert {name: one.secrets for name, one in found.items()} == {
        "shop": (SHOP.encode(),), "robot": (ROBOT.encode(),),
    }  # fmt: skip
