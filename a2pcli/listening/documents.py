"""What requests and answers of the listener hold: one definition each, for the routes and for ``/openapi.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, WithJsonSchema, with_config
from typing_extensions import TypedDict

from a2pcli.actions.otp import SENTENCES

JSON, TEXT, HTML = "application/json", "text/plain", "text/html"

REFERENCE = "#/components/schemas/{model}"

Text = Annotated[str, Field(max_length=1000)]
Moment = Annotated[str, Field(description="UTC, ISO 8601")]

only = with_config(ConfigDict(extra="forbid"))
"""Marks a document that has no other fields."""


class Gives(NamedTuple):
    """One answer of a route: what it means, and the type of its document; None for a text."""

    means: str
    holds: Any = None
    media: tuple[str, ...] = (JSON,)


@only
class Wrong(TypedDict):
    """One thing that is wrong with a request."""

    code: str
    message: str
    hint: NotRequired[str]


class Error(TypedDict):
    """Why a request was refused. ``error`` is a stable name, ``message`` the same in words."""

    error: str
    message: str
    problems: NotRequired[list[Wrong]]


CodeWanted = TypedDict("CodeWanted", {"to": Text, "for": NotRequired[Text], "language": NotRequired[Text]})
"""Asks for a code: ``to`` is the address, ``for`` what it is for."""
only(CodeWanted)

CodeEntered = TypedDict("CodeEntered", {"to": Text, "code": Text, "for": NotRequired[Text]})
"""A code that somebody entered."""
only(CodeEntered)


@only
class CodeSent(TypedDict):
    """A code was sent. ``certain`` is false if the gateway's answer was lost."""

    sent: bool
    certain: bool
    id: str
    expires_at: Moment
    next_at: Moment
    attempts_left: int


@only
class CodeRefused(TypedDict):
    """No code was sent. ``next_at`` is when to ask again, if that is known."""

    sent: bool
    error: Annotated[str | None, WithJsonSchema({"type": "string", "enum": [*SENTENCES]})]
    message: str
    next_at: Moment | None


@only
class CodeDecided(TypedDict):
    """Whether a code was the right one."""

    verified: bool
    result: Annotated[str, Field(description="verified, wrong, expired, void, used, or none: none was sent")]
    attempts_left: int


class AgentAnswer(TypedDict):
    """An agent's answer. With the same ``id`` it is sent once; ``close`` closes the conversation."""

    text: Annotated[str, Field(min_length=1, pattern=r"\S")]
    id: NotRequired[Annotated[str, Field(min_length=1, max_length=100)] | None]
    close: NotRequired[bool]


@only
class AgentAnswered(TypedDict):
    """The answer was taken, now or before."""

    conversation: str
    accepted: bool
    duplicate: bool


Event = dict[str, Any]
"""An event as its sender writes it; ``events.yaml`` says where the fields are."""


@only
class EventIgnored(TypedDict):
    """An event that ``events.yaml`` does not want."""

    name: str
    state: str


@only
class EventTaken(TypedDict):
    """An event that is stored, now or before. ``differs``: it came before with the same key and other data."""

    event: str
    name: str
    state: str
    is_new: bool
    differs: bool
    due_at: Moment | None


@only
class EventShown(TypedDict):
    """What became of an event; ``is_new`` where somebody waited for it."""

    event: str
    name: str
    state: str
    reason: str | None
    detail: str | None
    due_at: Moment | None
    message: Annotated[str | None, Field(description="what became of its message at the gateway")]
    delivery: Annotated[str | None, Field(description="what receipts say of its message")]
    is_new: NotRequired[bool]


@only
class EventTried(TypedDict):
    """What would become of an event; nothing was stored."""

    name: str
    campaign: str
    dry_run: bool
    state: str
    reason: str | None
    detail: str | None
    due_at: Moment | None
    to: str | None
    channel: str | None
    gateway: str | None
    sender: str | None
    text: str | None
    parts: int | None
    cost: str | None
    currency: str | None


class EventReady(TypedDict):
    """A new webhook was tried."""

    state: str


class EventsTaken(TypedDict):
    """A provider's list of events, stored."""

    events: list[EventTaken]


class Login(TypedDict):
    """The form to log in to the page."""

    token: str


class FormOfPage(TypedDict):
    """A form of the page: ``csrf`` is given by the page itself."""

    csrf: str


class ReplyForm(FormOfPage):
    """An answer written on the page. ``turn`` is given by the page: with the same it is sent once."""

    text: str
    turn: NotRequired[str]
    close: NotRequired[str]


def schemas_of(found: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the JSON schema of each type by its name, and the schemas that they refer to."""
    made, definitions = TypeAdapter.json_schemas(
        [(name, "validation", TypeAdapter(one)) for name, one in found.items()], ref_template=REFERENCE
    )
    return {name: schema for (name, _mode), schema in made.items()}, definitions.get("$defs", {})
