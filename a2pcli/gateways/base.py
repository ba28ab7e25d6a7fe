"""The protocol every gateway speaks, and the sans-I/O half that HTTP gateways are made of.

A gateway is batch-first: ``submit`` takes up to ``capabilities.batch`` messages and gives one outcome for
each, in order, and never raises for what a provider, a network or a message does. It raises only
``a2pcli.errors.GatewayUnusable`` or ``InvalidInput``, from ``open``, for settings that cannot work.

A rejection is about one message. Where a provider refuses a batch as a whole, because of one number in it, that says
nothing about the others: ``of_whole_batch`` makes outcomes of it by which each is tried again in a smaller batch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from a2pcli.dataclass import dataclass
from a2pcli.messages import Cause, Message, Outcome, Verdict

if TYPE_CHECKING:
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.content.whatsapp_templates import WhatsAppTemplate


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can do; planning and sending read it, nobody asks for a gateway's name.

    ``durable_lookup``: ``lookup`` can tell for sure whether a reference was taken. ``finds``: it can be asked, and what
    it finds is true, but what it does not find may have been taken all the same.
    ``idempotent``: a resend with the same reference is never delivered twice.
    ``expires``: it tells the provider of ``Message.validity``, after which the message is not delivered any more.
    ``revokes``: it can take messages back (``Revokes``).
    ``delivers``: messages leave this machine. Where they do not, ``instead`` says what becomes of them, like
    ``written to a file``; prompts, plans and reports repeat it.
    """

    channels: frozenset[str]
    batch: int = 1
    concurrency: int = 100
    durable_lookup: bool = False
    finds: bool = False
    idempotent: bool = False
    receipts: bool = False
    delivers: bool = True
    instead: str = ""
    expires: bool = False
    revokes: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What ``gateways test`` shows: reachable, credentials accepted, one sentence about it."""

    ok: bool
    detail: str


@runtime_checkable
class Gateway(Protocol):
    """A configured gateway. Made by its class from the settings' mapping, opened once, closed once."""

    name: str
    capabilities: Capabilities

    async def open(self) -> None:
        """Make ready: connections, files. Settings that cannot work raise here."""
        ...

    async def close(self) -> None:
        """Release all resources; safe to call twice."""
        ...

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Hand a batch over; one outcome for each message, in order."""
        ...

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """What became of these references; those it cannot tell about are absent."""
        ...

    async def check(self) -> Health:
        """Credentials and reachability, without sending anything."""
        ...


@runtime_checkable
class TellsDeparture(Protocol):
    """A gateway that tells when messages leave, which may be long after ``submit`` was called.

    It calls ``leaving`` with them at the last moment at which no byte of them can have reached the provider. Messages
    of which it did not tell are sent after a crash. Those of other gateways count as gone once ``submit`` is called.
    """

    leaving: Callable[[Sequence[Message]], None]


@dataclass(frozen=True, slots=True)
class WrittenReply:
    """What a person wrote: from which address, to which of ours, what, and when it came (UTC milliseconds)."""

    sender: str
    to: str | None
    text: str
    received_at: int


Keep: TypeAlias = "Callable[[Sequence[Receipt], Sequence[WrittenReply]], Awaitable[None]]"
"""Stores receipts and replies; returns once they are durable, raises where they are not."""


@runtime_checkable
class HearsBack(Protocol):
    """A gateway that is told of deliveries and replies on the connection that it sends on.

    What comes is acknowledged only after ``keep`` has returned; without a ``keep`` it is left with the provider.
    ``keep`` is set before ``open``.
    """

    keep: Keep | None

    def spellings(self, gateway_id: str) -> tuple[Sequence[str], Sequence[str]]:
        """How the answer may have written the id of a receipt, and what else it could be read as while it is not known
        how this provider writes. It is about a message that alone has one of the first, if no other has any of both."""
        ...

    async def linger(self) -> None:
        """Wait for receipts that are late, as long as the settings say; all that came is kept when it returns."""
        ...


@runtime_checkable
class TellsReachability(Protocol):
    """A gateway that can be asked beforehand whom its channel reaches."""

    async def reachable(self, numbers: Sequence[str]) -> Mapping[str, bool]:
        """Whether each number can be reached; those about whom the provider does not say are absent."""
        ...


@runtime_checkable
class HasTemplates(Protocol):
    """A gateway whose account has approved templates."""

    async def templates(self) -> Sequence[WhatsAppTemplate]:
        """All of them. Raises ``GatewayUnusable`` where the provider does not give them."""
        ...


@runtime_checkable
class Revokes(Protocol):
    """A gateway that can take a message back which was not delivered yet."""

    async def revoke(self, to: str, reference: str) -> bool | None:
        """True where the provider confirms that it will not deliver the message, False where it cannot be taken back,
        None where it does not say. A message may be delivered although that was confirmed: its receipt counts."""
        ...


def of_whole_batch(outcome: Outcome, count: int) -> list[Outcome]:
    """One answer about a batch of ``count`` messages, as an outcome for each.

    A rejection of several messages at once rejects none of them: it is certain only that the batch was not taken.
    """
    if outcome.verdict is Verdict.REJECTED and count > 1:
        outcome = replace(outcome, verdict=Verdict.NOT_SENT, cause=Cause.BATCH, gateway_id=None)
    return [outcome] * count


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as data. ``body`` is already encoded; ``headers`` hold its content type."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole response. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpProvider(Protocol):
    """The sans-I/O half of an HTTP gateway: pure functions from messages to requests and back.

    ``gateways.engine.transport.HttpGateway`` sends for it. ``read`` gets only whole responses; what happens on
    the wire (timeouts, dropped connections) is mapped to outcomes once, in the transport.
    """

    name: str
    capabilities: Capabilities

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request that submits the batch."""
        ...

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """One outcome for each message of the batch, from whatever came back."""
        ...

    def lookup_request(self, reference: str) -> HttpRequest | None:
        """The request that asks what became of a reference; None where the provider cannot tell."""
        ...

    def read_lookup(self, reference: str, response: HttpResponse) -> Outcome | None:
        """What became of the reference; None where the answer does not say."""
        ...

    def check_request(self) -> HttpRequest | None:
        """A harmless request that proves credentials; None where there is none."""
        ...

    def read_check(self, response: HttpResponse) -> Health:
        """Turn the answer to ``check_request`` into a ``Health``."""
        ...


GatewaySettings = Mapping[str, Any]
"""A gateway's block in ``a2pcli.yaml``, secrets already filled in from the environment."""
