"""Email by SMTP against aiosmtpd: what arrives, what a refusal means, and what is known when a connection breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from smtpkit import DropsInData, Raw, Relay

from a2pcli.errors import InvalidInput
from a2pcli.gateways.registry import create
from a2pcli.messages import Cause, Message, Outcome, Verdict

CONTENT = {
    "subject": "Anna, 20% off – now",
    "html": "<p>Hello <b>Anna</b> – it's Ünïcode</p>",
    "from_name": "Der Laden, GmbH",
}


def message(number: int = 1, to: str = "anna@example.com", **content: Any) -> Message:
    return Message(
        number, f"rsmtptst-{number:06d}", to, "Hello\n.dot at the start\nAnna", "email",
        sender="news@shop.example", content={**CONTENT, **content},
    )  # fmt: skip


def submitted(
    settings: dict[str, Any], messages: Sequence[Message], *, at_once: bool = False
) -> list[Outcome]:
    async def run() -> list[Outcome]:
        gateway = create("mail", settings)
        await gateway.open()
        try:
            if at_once:
                found = await asyncio.gather(*(gateway.submit([one]) for one in messages))
                return [outcome for outcomes in found for outcome in outcomes]
            return [(await gateway.submit([one]))[0] for one in messages]
        finally:
            await gateway.close()

    return asyncio.run(run())


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
@pytest.mark.parametrize("pipelining", [False, True])
def test_an_email_arrives_with_text_html_headers_and_attachment(
    tmp_path: Path, tls: str, pipelining: bool
) -> None:
    file = tmp_path / "Preisliste ü.pdf"
    file.write_bytes(b"%PDF \x00\xff" * 50)
    attachment = {
        "file": str(file), "name": file.name, "type": "application/pdf", "size": file.stat().st_size,
        "sha256": sha256(file.read_bytes()).hexdigest(),
    }  # fmt: skip
    leaving = {"url": "https://shop.example/u?p=1", "mailto": "leave@shop.example", "one_click": True}
    sent = message(
        unsubscribe=leaving,
        reply_to="help@shop.example",
        headers={"X-Campaign": "März"},
        attachments=[attachment],
    )
    with Relay(tls=tls) as relay:
        relay.handler.pipelining = pipelining
        (outcome,) = submitted(relay.settings(tmp_path, return_path="bounces@shop.example"), [sent])
        assert outcome == Outcome(Verdict.ACCEPTED, "Q000001")
        ((envelope_from, to, _),) = relay.handler.taken
        (got,) = relay.handler.messages()
    assert (envelope_from, to) == ("bounces@shop.example", ["anna@example.com"])
    assert got["Subject"] == CONTENT["subject"]
    assert got["From"].addresses[0].display_name == "Der Laden, GmbH"
    assert got["From"].addresses[0].addr_spec == "news@shop.example"
    assert got["Message-ID"] == "<rsmtptst-000001@shop.example>"
    assert got["List-Unsubscribe"] == "<https://shop.example/u?p=1>, <mailto:leave@shop.example>"
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (got["Reply-To"], got["X-Campaign"]) == ("help@shop.example", "März")
    assert got["Date"].datetime is not None
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().split() == ["Hello", ".dot", "at", "the", "start", "Anna"]
    assert html.get_content().strip() == CONTENT["html"]
    (attached,) = got.iter_attachments()
    assert attached.get_filename() == file.name
    assert attached.get_content() == file.read_bytes()
    assert not got.defects


def test_the_password_is_asked_for_and_a_wrong_one_stops_the_run(tmp_path: Path) -> None:
    with Relay(tls="starttls", password="s3cret") as relay:
        (good,) = submitted(relay.settings(tmp_path, username="u", password="s3cret"), [message()])
        (bad,) = submitted(relay.settings(tmp_path, username="u", password="wrong"), [message()])
        (none,) = submitted(relay.settings(tmp_path), [message()])
    assert good.verdict is Verdict.ACCEPTED
    assert (bad.verdict, bad.cause) == (Verdict.NOT_SENT, Cause.ACCOUNT)
    assert (none.verdict, none.cause) == (Verdict.NOT_SENT, Cause.ACCOUNT)
    assert "wrong" not in f"{bad}"


def test_a_password_is_not_sent_unencrypted_nor_to_a_stranger(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not sent unencrypted"):
        create(
            "mail", {"type": "smtp", "host": "relay.example", "tls": "none", "username": "u", "password": "p"}
        )
    with Relay(tls="starttls") as relay:
        settings = {key: value for key, value in relay.settings(tmp_path).items() if key != "ca"}
        (outcome,) = submitted(settings, [message()])
        assert (outcome.verdict, outcome.code) == (Verdict.NOT_SENT, "certificate")
    with Relay(tls="none") as plain:
        (outcome,) = submitted({**plain.settings(tmp_path), "tls": "starttls"}, [message()])
    assert (outcome.verdict, outcome.cause) == (Verdict.NOT_SENT, Cause.ACCOUNT)
    assert plain.handler.taken == []


REFUSALS = [
    ("rcpt", "550 5.1.1 no such user", Verdict.REJECTED, Cause.PERMANENT, "5.1.1"),
    ("rcpt", "550 nobody here", Verdict.REJECTED, Cause.PERMANENT, "550"),
    ("rcpt", "451 4.7.1 greylisted, come back", Verdict.NOT_SENT, Cause.TEMPORARY, "4.7.1"),
    ("rcpt", "452 4.2.2 full", Verdict.NOT_SENT, Cause.TEMPORARY, "4.2.2"),
    ("rcpt", "599 strange", Verdict.REJECTED, Cause.PERMANENT, "599"),
    ("mail", "550 5.7.1 not yours", Verdict.NOT_SENT, Cause.SENDER, "5.7.1"),
    ("mail", "421 4.7.0 slow down", Verdict.NOT_SENT, Cause.RATE, "4.7.0"),
    ("mail", "530 5.7.0 sign in", Verdict.NOT_SENT, Cause.ACCOUNT, "5.7.0"),
    ("data", "451 4.3.0 not now", Verdict.NOT_SENT, Cause.TEMPORARY, "4.3.0"),
    ("data", "552 5.3.4 too large", Verdict.REJECTED, Cause.CONTENT, "5.3.4"),
    ("data", "554 5.7.1 spam", Verdict.REJECTED, Cause.CONTENT, "5.7.1"),
    ("data", "550 5.7.26 no DKIM", Verdict.NOT_SENT, Cause.SENDER, "5.7.26"),
]  # fmt: skip


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize(("step", "reply", "verdict", "cause", "code"), REFUSALS)
def test_a_refusal_means_what_its_step_and_codes_say_and_the_next_message_goes(
    tmp_path: Path, step: str, reply: str, verdict: Verdict, cause: Cause, code: str, pipelining: bool
) -> None:
    with Relay() as relay:
        relay.handler.pipelining = pipelining
        answers = iter([reply])
        setattr(relay.handler, f"on_{step}", lambda _: next(answers, None))
        first, second = submitted(relay.settings(tmp_path), [message(1), message(2, "ben@example.com")])
        assert (first.verdict, first.cause, first.code) == (verdict, cause, code)
        assert first.detail
        assert "anna" not in first.detail
        assert second.verdict is Verdict.ACCEPTED
        assert relay.handler.recipients() == ["ben@example.com"]
    if cause is Cause.TEMPORARY and step == "rcpt":
        assert first.retry_after == 300


def test_lost_before_the_final_dot_nothing_was_sent_and_lost_after_it_nobody_knows(tmp_path: Path) -> None:
    with Relay(server=DropsInData) as relay:
        (before,) = submitted(relay.settings(tmp_path), [message(html="<p>Hello</p>\n" * 300_000)])
    assert (before.verdict, before.cause) == (Verdict.NOT_SENT, Cause.UNREACHABLE)
    with Relay() as relay:
        relay.handler.on_data = lambda _: "drop"
        (after,) = submitted(relay.settings(tmp_path), [message()])
        assert relay.handler.recipients() == ["anna@example.com"]
    assert (after.verdict, after.cause) == (Verdict.UNKNOWN, Cause.AMBIGUOUS)
    with Relay() as relay:
        relay.handler.pause = 2
        (slow,) = submitted(relay.settings(tmp_path, timeout="0.2"), [message()])
    assert (slow.verdict, slow.code) == (Verdict.UNKNOWN, "timeout")


def test_the_gateway_tells_of_a_departure_just_before_the_final_dot(tmp_path: Path) -> None:
    told: list[str] = []

    async def run(relay: Relay) -> None:
        gateway = create("mail", relay.settings(tmp_path))
        gateway.leaving = lambda batch: told.extend(one.reference for one in batch)  # type: ignore[attr-defined]
        await gateway.open()
        await gateway.submit([message(html="<p>Hello</p>\n" * 300_000)])
        await gateway.close()

    with Relay(server=DropsInData) as relay:
        asyncio.run(run(relay))
    assert told == []
    with Relay() as relay:
        asyncio.run(run(relay))
    assert told == ["rsmtptst-000001"]


@pytest.mark.parametrize(
    "says", [b"", b"\x00\xffSSH-2.0\r\n", b"554 go away\r\n", b"421 busy\r\n", b"220-" + b"x" * 100_000]
)
def test_what_is_no_relay_gets_nothing(tmp_path: Path, says: bytes) -> None:
    with Raw(says) as raw:
        block = {"type": "smtp", "host": "127.0.0.1", "port": str(raw.port), "tls": "none", "timeout": "2"}
        (outcome,) = submitted(block, [message()])
    assert outcome.verdict is Verdict.NOT_SENT
    assert outcome.code
    assert outcome.detail


def test_connections_are_kept_and_replaced_and_as_many_as_the_concurrency(tmp_path: Path) -> None:
    with Relay() as relay:
        some = [message(number) for number in range(1, 41)]
        outcomes = submitted(relay.settings(tmp_path, per_connection="10"), some)
        assert {one.verdict for one in outcomes} == {Verdict.ACCEPTED}
        assert len(relay.handler.connections) == 4
    with Relay() as relay:
        outcomes = submitted(relay.settings(tmp_path), some, at_once=True)
        assert {one.verdict for one in outcomes} == {Verdict.ACCEPTED}
        assert sorted(one["Message-ID"] for one in relay.handler.messages()) == [
            f"<{one.reference}@shop.example>" for one in some
        ]


def test_a_connection_the_relay_closed_meanwhile_costs_nobody_a_try(tmp_path: Path) -> None:
    with Relay() as relay:
        relay.handler.on_data = lambda _: "421 4.3.2 going down" if len(relay.handler.taken) == 1 else None
        first, second, third = submitted(relay.settings(tmp_path), [message(1), message(2), message(3)])
        assert (second.verdict, second.cause) == (Verdict.NOT_SENT, Cause.TEMPORARY)
        assert first.verdict is Verdict.ACCEPTED
        relay.handler.on_data = lambda _: None
        assert third.verdict is Verdict.NOT_SENT
        assert submitted(relay.settings(tmp_path), [message(4)])[0].verdict is Verdict.ACCEPTED


def test_no_cell_adds_a_header_or_a_recipient(tmp_path: Path) -> None:
    with Relay() as relay:
        evil = message(subject="Hi\r\nBcc: evil@example.com")
        commands = message(2, "anna@example.com>\r\nRCPT TO:<evil@example.com")
        named = message(3, from_name='"<evil@example.com>', reply_to="a@b.example\r\nX: y")
        outcomes = submitted(relay.settings(tmp_path), [evil, commands, named])
        assert [one.verdict for one in outcomes] == [Verdict.REJECTED] * 3
        assert relay.handler.taken == []


def test_addresses_beyond_ascii_need_a_relay_that_takes_them(tmp_path: Path) -> None:
    with Relay() as relay:
        (outcome,) = submitted(relay.settings(tmp_path), [message(to="jürgen@xn--mnchen-3ya.de")])
        assert outcome.verdict is Verdict.ACCEPTED
        assert "SMTPUTF8" in relay.handler.options[0]
        assert relay.handler.recipients() == ["jürgen@xn--mnchen-3ya.de"]
    with Relay(utf8=False) as relay:
        (outcome,) = submitted(relay.settings(tmp_path), [message(to="jürgen@xn--mnchen-3ya.de")])
        assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, "smtputf8")


def test_an_attachment_that_was_changed_after_the_plan_stops_the_run(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("approved")
    digest = sha256(b"approved").hexdigest()
    one = {"file": str(file), "name": "a.txt", "type": "text/plain", "sha256": digest, "size": 8}
    file.write_text("replaced")
    with Relay() as relay:
        (outcome,) = submitted(relay.settings(tmp_path), [message(attachments=[one])])
        assert (outcome.verdict, outcome.cause) == (Verdict.NOT_SENT, Cause.ACCOUNT)
        assert "changed after the plan" in (outcome.detail or "")
        assert relay.handler.taken == []


def test_a_message_that_is_too_large_or_has_no_subject_is_not_tried(tmp_path: Path) -> None:
    plain = Message(
        1, "rsmtptst-000001", "anna@example.com", "Your code is 1", "email", sender="a@shop.example"
    )
    with Relay() as relay:
        large, none = submitted(relay.settings(tmp_path, max_size="3 kB"), [message(html="x" * 5_000), plain])
        assert (large.verdict, large.code) == (Verdict.REJECTED, "too-large")
        assert (none.verdict, none.code) == (Verdict.REJECTED, "no-subject")
        (code,) = submitted(relay.settings(tmp_path, subject="Your code"), [plain])
        assert code.verdict is Verdict.ACCEPTED
        assert relay.handler.messages()[0]["Subject"] == "Your code"


def test_check_signs_in_and_sends_nothing(tmp_path: Path) -> None:
    async def run(settings: dict[str, Any]) -> tuple[bool, str]:
        gateway = create("mail", settings)
        await gateway.open()
        health = await gateway.check()
        await gateway.close()
        return health.ok, health.detail

    with Relay(tls="starttls", password="s3cret") as relay:
        assert asyncio.run(run(relay.settings(tmp_path, username="u", password="s3cret")))[0]
        ok, detail = asyncio.run(run(relay.settings(tmp_path, username="u", password="no")))
        assert not ok
        assert "password" in detail
        assert relay.handler.taken == []
