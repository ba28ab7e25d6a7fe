"""A reply that was kept, on its way to its answer; and what may have a question open for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from a2pcli.actions.answers import NewAnswer
from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channel_of
from a2pcli.dataclass import dataclass

if TYPE_CHECKING:
    from a2pcli.actions.optouts import Scope
    from a2pcli.actions.replies import HandledReply


@dataclass(frozen=True, slots=True)
class Incoming:
    """A reply that was kept. ``event`` identifies it, ``at`` is when it was written (UTC ms), None if unknown.
    ``reported``: the provider reports an opt-out, and deals with it."""

    address: str
    text: str
    channel: str
    gateway: str
    to: str | None
    at: int | None
    event: str
    now: int
    done: HandledReply
    scope: Scope
    programme: str | None = None
    reported: bool = False
    question: str | None = None
    """The question of a rule that was open for the person."""

    @property
    def written_at(self) -> int:
        """When it was written, or when it came if that is not known (UTC ms)."""
        return self.now if self.at is None else min(self.at, self.now)

    def answer(
        self, kind: str, body: str | None, until_at: int, *, anyway: bool = False, key: str | None = None,
        compose: Mapping[str, Any] | None = None,
    ) -> NewAnswer:  # fmt: skip
        """An answer by the way that the reply came: its gateway, and the sender that it was written to."""
        of = channel_of(self.channel)
        return NewAnswer(
            key=key or f"{kind}:{self.event}",
            kind=kind,
            address=self.address,
            channel=self.channel,
            gateway=self.gateway,
            body=body,
            until_at=until_at,
            source=f"reply by {self.gateway}",
            sender=self.to or None,
            content={"subject": "Re: your message"} if of.kind is Kind.EMAIL else None,
            programme=self.programme,
            anyway=anyway,
            compose=compose,
        )


class AsksPeople(Protocol):
    """Something with a question that may be open for a person, such as a survey. Both are called in the transaction
    that keeps the reply."""

    def is_open(self, address: str, gateway: str, to: str | None, now: int) -> bool:
        """Whether a question waits for this person's answer to this sender."""
        ...

    def stop(self, incoming: Incoming) -> None:
        """The person opted out: no further question is asked."""
        ...

    def take(self, incoming: Incoming) -> bool:
        """Take a reply as the answer to the question; False if it is none after all."""
        ...
