"""``send --test-to``: one real row to one's own number, marked as a test and counted nowhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from a2pcli.cli.campaigns import opened, prepared
from a2pcli.cli.gateway_choice import configured_gateway
from a2pcli.cli.screens.plan import Bubble, facts_of
from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.output import print_json, say, show
from a2pcli.contacts.phones import normalise
from a2pcli.errors import GatewayUnusable, UsageError
from a2pcli.gateways.base import Capabilities
from a2pcli.messages import Message, Outcome, Verdict
from a2pcli.planning.job import Compiled, no_keys
from a2pcli.planning.prepare import Prepared
from a2pcli.planning.preview import PreviewedRow, first, preview
from a2pcli.sending.testing import send_test


def send_one_test(campaign: Path, number: str, ledger: str | None, *, yes: bool, as_json: bool) -> None:
    """Render the first recipient's message and send it to ``number``."""
    with opened(campaign, ledger, plan=False) as work:
        ready = _as_if_nobody_had_it(prepared(work))
        gateway = configured_gateway(work.settings, ready.job.gateway)
        mine = normalise(number, ready.job.policy)
        if mine.number is None:
            raise UsageError(
                f"--test-to {number}: {mine.reason}" + (f" ({mine.detail})" if mine.detail else "")
            )
        rows = preview(ready, first(1))
        if not rows:
            raise UsageError("nobody gets a message, so there is none to test; `a2pcli plan` says why")
        message = _message(ready, rows[0], mine.number, mine.country)
        title = f"test to {mine.number}, as line {rows[0].row['line']:,} would get it"
        show(Bubble(message.body, title, facts_of(rows[0].row)), stderr=as_json)
        can = gateway.capabilities
        if not yes:
            question = f"Send this one test message through {ready.job.gateway}?"
            if not can.delivers:
                question = f"Hand this test message to {gateway.name} ({can.instead}, not sent)?"
            confirm(
                question,
                refused="nothing was sent",
                without_terminal="--yes sends the test",
            )
        outcome = asyncio.run(send_test(work.ledger, None, gateway, message))
    _tell(message, outcome, can, as_json)
    if outcome.verdict is not Verdict.ACCEPTED:
        raise GatewayUnusable(f"the test message was not accepted ({outcome.code or outcome.cause})")


def _as_if_nobody_had_it(ready: Prepared) -> Prepared:
    """A message can be tested after the campaign was sent, too."""
    job = replace(ready.job, people=replace(ready.job.people, reached=no_keys()))
    return replace(ready, job=job, compiled=Compiled(job))


def _message(ready: Prepared, one: PreviewedRow, number: str, country: str | None) -> Message:
    job, row = ready.job, one.row
    return Message(
        id=0,
        reference="",
        to=number,
        body=row["body"],
        channel=job.channel,
        sender=row["sender"] or job.sender,
        country=country,
        parts=row["parts"],
        media=job.media,
    )


def _tell(message: Message, outcome: Outcome, can: Capabilities, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "test": True,
                "to": message.to,
                "verdict": outcome.verdict,
                "code": outcome.code,
                "detail": outcome.detail,
                "gateway_id": outcome.gateway_id,
                "delivers": can.delivers,
                "instead": can.instead or None,
            }
        )
    elif not can.delivers and outcome.verdict is Verdict.ACCEPTED:
        say(f"test {can.instead}; nothing was sent")
    else:
        say(f"test {outcome.verdict}" + (f": {outcome.detail}" if outcome.detail else ""))
