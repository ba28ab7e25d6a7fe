"""An answer as the message that its gateway gets, and what the log says of its outcome."""

from __future__ import annotations

from contextlib import suppress

from a2pcli.addresses.any_address import any_address
from a2pcli.channels import channel_of
from a2pcli.content.encoding import InvalidText, measure
from a2pcli.gateways.base import Gateway
from a2pcli.ledger.answers import Answer
from a2pcli.ledger.records import now_ms
from a2pcli.message_content import media_of
from a2pcli.messages import Message, Outcome, State, Verdict

_WORDS = {
    State.PLANNED: "{what} was not accepted and is tried again",
    State.EXPIRED: "{what} was not accepted before its time was over",
    State.REJECTED: "{what} was rejected",
    State.UNKNOWN: "whether {what} was accepted is unknown",
}


def said(answer: Answer, state: State, outcome: Outcome) -> str:
    """Return what became of an answer, and why."""
    words = _WORDS[state]
    if state is State.REJECTED and outcome.verdict is Verdict.NOT_SENT:
        words = "{what} was not sent"
    what = "a code" if answer.purpose == "otp" else "an answer"
    return f"{words.format(what=what)}: {outcome.detail or outcome.code or outcome.verdict}"


def message_of(answer: Answer, body: str, content: object, gateway: Gateway) -> Message:
    """Return the message. Where the gateway can let messages expire, this one does when its time is over."""
    can = gateway.capabilities
    validity = None
    if can.expires:
        left = max(1, (answer.until_at - now_ms()) // 1000)
        validity = min(left, can.longest_validity or left)
    parts = 1
    if channel_of(answer.channel).parts:
        with suppress(InvalidText):
            parts = measure(body).parts
    return Message(
        id=answer.number,
        reference=answer.reference,
        to=answer.spelling or answer.address,
        body=body,
        channel=answer.channel,
        sender=answer.sender,
        media=media_of(content) if isinstance(content, dict) else (),
        country=any_address(answer.address, None).country,
        parts=parts,
        content=content if isinstance(content, dict) else None,
        validity=validity,
        purpose=answer.purpose,
    )
