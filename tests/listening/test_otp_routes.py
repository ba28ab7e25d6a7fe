"""``POST /otp`` and ``/otp/verify``: for tokens with the scope, by JSON, with statuses that programs understand."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from partkit import InProcess, in_process

from a2pcli.actions import answers
from a2pcli.gateways.base import Capabilities, WrittenReply
from a2pcli.messages import Message, Outcome, Verdict

SHOP = "shop-secret-0123456789"
SETTINGS = """\
region: GB
otp: {secret: "${OTP_SECRET}", service: ACME, origin: example.com, countries: [GB, IE]}
listen:
  per_address: 1000/s
  tokens:
    shop: {secret: "${SHOP_TOKEN}", scopes: [otp], rate: 1000/s}
    other: {secret: "${OTHER_TOKEN}", scopes: [events]}
"""
BEARER = {"Authorization": f"Bearer {SHOP}"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    monkeypatch.setenv("SHOP_TOKEN", SHOP)
    monkeypatch.setenv("OTHER_TOKEN", "other-secret-0123456789")
    monkeypatch.setenv("OTP_SECRET", "0123456789abcdef" * 2)
    with in_process(tmp_path, SETTINGS) as made:
        yield made


def code_of(here: InProcess) -> str:
    lines = (here.listener.settings.folder / ".a2pcli/outbox.jsonl").read_text().splitlines()
    found = re.search(r"#(\d+)$", json.loads(lines[-1])["body"])
    assert found
    return found[1]


def test_a_code_is_sent_and_of_fifty_entries_at_once_one_succeeds(here: InProcess) -> None:
    sent = here.ask("POST", "/otp", headers=BEARER, json={"to": "+447911123456"})
    assert (sent.status_code, sent.json()["sent"], sent.json()["attempts_left"]) == (200, True, 5)
    code = code_of(here)
    asked = {"headers": BEARER, "json": {"to": "+447911123456", "code": code}}
    found = here.together([("POST", "/otp/verify", asked)] * 50)
    assert {one.status_code for one in found} == {200}
    assert sorted(one.json()["result"] for one in found) == ["used"] * 49 + ["verified"]
    assert code not in sent.text + "".join(here.said) + "".join(one.text for one in found)


def test_refusals_have_a_status_and_say_when_to_ask_again(here: InProcess) -> None:
    ask = {"headers": BEARER, "json": {"to": "+447911123456"}}
    here.ask("POST", "/otp", **ask)
    soon = here.ask("POST", "/otp", **ask)
    assert (soon.status_code, soon.json()["error"]) == (429, "wait")
    assert 25 <= int(soon.headers["Retry-After"]) <= 30
    abroad = here.ask("POST", "/otp", headers=BEARER, json={"to": "+33612345678"})
    assert (abroad.status_code, abroad.json()["error"]) == (403, "country")
    wrong = here.ask("POST", "/otp", headers=BEARER, json={"to": "nobody", "x": 1})
    assert (wrong.status_code, [one["message"] for one in wrong.json()["problems"]]) == (
        400, ["the body: 'x' is not known"],
    )  # fmt: skip
    long = here.ask("POST", "/otp", headers=BEARER, json={"to": "9" * 1001, "for": 5})
    assert [one["message"] for one in long.json()["problems"]] == [
        "the body: 'for' is not a text", "the body: 'to' is longer than 1000 characters",
    ]  # fmt: skip
    nobody = here.ask("POST", "/otp", headers=BEARER, json={"to": "nobody"})
    assert (nobody.status_code, nobody.json()["error"]) == (400, "address")


def test_pumping_is_stopped_and_told_once(here: InProcess) -> None:
    asked = [
        ("POST", "/otp", {"headers": BEARER, "json": {"to": f"+44791112{n:04}"}}) for n in range(0, 400, 7)
    ]
    found = here.together(asked)
    assert sum(one.status_code == 200 for one in found) == 5, [one.text for one in found][:3]
    assert {one.json()["error"] for one in found if one.status_code != 200} == {"velocity"}
    assert [line for line in here.said if "are blocked" in line] == [
        "otp: codes to +44791112… are blocked: too many codes were sent to numbers like this one at once"
    ]


def test_without_the_scope_nobody_sends_codes(here: InProcess) -> None:
    other = {"Authorization": "Bearer other-secret-0123456789"}
    for headers, status in (({}, 401), (other, 403)):
        for path in ("/otp", "/otp/verify"):
            assert here.ask("POST", path, headers=headers, json={"to": "+447911123456"}).status_code == status


@pytest.mark.parametrize("text", ["\ud83d", "a\0b \ud800", "\u202e", "😀" * 300])
def test_damaged_texts_are_refused_or_wrong_codes_and_no_fault(here: InProcess, text: str) -> None:
    here.ask("POST", "/otp", headers=BEARER, json={"to": "+447911123456"})

    def ask(path: str, document: dict[str, str]) -> int:
        body = json.dumps(document).encode()
        return here.ask("POST", path, headers=BEARER, content=body).status_code

    assert ask("/otp/verify", {"to": "+447911123456", "code": text}) == 200
    assert ask("/otp", {"to": text, text: "x"}) == 400
    assert ask("/otp", {"to": "+447911123456", "for": "x", "language": text}) in (200, 429)


class Hears:
    """A gateway on whose connection replies come, too."""

    name = "outbox"
    capabilities = Capabilities(frozenset({"sms"}))
    keep: Callable[..., Coroutine[Any, Any, None]] | None = None

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def linger(self) -> None: ...

    def spellings(self, gateway_id: str) -> tuple[Sequence[str], Sequence[str]]:
        return [gateway_id], []

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [Outcome(Verdict.ACCEPTED, "1")]


def test_a_stop_that_comes_on_the_connection_of_codes_counts(
    here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Hears()
    monkeypatch.setattr(answers, "configured_gateway", lambda settings, name: gateway)
    assert here.ask("POST", "/otp", headers=BEARER, json={"to": "+447911123456"}).status_code == 200
    assert gateway.keep is not None
    asyncio.run(gateway.keep([], [WrittenReply("+447911123457", None, "STOP", 1_000)]))
    assert here.listener.store.ledger.optouts.of("+447911123457")
