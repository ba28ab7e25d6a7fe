"""The contract of a gateway as a test class, for a2pcli's own gateways and for everybody else's.

Subclass it in a pytest module and give it a gateway::

    from a2pcli.gateways.testing import GatewayContract

    class TestMyGateway(GatewayContract):
        secrets = ("my-api-key",)

        def make(self, folder):
            return MyGateway("mine", {"api_key": "my-api-key", "url": f"http://127.0.0.1:{self.port}"})

A gateway that talks to a network should be given a counterpart on the loopback interface, and pass again with one
that refuses, hangs up or answers nonsense. Whatever it answers, no test here looks at whether a message was
accepted, only at whether the gateway tells the truth about it in the form the sender relies on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from a2pcli.gateways.base import Gateway, Health
from a2pcli.messages import Cause, Message, Outcome, Verdict

ODD_BODIES: tuple[str, ...] = (
    "plain",
    "emoji \U0001f600 and a family \U0001f469‍\U0001f469‍\U0001f467",
    "first line\nsecond line\r\nthird\rfourth",
    "quotes \" ' ` and \\ and {{ braces }} and {% tags %} and $ {x} and <b>&amp;</b>",
    "x" * 1600,
    "жё" * 800,
    "line ends inside: \u2028 \u2029 \x85 \x0b \x0c",
    "controls \x00 \x1b[31m \x7f",
    "half a pair \ud83d",
    "]]> --> ?> &#0; %00 %s %(x)s",
    " ",
    "",
)
"""Texts that have broken gateways. Some cannot be sent at all; then they are rejected, and nothing raises."""

FAILURES: dict[Verdict, frozenset[Cause]] = {
    Verdict.REJECTED: frozenset({Cause.PERMANENT, Cause.CONTENT, Cause.OPTED_OUT, Cause.COUNTRY}),
    Verdict.NOT_SENT: frozenset(
        {
            Cause.TEMPORARY,
            Cause.RATE,
            Cause.BATCH,
            Cause.UNREACHABLE,
            Cause.ACCOUNT,
            Cause.SENDER,
            Cause.CREDIT,
        }
    ),
    Verdict.UNKNOWN: frozenset({Cause.AMBIGUOUS}),
}
"""Which causes go with which verdict."""


class GatewayContract:
    """What the sender relies on. Override ``make``; set ``secrets`` to what must never be shown."""

    secrets: Sequence[str] = ()
    to = "+12025550143"

    def make(self, folder: Path) -> Gateway:
        """Return a new gateway, not opened. ``folder`` is empty and belongs to it alone."""
        raise NotImplementedError

    def messages(self, count: int, body: str = "Hello") -> list[Message]:
        """Return messages with distinct references."""
        return [Message(number, f"rcontract-{number:06d}", self.to, body) for number in range(1, count + 1)]

    def submitted(self, folder: Path, batches: Sequence[Sequence[Message]]) -> list[list[Outcome]]:
        """Open, submit each batch, close; return the outcomes of each batch."""

        async def run() -> list[list[Outcome]]:
            gateway = self.make(folder)
            await gateway.open()
            try:
                return [list(await gateway.submit(batch)) for batch in batches]
            finally:
                await gateway.close()

        return asyncio.run(run())

    def test_it_is_a_gateway(self, tmp_path: Path) -> None:
        """The class implements the gateway protocol."""
        gateway = self.make(tmp_path)
        assert isinstance(gateway, Gateway)
        assert gateway.name
        assert gateway.capabilities.batch >= 1
        assert gateway.capabilities.concurrency >= 1
        assert gateway.capabilities.channels

    def test_one_outcome_for_each_message_in_order(self, tmp_path: Path) -> None:
        """Batches of every size up to its maximum get one outcome for each message."""
        batch = self.make(tmp_path).capabilities.batch
        sizes = sorted({1, min(2, batch), min(17, batch), min(200, batch)})
        messages = self.messages(sum(sizes))
        batches = []
        for size in sizes:
            batches.append(messages[:size])
            messages = messages[size:]
        for asked, outcomes in zip(batches, self.submitted(tmp_path, batches), strict=True):
            assert len(outcomes) == len(asked)
            for outcome in outcomes:
                self.is_well_formed(outcome)

    def test_odd_messages_raise_nothing(self, tmp_path: Path) -> None:
        """Every message gets an outcome, whatever it contains."""
        odd = [
            Message(number, f"rcontract-{number:06d}", self.to, body, sender=None, country=None)
            for number, body in enumerate(ODD_BODIES, 1)
        ]
        odd.append(
            Message(99, "rcontract-000099", self.to, "media", "mms", media=("https://x.example/a b.png",))
        )
        odd.append(Message(98, "rcontract-000098", self.to, "sender", sender='A"C\r\nX: y', country="GB"))
        for outcomes in self.submitted(tmp_path, [[message] for message in odd]):
            assert len(outcomes) == 1
            self.is_well_formed(outcomes[0])

    def test_outcomes_keep_secrets(self, tmp_path: Path) -> None:
        """Neither numbers nor texts nor credentials appear in what goes to logs and reports."""
        body = "Dear Zebedee, your balance is 4711"
        for outcomes in self.submitted(
            tmp_path, [self.messages(1, body), self.messages(1, "half \ud83d Zebedee")]
        ):
            for outcome in outcomes:
                shown = f"{outcome.code} {outcome.detail}"
                for hidden in (self.to, self.to[1:], self.to[-7:], "Zebedee", *self.secrets):
                    assert hidden not in shown

    def test_closing_is_harmless(self, tmp_path: Path) -> None:
        """It can be closed twice, or before opening, and a later submit still returns an outcome."""

        async def run() -> Sequence[Outcome]:
            gateway = self.make(tmp_path)
            await gateway.close()
            await gateway.open()
            await gateway.close()
            await gateway.close()
            outcomes = await gateway.submit(self.messages(1))
            await gateway.close()
            return outcomes

        assert len(asyncio.run(run())) == 1

    def test_many_submits_at_once(self, tmp_path: Path) -> None:
        """It accepts as many concurrent submits as it claims."""

        async def run() -> list[Sequence[Outcome]]:
            gateway = self.make(tmp_path)
            await gateway.open()
            try:
                messages = self.messages(3 * min(50, gateway.capabilities.concurrency))
                return await asyncio.gather(*[gateway.submit([message]) for message in messages])
            finally:
                await gateway.close()

        assert all(len(outcomes) == 1 for outcomes in asyncio.run(run()))

    def test_lookup_tells_only_what_it_was_asked(self, tmp_path: Path) -> None:
        """An unknown reference is not accepted; with ``durable_lookup`` an accepted one is."""

        async def run() -> None:
            gateway = self.make(tmp_path)
            await gateway.open()
            try:
                sent = self.messages(1)
                outcome = (await gateway.submit(sent))[0]
                asked = [sent[0].reference, "rnever-000001"]
                told = await gateway.lookup(asked)
                assert set(told) <= set(asked)
                never = told.get("rnever-000001")
                assert never is None or never.verdict is not Verdict.ACCEPTED
                if outcome.verdict is Verdict.ACCEPTED and gateway.capabilities.durable_lookup:
                    assert told[sent[0].reference].verdict is Verdict.ACCEPTED
            finally:
                await gateway.close()

        asyncio.run(run())

    def test_check_says_a_sentence(self, tmp_path: Path) -> None:
        """``check`` never raises and never shows a secret."""

        async def run() -> Health:
            gateway = self.make(tmp_path)
            await gateway.open()
            try:
                return await gateway.check()
            finally:
                await gateway.close()

        health = asyncio.run(run())
        assert isinstance(health.ok, bool)
        assert health.detail
        assert not any(secret in health.detail for secret in self.secrets)

    def is_well_formed(self, outcome: Outcome) -> None:
        """Verdict and cause go together, and a failure says why."""
        assert isinstance(outcome, Outcome)
        if outcome.verdict is Verdict.ACCEPTED:
            assert outcome.cause is Cause.NONE
            return
        assert outcome.cause in FAILURES[outcome.verdict]
        assert outcome.code
        assert outcome.detail
        assert outcome.retry_after is None or 0 <= outcome.retry_after <= 86_400
