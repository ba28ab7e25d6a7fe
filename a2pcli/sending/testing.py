"""A test message: one real message to the user's own number, counted nowhere."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace

from a2pcli.gateways.base import Gateway
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, Outcome
from a2pcli.sending.answers import failed, no_answer, one_each

DEADLINE = 120.0


async def send_test(
    ledger: Ledger,
    run: Run | None,
    gateway: Gateway,
    message: Message,
    *,
    campaign: str | None = None,
    address: str | None = None,
    deadline: float = DEADLINE,
) -> Outcome:
    """Hand ``message`` to the gateway and note it in the ledger as a test; gives what the gateway said.
    ``address`` is its recipient as opt-outs know them, where that is not ``message.to``. Audit: ``send.test``.

    Its reference becomes one that no run has (``test-…``), so that no receipt is taken for a recipient's.
    Suppressions, budget and the run's counts are not touched. Opens the gateway and closes it; raises
    ``GatewayUnusable`` or ``InvalidInput`` where it cannot be opened.
    """
    marked = replace(message, id=0, reference=f"test-{secrets.token_hex(6)}")
    await gateway.open()
    try:
        outcomes: Sequence[Outcome]
        try:
            async with asyncio.timeout(deadline):
                outcomes = one_each(1, await gateway.submit([marked]))
        except TimeoutError:
            outcomes = no_answer(1)
        except Exception as error:
            outcomes = failed(1, error)
    finally:
        await gateway.close()

    def note(outcome: Outcome) -> None:
        detail = {"campaign": campaign, "gateway": gateway.name, "verdict": str(outcome.verdict)}
        with ledger.transaction():
            ledger.runs.record_test(run, message.to, outcome)
            ledger.audit.add("send.test", None, detail, people=[address or message.to])

    await asyncio.to_thread(note, outcomes[0])
    return outcomes[0]
