"""A test message: one real message to the user's own number, counted in quotas alone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace

from a2pcli.gateways.base import Gateway
from a2pcli.ledger.quota_values import SharedQuota
from a2pcli.ledger.records import Run, now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, Outcome, Verdict
from a2pcli.sending.answering import submit_one

DEADLINE = 120.0


async def send_test(
    ledger: Ledger,
    run: Run | None,
    gateway: Gateway,
    message: Message,
    *,
    campaign: str | None = None,
    address: str | None = None,
    quotas: Sequence[SharedQuota] = (),
    deadline: float = DEADLINE,
) -> Outcome:
    """Submit ``message`` as a test, note it in the ledger and return the outcome.

    ``address`` is the recipient as opt-outs store it, if that differs from ``message.to``. The message gets a
    reference that no run uses (``test-…``), so its receipts are not taken for a recipient's. Suppressions, budget and
    the run's counts are not touched. It counts in ``quotas``, unless it was certainly not sent. Audit: ``send.test``.
    Opens and closes the gateway; raises ``GatewayUnusable`` or ``InvalidInput`` if it cannot be opened.
    """
    marked = replace(message, id=0, reference=f"test-{secrets.token_hex(6)}")
    await gateway.open()
    try:
        outcome = await submit_one(gateway, marked, deadline)
    finally:
        await gateway.close()

    def note(outcome: Outcome) -> None:
        detail = {"campaign": campaign, "gateway": gateway.name, "verdict": str(outcome.verdict)}
        with ledger.transaction():
            ledger.runs.record_test(run, message.to, outcome)
            if quotas and outcome.verdict is not Verdict.NOT_SENT:
                ledger.quotas.count_test(quotas, message.parts, now_ms())
            ledger.audit.add("send.test", None, detail, people=[address or message.to])

    await asyncio.to_thread(note, outcome)
    return outcome
