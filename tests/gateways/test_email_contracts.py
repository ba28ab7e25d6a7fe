"""Amazon SES and Postmark keep the contract of a gateway, and tell the truth about whatever their provider does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("botocore", reason='needs: pip install "a2pcli[aws]"')

from gatewaykit import Counterpart, hang, reply
from smtpkit import Relay  # noqa: F401  the kit's folder is on the path
from test_email_providers import SETTINGS, gateway
from test_provider_contracts import ECHO, TROUBLE, WAITS
from test_smtp_promises import message

from a2pcli.gateways.base import Gateway
from a2pcli.gateways.testing import GatewayContract
from a2pcli.messages import Message, Outcome

YES: dict[str, Any] = {
    "ses": {"MessageId": "m-1"},
    "postmark": [{"ErrorCode": 0, "MessageID": f"m-{n}"} for n in range(100)],
}


@pytest.fixture(scope="module")
def there() -> Iterator[Counterpart]:
    with Counterpart(hang) as there:
        yield there


def at(kind: str, url: str) -> Any:
    return gateway(kind, base_url=url, timeout="0.05", concurrency="8")


@pytest.mark.parametrize("kind", list(SETTINGS))
class TestEmailProviders(GatewayContract):
    """With its provider's own yes, and a no that quotes what nobody must see."""

    secrets = ("s3cret",)
    to = "anna@example.com"

    @pytest.fixture(autouse=True, params=["takes", "refuses"])
    def _counterpart(self, request: pytest.FixtureRequest, kind: str, there: Counterpart) -> None:
        self.kind, self.there = kind, there
        refuses = reply(422, {"ErrorCode": ECHO, "Message": ECHO, "message": ECHO})
        there.answer = reply(200, YES[kind]) if request.param == "takes" else refuses

    def make(self, folder: Path) -> Gateway:
        return at(self.kind, self.there.url)  # type: ignore[no-any-return]

    def messages(self, count: int, body: str = "Hello") -> list[Message]:
        made = super().messages(count, body)
        return [replace(message(one.id, one.to), reference=one.reference, body=one.body) for one in made]

    def test_it_is_a_gateway(self, tmp_path: Path, kind: str) -> None:
        super().test_it_is_a_gateway(tmp_path)

    def test_one_outcome_for_each_message_in_order(self, tmp_path: Path, kind: str) -> None:
        super().test_one_outcome_for_each_message_in_order(tmp_path)

    def test_odd_messages_raise_nothing(self, tmp_path: Path, kind: str) -> None:
        super().test_odd_messages_raise_nothing(tmp_path)

    def test_outcomes_keep_secrets(self, tmp_path: Path, kind: str) -> None:
        super().test_outcomes_keep_secrets(tmp_path)

    def test_closing_is_harmless(self, tmp_path: Path, kind: str) -> None:
        super().test_closing_is_harmless(tmp_path)

    def test_many_submits_at_once(self, tmp_path: Path, kind: str) -> None:
        super().test_many_submits_at_once(tmp_path)

    def test_lookup_tells_only_what_it_was_asked(self, tmp_path: Path, kind: str) -> None:
        super().test_lookup_tells_only_what_it_was_asked(tmp_path)

    def test_check_says_a_sentence(self, tmp_path: Path, kind: str) -> None:
        super().test_check_says_a_sentence(tmp_path)


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_trouble_is_told_as_what_it_is(kind: str, there: Counterpart) -> None:
    """One email, and a batch of three: none is taken for sent, and nothing unclear for not sent."""

    async def all_of_it() -> dict[str, Sequence[Outcome]]:
        found: dict[str, Sequence[Outcome]] = {}
        made = at(kind, there.url)
        await made.open()
        try:
            for trouble, (act, _) in TROUBLE.items():
                there.answer = act
                many = [message(n) for n in range(1, 1 + min(3, made.capabilities.batch))]
                found[trouble] = [*await made.submit([message()]), *await made.submit(many)]
        finally:
            await made.close()
        return found

    found = asyncio.run(all_of_it())
    for trouble, (_, wanted) in TROUBLE.items():
        told = {f"{one.verdict} {one.cause}" for one in found[trouble]}
        assert told == {wanted}, trouble
        for one in found[trouble]:
            assert "anna@example.com" not in f"{one.code}{one.detail}"
            assert "s3cret" not in f"{one.code}{one.detail}"
            assert (one.retry_after is not None) == (trouble in WAITS), trouble


def test_of_a_batch_that_postmark_took_in_part_each_email_has_its_own_outcome(there: Counterpart) -> None:
    there.answer = reply(
        200,
        [
            {"ErrorCode": 0, "MessageID": "m-1"},
            {"ErrorCode": 406, "Message": "inactive recipient"},
            {"ErrorCode": 0, "MessageID": "m-3"},
        ],
    )

    async def run() -> Sequence[Outcome]:
        made = at("postmark", there.url)
        await made.open()
        try:
            return await made.submit([message(n) for n in (1, 2, 3)])  # type: ignore[no-any-return]
        finally:
            await made.close()

    found = asyncio.run(run())
    assert [str(one.verdict) for one in found] == ["accepted", "rejected", "accepted"]
    assert [one.gateway_id for one in found] == ["m-1", None, "m-3"]
