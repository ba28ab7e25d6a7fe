"""``a2pcli otp``: a code is sent, entered once, and shown nowhere but in the message."""

from __future__ import annotations

import re
import sqlite3

import pytest
from clikit import CAMPAIGN, Project

SECRET = {"OTP_SECRET": "0123456789abcdef0123456789abcdef"}
SETTINGS = """\
region: GB
otp:
  secret: ${OTP_SECRET}
  service: ACME
  origin: example.com
  texts: {de: "{{ code }} ist Ihr Code von {{ service }}, gültig {{ minutes }} Minuten."}
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("a2pcli.yaml", SETTINGS)
    assert project.run("ledger", "create").status == 0
    return project


def code_of(project: Project) -> str:
    found = re.search(r"#(\d+)$", project.outbox()[-1]["body"])
    assert found
    return found[1]


def test_a_code_is_sent_and_accepted_once(shop: Project) -> None:
    sent = shop.run("otp", "send", "07911 123456", **SECRET)
    assert sent.status == 0
    assert "code sent; it is valid until" in sent.err
    message = shop.outbox()[-1]
    code = code_of(shop)
    assert re.fullmatch(r"\d{6}", code)
    assert message["to"] == "+447911123456"
    assert message["body"] == (
        f"{code} is your ACME code. It expires in 5 minutes. Do not share it.\n\n@example.com #{code}"
    )
    typed = f" {code[:3]}-{code[3:]} "
    assert shop.run("otp", "verify", "+447911123456", stdin=typed, **SECRET).status == 0
    again = shop.run("otp", "verify", "+447911123456", code, **SECRET)
    assert (again.status, "used already" in again.err) == (6, True)


def test_a_code_is_nowhere_but_in_the_message(shop: Project) -> None:
    said = shop.run("otp", "send", "07911 123456", "--json", **SECRET)
    code = code_of(shop)
    said2 = shop.run("otp", "verify", "07911123456", code, "--json", **SECRET)
    audit = shop.run("audit", "list", "--json")
    exported = shop.run("people", "export", "07911123456", "--region", "GB")
    assert said.json["sent"] is True
    assert (said2.json["verified"], said2.json["result"]) == (True, "verified")
    assert code not in said.out + said.err + said2.out + audit.out + exported.out
    assert exported.json["verified"][0]["address"] == "+447911123456"
    kept = [one for one in (shop.folder / ".a2pcli").rglob("ledger.db*") if one.is_file()]
    with sqlite3.connect(shop.folder / ".a2pcli/ledger.db") as ledger:
        assert [body for (body,) in ledger.execute("SELECT body FROM answers")] == [None]
    assert kept
    assert not any(code.encode() in one.read_bytes() for one in kept)


def test_wrong_codes_are_counted_and_the_last_one_voids_it(shop: Project) -> None:
    shop.run("otp", "send", "07911123456", **SECRET)
    wrong = "000000" if code_of(shop) != "000000" else "111111"
    said = [shop.run("otp", "verify", "07911123456", wrong, **SECRET) for _ in range(6)]
    assert {one.status for one in said} == {6}
    assert "attempts left: 4" in said[0].err
    assert "attempts left: 1" in said[3].err
    assert all("too many wrong codes" in one.err for one in said[4:])


def test_a_second_code_has_to_wait_and_the_text_has_the_persons_language(shop: Project) -> None:
    assert shop.run("otp", "send", "07911123456", "--language", "de-AT", **SECRET).status == 0
    assert "ist Ihr Code von ACME, gültig 5 Minuten." in shop.outbox()[-1]["body"]
    soon = shop.run("otp", "send", "07911123456", **SECRET)
    assert soon.status == 6
    assert "too soon for another code (another can be sent from" in soon.err
    assert len(shop.outbox()) == 1


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("+14155552671", 6, "codes are not sent to this country (US)"),
        ("020 7183 8750", 3, "cannot receive text messages"),
        ("what", 3, "not a valid phone number"),
    ],
)
def test_no_code_goes_where_none_may_go(shop: Project, address: str, status: int, said: str) -> None:
    refused = shop.run("otp", "send", address, **SECRET)
    assert (refused.status, said in refused.err) == (status, True), refused.err
    assert not (shop.folder / ".a2pcli/outbox.jsonl").exists()


def test_a_gateway_that_is_down_sends_no_code_and_the_log_calls_it_a_code(shop: Project) -> None:
    down = 'gateways:\n  kannel: {url: "http://127.0.0.1:1/cgi-bin/sendsms", username: u, password: p}\n'
    shop.write("a2pcli.yaml", SETTINGS.replace("  service:", "  gateway: kannel\n  service:") + down)
    said = shop.run("otp", "send", "07911123456", **SECRET)
    assert said.status == 5, said.err
    assert "gateway kannel: a code was not sent: the connection was refused" in said.err
    assert "no code was sent" in said.err


@pytest.mark.parametrize(
    ("settings", "environ", "said"),
    [
        ("region: GB\n", SECRET, "`otp: secret` is not set"),
        (SETTINGS, {}, "OTP_SECRET is not set"),
        (SETTINGS, {"OTP_SECRET": "short"}, "a2pcli.yaml:3:"),
        (SETTINGS.replace("  service: ACME\n", ""), SECRET, "`otp: service` is not set"),
        (SETTINGS.replace("region: GB\n", ""), SECRET, "`otp: countries` is not set"),
        (SETTINGS + '  text: "{{ cod }} of ACME"\n', SECRET, "a2pcli.yaml:7:"),
        (SETTINGS + '  text: "Hello from ACME"\n', SECRET, "does not contain the code"),
    ],
)
def test_what_is_missing_in_the_settings_is_named(
    project: Project, settings: str, environ: dict[str, str], said: str
) -> None:
    project.write("a2pcli.yaml", settings)
    project.run("ledger", "create")
    refused = project.run("otp", "send", "+447911123456", **environ)
    assert (refused.status, said in refused.err) == (3, True), refused.err
    assert not (project.folder / ".a2pcli/outbox.jsonl").exists()


def test_a_campaign_can_ask_for_verified_addresses(shop: Project) -> None:
    shop.starter()
    shop.write("a2pcli.yaml", SETTINGS)
    shop.run("otp", "send", "07911123456", **SECRET)
    assert shop.run("otp", "verify", "07911123456", code_of(shop), **SECRET).status == 0
    shop.write("sale.yaml", CAMPAIGN + "verified: 30 days\n")
    planned = shop.run("plan", "sale.yaml", "--json", **SECRET).json
    assert planned["recipients"] == 1
    assert planned["excluded"]["not-verified"] >= 3
