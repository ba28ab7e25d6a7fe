"""What an operator gets for a message, read by a codec that a2pcli does not use; and what its answers mean."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

from provider_blocks import documented
from smsc import Answer, Smsc, Submitted
from test_smpp_contract import smpp_block

from a2pcli.content.parts import GSM, split
from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import Gateway
from a2pcli.gateways.codes import MEANINGS
from a2pcli.gateways.registry import create
from a2pcli.gateways.smpp.writing import gsm_octets, gsm_text
from a2pcli.messages import Cause, Message, Outcome, Verdict


def message(body: str = "Hi", number: int = 1, **more: Any) -> Message:
    given = {"to": "+447700900123", "sender": "ACME", "parts": 9, **more}
    return Message(number, f"r2345678-{number:06d}", body=body, **given)


def submitted(there: Smsc, messages: Sequence[Message], **block: Any) -> list[Outcome]:
    """The outcomes of the messages, all at once."""

    async def work() -> list[Outcome]:
        gateway: Gateway = create("operator", smpp_block(there.port, **{"timeout": "5", **block}))
        await gateway.open()
        try:
            found = await asyncio.gather(*[gateway.submit([one]) for one in messages])
            return [one[0] for one in found]
        finally:
            await gateway.close()

    return asyncio.run(work())


@dataclass(frozen=True)
class Case:
    """A message in these settings, and what the operator reads of it."""

    body: str = "Hi"
    sender: str | None = "ACME"
    to: str = "+447700900123"
    block: dict[str, Any] = field(default_factory=dict)
    wanted: dict[str, Any] = field(default_factory=dict)


CASES = {
    "a name": Case(wanted={"sender": "ACME", "source": (5, 0), "to": "447700900123", "destination": (1, 1)}),
    "an international sender": Case(
        sender="+447700900999", wanted={"sender": "447700900999", "source": (1, 1)}
    ),
    "a short code": Case(sender="78500", wanted={"sender": "78500", "source": (3, 0)}),
    "digits too long for a short code": Case(
        sender="447700900999", wanted={"sender": "447700900999", "source": (1, 1)}
    ),
    "no sender": Case(sender=None, wanted={"sender": "", "source": (0, 0)}),
    "kinds by the settings": Case(
        block={"source": {"ton": "0", "npi": "9"}, "destination": {"ton": "2", "npi": "8"}},
        wanted={"source": (0, 9), "destination": (2, 8)},
    ),
    "the default alphabet": Case(
        "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¤¡ÄÖÑÜ§¿äöñüà",
        wanted={"data_coding": 0, "octets": bytes([*range(9), 9, 11, 12, 14, 15, *range(16, 27), *range(28, 33),
                                                   0x24, 0x40, *range(0x5B, 0x61), *range(0x7B, 0x80)])},
    ),
    "escaped characters": Case(
        "{€}", wanted={"data_coding": 0, "octets": b"\x1b\x28\x1b\x65\x1b\x29", "esm_class": 0}
    ),
    "UCS-2": Case("я😀", wanted={"data_coding": 8, "octets": b"\x04\x4f\xd8\x3d\xde\x00"}),
    "data_coding by the settings": Case(
        block={"data_coding": {"default": "1"}}, wanted={"data_coding": 1, "octets": b"Hi"}
    ),
    "UCS-2 by the settings": Case(
        "я", block={"data_coding": {"ucs2": "24"}}, wanted={"data_coding": 24, "octets": b"\x04\x4f"}
    ),
    "Latin-1": Case(
        "è{", block={"alphabet": "latin-1", "data_coding": {"default": "3"}},
        wanted={"data_coding": 3, "octets": b"\xe8{"},
    ),
    "what Latin-1 lacks": Case(
        "€", block={"alphabet": "latin-1"}, wanted={"data_coding": 8, "octets": b"\x20\xac"}
    ),
    "receipts": Case(wanted={"registered": 1}),
    "receipts of failures": Case(block={"receipts": {"request": "failures"}}, wanted={"registered": 2}),
    "no receipts": Case(block={"receipts": {"request": "none"}}, wanted={"registered": 0}),
    "a transmitter hears none": Case(block={"bind": "transmitter"}, wanted={"registered": 0}),
    "validity": Case(block={"validity": "176461"}, wanted={"validity": "000002010101000R"}),
    "service type": Case(block={"service_type": "CMT"}, wanted={"service_type": "CMT"}),
    "160 septets are one part": Case("a" * 160, wanted={"octets": b"a" * 160, "esm_class": 0}),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_the_operator_reads_what_was_meant(case: str) -> None:
    one = CASES[case]
    with Smsc() as there:
        (outcome,) = submitted(there, [message(one.body, sender=one.sender, to=one.to)], **one.block)
    assert outcome == Outcome(Verdict.ACCEPTED, "m0000001")
    (got,) = there.received
    assert {name: getattr(got, name) for name in one.wanted} == one.wanted


@pytest.mark.parametrize("body", ["x" * 152 + "€" + "x" * 152, "я" * 66 + "😀" + "я" * 66, "ab" * 600])
@pytest.mark.parametrize("long", ["udh", "sar", "payload"])
def test_a_long_text_arrives_whole_cut_as_it_was_counted(long: str, body: str) -> None:
    with Smsc() as there:
        (outcome,) = submitted(there, [message(body)], long=long)
    assert (outcome.verdict, outcome.gateway_id) == (Verdict.ACCEPTED, "m0000001")
    assert len(outcome.part_ids) == (0 if long == "payload" else len(there.received))
    got = there.received
    is_gsm = GSM.issuperset(body)

    def text(octets: bytes) -> str:
        return gsm_text(octets) if is_gsm else octets.decode("utf-16-be")

    if long == "payload":
        assert [text(one.payload) for one in got] == [body]
        assert got[0].octets == b""
        return
    parts = split(body)
    total = len(parts)
    if long == "udh":
        assert {one.esm_class for one in got} == {0x40}
        assert {one.octets[:3] for one in got} == {b"\x05\x00\x03"}
        assert len({one.octets[3] for one in got}) == 1
        assert [(one.octets[4], one.octets[5]) for one in got] == [(total, n + 1) for n in range(total)]
        assert [text(one.octets[6:]) for one in got] == parts
    else:
        assert {one.esm_class for one in got} == {0}
        assert [one.sar and one.sar[1:] for one in got] == [(total, n + 1) for n in range(total)]
        assert [text(one.octets) for one in got] == parts
    assert max(len(one.octets) for one in got) <= 160


def test_messages_of_several_parts_have_references_of_their_own() -> None:
    with Smsc() as there:
        submitted(there, [message("x" * 200, number) for number in range(1, 21)])
    assert len({one.octets[3] for one in there.received}) == 20


def test_every_character_of_the_alphabet_comes_back_from_its_octets() -> None:
    every = "".join(sorted(GSM))
    assert gsm_text(gsm_octets(every)) == every


NOT_WRITTEN = {
    "no number": (message(to="Anna"), Verdict.REJECTED, Cause.PERMANENT),
    "a number too long": (message(to="+" + "1" * 21), Verdict.REJECTED, Cause.PERMANENT),
    "an empty text": (message(""), Verdict.REJECTED, Cause.CONTENT),
    "half a pair": (message("\ud83d"), Verdict.REJECTED, Cause.CONTENT),
    "more parts than planned": (message("x" * 500, parts=3), Verdict.REJECTED, Cause.CONTENT),
    "a sender too long": (message(sender="A" * 21), Verdict.NOT_SENT, Cause.SENDER),
    "a sender not in ASCII": (message(sender="Café"), Verdict.NOT_SENT, Cause.SENDER),
    "a sender with a zero in it": (message(sender="A\0B"), Verdict.NOT_SENT, Cause.SENDER),
}


@pytest.mark.parametrize("case", list(NOT_WRITTEN))
def test_what_cannot_be_written_never_leaves(case: str) -> None:
    one, verdict, cause = NOT_WRITTEN[case]
    with Smsc() as there:
        (outcome,) = submitted(there, [one])
    assert (outcome.verdict, outcome.cause) == (verdict, cause)
    assert there.received == []


def _codes() -> dict[int, str]:
    path = Path(__file__).parents[2] / "a2pcli" / "gateways" / "codes" / "smpp.csv"
    return {int(row["code"], 16): row["cause"] for row in csv.DictReader(path.open(encoding="utf-8"))}


def test_every_status_of_the_standard_has_its_meaning_and_is_never_taken_for_a_yes() -> None:
    codes = {**_codes(), 0x0400: "temporary", 0x7FFFFFFF: "temporary"}
    numbers = list(codes)
    with Smsc(lambda one: Answer(status=numbers[int(one.to[-3:])])) as there:
        found = submitted(there, [message(number=n + 1, to=f"+447700900{n:03}") for n in range(len(numbers))])
    for number, outcome in zip(numbers, found, strict=True):
        verdict, cause = MEANINGS[codes[number]]
        assert (outcome.verdict, outcome.cause) == (verdict, cause), hex(number)
        assert outcome.code is not None
        assert outcome.code.startswith("0x")
        assert outcome.detail
    assert len(there.received) == len(numbers)


def test_the_settings_say_what_an_operators_own_status_means() -> None:
    with Smsc(lambda _one: Answer(status=0x401)) as there:
        (outcome,) = submitted(there, [message()], errors={"0x401": "credit"})
    assert (outcome.verdict, outcome.cause, outcome.code) == (Verdict.NOT_SENT, Cause.CREDIT, "0x401")


def part_answers(*statuses: int) -> Any:
    """Parts are answered with these statuses, in the order in which they come; then all are taken."""

    def answer(one: Submitted) -> Answer:
        status = statuses[one.number - 1] if one.number <= len(statuses) else 0
        return Answer(id=f"m{one.number}", status=status)

    return answer


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a2pcli.gateways.smpp.gateway.REST_PAUSES", (0.02,))
    monkeypatch.setattr("a2pcli.gateways.smpp.gateway.REST_WITHIN", 0.3)


@pytest.mark.usefixtures("soon")
def test_a_part_that_was_throttled_follows_and_no_other_is_sent_again() -> None:
    with Smsc(part_answers(0, 0x58, 0x14, 0x58)) as there:
        (outcome,) = submitted(there, [message("x" * 400)])
    assert (outcome.verdict, outcome.gateway_id, len(set(outcome.part_ids))) == (Verdict.ACCEPTED, "m1", 3)
    numbers = [one.octets[5] for one in there.received]
    assert numbers == [1, 2, 3, 2, 3, 2]
    assert len({one.octets[3] for one in there.received}) == 1, "they still belong together"


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("statuses", "verdict", "cause"),
    [
        ((0x58, 0x58, 0x58), Verdict.NOT_SENT, Cause.RATE),
        ((0x0B, 0x0B, 0x0B), Verdict.REJECTED, Cause.PERMANENT),
        ((0x58, 0x0B, 0x58), Verdict.REJECTED, Cause.PERMANENT),
        ((0x0E, 0x58, 0x58), Verdict.NOT_SENT, Cause.ACCOUNT),
        ((0x08, 0x58, 0x58), Verdict.UNKNOWN, Cause.AMBIGUOUS),
        ((0, 0x0B, 0), Verdict.UNKNOWN, Cause.AMBIGUOUS),
        ((0, 0, 0x0E), Verdict.UNKNOWN, Cause.AMBIGUOUS),
    ],
)
def test_a_message_of_parts_is_never_better_than_what_is_known_of_each(
    statuses: tuple[int, ...], verdict: Verdict, cause: Cause
) -> None:
    with Smsc(part_answers(*statuses)) as there:
        (outcome,) = submitted(there, [message("x" * 400)])
    assert (outcome.verdict, outcome.cause) == (verdict, cause)
    assert len(there.received) == 3, "nothing is sent again by the gateway"
    if verdict is Verdict.UNKNOWN and 0 in statuses:
        assert outcome.gateway_id == "m1"
        assert outcome.detail is not None
        assert outcome.detail.startswith("the operator took 2 of 3 parts; of another: ")


def test_the_documented_block_is_a_gateway() -> None:
    gateway = create("operator", documented()["operator"])
    assert gateway.capabilities.concurrency == 50
    assert gateway.capabilities.receipts


WRONG = {
    "host": ({"host": ""}, "gateways.x.host: "),
    "port": ({"port": "70000"}, "gateways.x.port: "),
    "password": ({"password": "pä"}, "gateways.x.password: SMPP takes plain ASCII here"),
    "bind": ({"bind": "both"}, "gateways.x.bind: "),
    "a status": ({"errors": {"x401": "credit"}}, "gateways.x.errors: 'x401' is no command status"),
    "a meaning": ({"errors": {"0x401": "fine"}}, "gateways.x.errors: 0x401: unknown meaning"),
    "trust without TLS": ({"ca": "ca.pem"}, "gateways.x: ca and server_name need `tls: true`"),
    "an unknown key": ({"receipts": {"waits": "5"}}, "gateways.x.receipts.waits: unknown key"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_wrong_settings_are_told_at_their_key(case: str) -> None:
    more, wanted = WRONG[case]
    with pytest.raises(InvalidInput) as caught:
        create("x", {**smpp_block(2775), **more})
    (problem,) = caught.value.problems
    assert problem.message.startswith(wanted), problem.message
    assert "s3cret" not in str(problem)
