"""The document of ``a2pcli trigger --json``."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Moment, says


class EventMessage(TypedDict):
    """The message about an event."""

    channel: Annotated[str, says("the channel by which it went at last")]
    gateway: str
    state: Annotated[str, says("accepted, rejected, unknown, expired, skipped, planned or submitting")]
    reason: Annotated[str | None, says("why it was skipped")]
    reference: str
    code: Annotated[str | None, says("the gateway's code")]
    detail: Annotated[str | None, says("the gateway's answer")]
    delivery: Annotated[str | None, says("what its receipts say")]


class Triggered(TypedDict):
    """``a2pcli trigger``."""

    event: Annotated[str | None, says("its code; null for a dry run and for an event that is ignored")]
    name: str
    campaign: str
    dry_run: bool
    state: Annotated[str, says("sent, waiting, excluded, expired or ignored")]
    is_new: Annotated[bool, says("false if an event with the same key came before")]
    differs: Annotated[bool, says("true if that one had other data")]
    reason: Annotated[str | None, says("why there is no message, or what it waits for")]
    detail: str | None
    due_at: Annotated[Moment | None, says("when a waiting event's message is made")]
    to: Annotated[str | None, says("the person, masked")]
    channel: str | None
    gateway: str | None
    sender: str | None
    text: str | None
    parts: int | None
    cost: str | None
    currency: str | None
    message: EventMessage | None
