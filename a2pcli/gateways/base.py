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
    """What a gateway can do, for planning and sending, which never check a gateway's name.

    ``durable_lookup``: ``lookup`` can tell for certain whether a reference was accepted. ``finds``: what a look-up
    finds is true, but what it does not find may have been accepted all the same. ``idempotent``: a resend with the
    same reference is never delivered twice. ``expires``: it passes ``Message.validity`` on, after which the provider
    no longer delivers. ``revokes``: it can revoke messages (``Revokes``,
    ``RevokesById``). ``ascii_mailboxes``: it refuses email
    addresses with letters beyond ASCII before the @. ``delivers``: messages leave this machine.
    If not, ``instead`` says what happens to them, like ``written to a file``; prompts, plans and reports repeat it.
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
    ascii_mailboxes: bool = False
    finds_by_id: bool = False
    """It can be asked by the ids that it gave (``FindsById``)."""
    longest_validity: int | None = None
    """The longest ``Message.validity`` that it can pass on, in seconds; None if no limit is known."""


@dataclass(frozen=True, slots=True)
class Health:
    """The result of ``gateways test``: reachable, credentials accepted, one sentence about it."""

    ok: bool
    detail: str


@runtime_checkable
class Gateway(Protocol):
    """A configured gateway. Created by its class from the settings' mapping, opened once, closed once."""

    name: str
    capabilities: Capabilities

    async def open(self) -> None:
        """Prepare connections and files. Raises ``GatewayUnusable`` or ``InvalidInput`` for settings that cannot
        work."""
        ...

    async def close(self) -> None:
        """Release all resources; safe to call twice."""
        ...

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Submit a batch; return one outcome for each message, in order."""
        ...

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Return the outcomes of these references; those it cannot tell are absent."""
        ...

    async def check(self) -> Health:
        """Check credentials and reachability, without sending anything."""
        ...


@runtime_checkable
class TellsDeparture(Protocol):
    """A gateway that reports when messages leave, which may be long after ``submit`` was called.

    It calls ``leaving`` at the last moment at which no byte of the messages can have reached the provider. Messages it
    did not report are sent again after a crash. Messages of other gateways count as sent once ``submit`` is called.
    """

    leaving: Callable[[Sequence[Message]], None]


@dataclass(frozen=True, slots=True)
class WrittenReply:
    """A reply: the person's address, our address, the text, and when it arrived (UTC milliseconds)."""

    sender: str
    to: str | None
    text: str
    received_at: int


Keep: TypeAlias = "Callable[[Sequence[Receipt], Sequence[WrittenReply]], Awaitable[None]]"
"""Stores receipts and replies; returns once they are durable, raises otherwise."""


@runtime_checkable
class HearsBack(Protocol):
    """A gateway that receives receipts and replies on the connection it sends on.

    They are acknowledged only after ``keep`` has returned; without ``keep``, they stay with the provider. ``keep`` is
    set before ``open``.
    """

    keep: Keep | None

    def spellings(self, gateway_id: str) -> tuple[Sequence[str], Sequence[str]]:
        """Return how an answer may have written the id of a receipt: certain spellings, and possible ones.

        Possible spellings apply while it is unknown how this provider writes ids. A receipt matches the only message
        with a certain spelling, if no other message has any of both.
        """
        ...

    async def linger(self) -> None:
        """Wait for late receipts, as long as the settings say; all received ones are stored when it returns."""
        ...


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message that was submitted earlier: our reference, the gateway's id from its answer, and the sender.

    ``partly``: it has several parts, and the gateway may have taken others under ids that nobody knows."""

    reference: str
    gateway_id: str
    sender: str | None = None
    partly: bool = False


@runtime_checkable
class FindsById(Protocol):
    """A gateway that can be asked what became of a message by the id that it gave it."""

    async def find(self, asked: Sequence[Submitted]) -> Sequence[Receipt | str]:
        """For each, in order: a receipt with the message's reference and id, or a few words why nothing is known."""
        ...


@runtime_checkable
class TellsReachability(Protocol):
    """A gateway that can tell in advance whom its channel reaches."""

    async def reachable(self, numbers: Sequence[str]) -> Mapping[str, bool]:
        """Return whether each number can be reached; unknown ones are absent."""
        ...


@runtime_checkable
class ReadsFiles(Protocol):
    """A gateway whose settings name files, like certificates or a key."""

    def read_files(self) -> None:
        """Read them, and write nothing: ``open`` does no less. Raises ``InvalidInput`` or ``GatewayUnusable`` where one
        cannot be used."""
        ...


@runtime_checkable
class HasTemplates(Protocol):
    """A gateway whose account has approved templates."""

    async def templates(self) -> Sequence[WhatsAppTemplate]:
        """Return all templates. Raises ``GatewayUnusable`` if the provider does not return them."""
        ...


@runtime_checkable
class Revokes(Protocol):
    """A gateway that can revoke a message that was not delivered yet."""

    async def revoke(self, to: str, reference: str) -> bool | None:
        """Return True if the provider confirms that it will not deliver, False if it is too late, None if it does
        not say. A confirmed message may still be delivered: its receipt counts."""
        ...


@runtime_checkable
class RevokesById(Protocol):
    """A gateway that can revoke a message that was not delivered yet, by the ids that it gave it."""

    async def revoke_by_id(self, to: str, asked: Sequence[Submitted]) -> bool | None:
        """Return as ``Revokes.revoke`` does, for the message with these ids: one, or one for each part."""
        ...


def of_whole_batch(outcome: Outcome, count: int) -> list[Outcome]:
    """Return one answer about a batch of ``count`` messages as an outcome for each.

    A rejection of several messages together rejects none of them: it only shows that the batch was not accepted.
    """
    if outcome.verdict is Verdict.REJECTED and count > 1:
        outcome = replace(outcome, verdict=Verdict.NOT_SENT, cause=Cause.BATCH, gateway_id=None)
    return [outcome] * count


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as data. ``body`` is encoded; ``headers`` include its content type."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpProvider(Protocol):
    """The sans-I/O half of an HTTP gateway: pure functions from messages to requests and back.

    ``gateways.engine.transport.HttpGateway`` sends the requests. ``read`` gets only complete responses; failures on
    the wire (timeouts, dropped connections) are mapped to outcomes in the transport.
    """

    name: str
    capabilities: Capabilities

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Return the request that submits the batch."""
        ...

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """Return one outcome for each message of the batch, whatever the response."""
        ...

    def lookup_request(self, reference: str) -> HttpRequest | None:
        """Return the request that looks up a reference; None if the provider cannot."""
        ...

    def read_lookup(self, reference: str, response: HttpResponse) -> Outcome | None:
        """Return the outcome of the reference; None if the answer does not tell."""
        ...

    def check_request(self) -> HttpRequest | None:
        """Return a harmless request that proves the credentials; None if there is none."""
        ...

    def read_check(self, response: HttpResponse) -> Health:
        """Return the answer to ``check_request`` as a ``Health``."""
        ...


GatewaySettings = Mapping[str, Any]
"""A gateway's block in ``a2pcli.yaml``, with secrets filled in from the environment."""
