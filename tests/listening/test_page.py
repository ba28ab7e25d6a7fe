"""The page at `/`: nothing without a token, nothing by another site, and what a token may see, masked."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from clikit import Project
from listenkit import ENVIRON
from partkit import PUBLIC, InProcess, in_process

from a2pcli.ledger.conversations import Heard
from a2pcli.listening import board, sessions
from a2pcli.listening.sessions import IDLE, LASTS, Sessions
from a2pcli.listening.tokens import Token

OPS, DESK, SHOP = "ops-secret-0123456789", "desk-secret-0123456789", "shop-secret-0123456789"
SETTINGS = f"""\
region: GB
rates: rates.csv
replies: {{texts: keep}}
listen:
  public_url: {PUBLIC}
  tokens:
    ops: {{file: ops.txt, scopes: [read, inbox]}}
    desk: {{file: desk.txt, scopes: [inbox]}}
    shop: {{file: shop.txt, scopes: [events]}}
"""
ATTACK = "<script>alert(1)</script> thanks"


@pytest.fixture
def shop(project: Project) -> Project:
    """A project with a run, a reply and a receipt."""
    project.starter()
    for name, secret in (("ops", OPS), ("desk", DESK), ("shop", SHOP)):
        project.write(f"{name}.txt", secret)
    project.write("a2pcli.yaml", SETTINGS)
    assert project.run("send", "sale.yaml", "--yes", **ENVIRON).status == 0
    (run,) = project.run("runs", "--json").json["runs"]
    project.write("replies.csv", f"phone,text\n07911123456,{ATTACK}\n")
    project.run("optout", "replies", "replies.csv")
    project.write("receipts.csv", f"reference,status\n{run['run']}-000001,delivered\n")
    project.run("receipts", "import", "receipts.csv")
    return project


@contextmanager
def logged_in(shop: Project, secret: str) -> Iterator[tuple[InProcess, dict[str, str]]]:
    with in_process(shop.folder, SETTINGS) as heard:
        response = login(heard, secret)
        assert response.status_code == 303, response.text
        yield heard, {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}


def login(heard: InProcess, secret: str, **headers: str) -> httpx.Response:
    return heard.ask("POST", "/login", data={"token": secret}, headers=headers)


def csrf_of(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found
    return found[1]


def test_nothing_is_shown_without_a_token_that_is_for_it(shop: Project) -> None:
    with in_process(shop.folder, SETTINGS) as heard:
        page = heard.ask("GET", "/")
        assert 'type="password"' in page.text
        assert "spring-sale" not in page.text
        assert heard.ask("GET", "/live").status_code == 401
        assert heard.ask("GET", "/", headers={"Cookie": "a2pcli_session=guess"}).text == page.text
        assert login(heard, "wrong-secret-0123456789").status_code == 401
        refused = login(heard, SHOP)
        assert (refused.status_code, "it needs the scope" in refused.text) == (403, True)
        for _ in range(8):
            login(heard, "wrong-secret-0123456789")
        assert login(heard, "wrong-secret-0123456789").status_code == 401, "the tenth"
        assert login(heard, "wrong-secret-0123456789").status_code == 429


def test_the_page_shows_runs_replies_and_receipts_masked_and_escaped(shop: Project) -> None:
    with logged_in(shop, OPS) as (heard, cookie):
        page = heard.ask("GET", "/", headers=cookie)
        assert page.status_code == 200
        text = page.text
        assert heard.ask("GET", "/live", headers=cookie).text in text
    assert "spring-sale" in text
    assert "+4479…56" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "delivered" in text
    assert "447911123456" not in text
    assert not re.search(r"<script>|<style|style=|\son\w+=|https?://", text)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"


def test_a_token_for_the_inbox_sees_no_runs(shop: Project) -> None:
    with logged_in(shop, DESK) as (heard, cookie):
        text = heard.ask("GET", "/", headers=cookie).text
    assert "thanks" in text
    assert "spring-sale" not in text
    assert "Last receipts" not in text


@pytest.mark.parametrize(
    ("host", "path", "secure"),
    [("hooks.example.com", "/a2p/", True), ("127.0.0.1:8080", "/", False), ("10.0.0.7:8080", "/", True)],
)
def test_the_cookie_is_for_this_page_alone(shop: Project, host: str, path: str, secure: bool) -> None:
    with in_process(shop.folder, SETTINGS) as heard:
        cookie = login(heard, OPS, Host=host).headers["Set-Cookie"]
    attributes = {one.strip() for one in cookie.split(";")[1:]}
    assert {f"Path={path}", "HttpOnly", "SameSite=Strict"} <= attributes
    assert ("Secure" in attributes) is secure


def test_no_other_site_can_log_in_or_out(shop: Project) -> None:
    with logged_in(shop, OPS) as (heard, cookie):

        def ask(way: str, data: dict[str, str], **headers: str) -> int:
            return heard.ask("POST", way, data=data, headers={**cookie, **headers}).status_code

        csrf = csrf_of(heard.ask("GET", "/", headers=cookie).text)
        evil: dict[str, Any] = {"Origin": "https://evil.example"}
        assert ask("/login", {"token": OPS}, **evil) == 403
        assert ask("/login", {"token": OPS}, **{"Sec-Fetch-Site": "cross-site"}) == 403
        for strange in ("null", "https://[", "hooks.example.com", "https://x:99999999", ""):
            assert ask("/login", {"token": OPS}, Origin=strange) == 403, strange
            assert ask("/login", {"token": OPS}, Origin=strange, Host="[") == 403, strange
        assert ask("/login", {"token": OPS}, Host="[") == 303
        for wrong in ({}, {"csrf": "guess"}, {"csrf": csrf[:-1]}):
            assert ask("/logout", wrong) == 403
        assert ask("/logout", {"csrf": csrf}, **evil) == 403
        assert heard.ask("GET", "/live", headers=cookie).status_code == 200
        assert ask("/logout", {"csrf": csrf}, Origin="https://hooks.example.com") == 303
        assert heard.ask("GET", "/live", headers=cookie).status_code == 401
        assert heard.ask("GET", "/logout", headers=cookie).status_code == 405


def conversation(heard: InProcess, address: str = "+447911123456") -> str:
    """The code of an open conversation with somebody who wrote by the outbox."""
    asked = Heard(address, "sms", "outbox", "Shop", None, "no rule matches it")
    return heard.listener.store.ledger.conversations.hear(asked).code


def test_the_inbox_is_answered_and_closed_on_the_page_once(shop: Project) -> None:
    with logged_in(shop, DESK) as (heard, cookie):
        code, other = conversation(heard), conversation(heard, "+447911123457")
        text = heard.ask("GET", "/", headers=cookie).text
        assert "no rule matches it" in text
        assert "447911123456" not in text
        csrf = csrf_of(text)
        turn = re.search(r'name="turn" value="([^"]+)"', text)
        assert turn

        def send(what: str, **fields: str) -> httpx.Response:
            data = {"csrf": csrf, "turn": turn[1], **fields}
            return heard.ask("POST", f"/inbox/{what}", data=data, headers=cookie)

        done = send(f"{code}/reply", text="We open at nine.")
        assert (done.status_code, done.headers["Location"]) == (303, "../../#inbox")
        again = send(f"{code}/reply", text="We open at nine.")
        assert (again.status_code, "was sent from this page before" in again.text) == (409, True)
        assert "We open at nine." in heard.ask("GET", "/", headers=cookie).text
        for wrong in ({"csrf": "guess"}, {"csrf": ""}):
            assert send(f"{other}/close", **wrong).status_code == 403
        assert send("c2222222/reply", text="x").status_code == 400
        assert "What you wrote" in send("c2222222/reply", text="Long text").text
        assert send(f"{other}/reply", text=" ").status_code == 400
        assert send(f"{other}/close").status_code == 303
        assert send(f"{other}/close").status_code == 303
        assert send(f"{code}/reply", text="Bye", turn="next", close="yes").status_code == 303
        assert "No open conversations" in heard.ask("GET", "/", headers=cookie).text
        gone = heard.ask("POST", f"/inbox/{code}/reply", data={"text": "Kept", "csrf": csrf})
        assert (gone.status_code, "Kept" in gone.text) == (401, True)
        ledger = heard.listener.store.ledger
        assert [one.text for one in ledger.conversations.said(ledger.conversations.by_code(code)) if one.is_ours] == [
            "We open at nine.", "Bye",
        ]  # fmt: skip
    trail = [one["action"] for one in shop.run("audit", "list", "--all", "--json").json["entries"]]
    assert (trail.count("inbox.reply"), trail.count("inbox.close"), trail.count("answer.add")) == (2, 1, 2)


def test_nobody_who_opted_out_is_answered_on_the_page(shop: Project) -> None:
    shop.run("optout", "add", "07911123456")
    with logged_in(shop, DESK) as (heard, cookie):
        code = conversation(heard)
        csrf = csrf_of(heard.ask("GET", "/", headers=cookie).text)
        refused = heard.ask("POST", f"/inbox/{code}/reply", data={"csrf": csrf, "text": "Hi"}, headers=cookie)
    assert refused.status_code == 400
    assert "has opted out" in refused.text


def test_a_token_that_only_reads_answers_nobody(shop: Project) -> None:
    shop.write("shop.txt", SHOP)
    settings = SETTINGS.replace("scopes: [events]", "scopes: [read]")
    with in_process(shop.folder, settings) as heard:
        cookie = {"Cookie": login(heard, SHOP).headers["Set-Cookie"].partition(";")[0]}
        text = heard.ask("GET", "/", headers=cookie).text
        assert "Inbox" not in text
        code = conversation(heard)
        data = {"csrf": csrf_of(text), "text": "Hi"}
        assert heard.ask("POST", f"/inbox/{code}/reply", data=data, headers=cookie).status_code == 403


def test_a_session_ends_with_its_token(shop: Project) -> None:
    with logged_in(shop, OPS) as (heard, cookie):
        shop.write("ops.txt", f"{OPS}\nanother-secret-0123456789\n")
        heard.listener.gate.tokens.refresh(anyway=True)
        assert heard.ask("GET", "/live", headers=cookie).status_code == 200
        shop.write("ops.txt", "another-secret-0123456789\n")
        heard.listener.gate.tokens.refresh(anyway=True)
        assert heard.ask("GET", "/live", headers=cookie).status_code == 401


def test_a_session_ends_by_itself() -> None:
    clock, token = [0.0], Token("ops", frozenset({"read"}), (b"secret",), False, 1.0)

    class Known:
        def named(self, _name: str) -> Token:
            return token

    made = Sessions(Known(), lambda: clock[0])  # type: ignore[arg-type]
    idle, used = made.begin(token, "secret"), made.begin(token, "secret")
    clock[0] = IDLE - 1
    assert made.of(idle, is_person=False)
    assert made.of(used)
    clock[0] = IDLE + 1
    assert made.of(idle) is None, "a page that is left open does not keep it alive"
    for at in range(int(IDLE), int(LASTS), 3600):
        clock[0] = float(at)
        assert made.of(used)
    clock[0] = LASTS + 1
    assert made.of(used) is None
    cookies = [made.begin(token, "secret") for _ in range(sessions.MOST + 1)]
    assert made.of(cookies[0]) is None
    assert made.of(cookies[-1])


def test_a_ledger_that_is_away_is_said_on_the_page(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from a2pcli.errors import LedgerUnavailable

    with logged_in(shop, OPS) as (heard, cookie):

        def fails(*_: Any) -> None:
            raise LedgerUnavailable("the disk is full")

        monkeypatch.setattr(board, "runs_now", fails)
        response = heard.ask("GET", "/", headers=cookie)
    assert response.status_code == 503
    assert "cannot be read now" in response.text


def test_many_people_who_look_read_the_ledger_once_in_two_seconds(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[float] = []
    real = board.runs_now
    monkeypatch.setattr(board, "runs_now", lambda *given: (reads.append(time.monotonic()), real(*given))[1])
    monkeypatch.setattr(board, "KEPT_FOR", 60.0)
    with logged_in(shop, OPS) as (heard, cookie):
        for _ in range(5):
            assert heard.ask("GET", "/live", headers=cookie).status_code == 200
    assert len(reads) == 1
