"""What the commands about the inbox and the rules for replies print with ``--json``."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Moment, Money, says


class Conversation(TypedDict):
    """A conversation of the inbox."""

    code: str
    person: Annotated[str, says("the masked number or address")]
    channel: str
    gateway: str
    sender: str | None
    programme: str | None
    state: Annotated[str, says("open or closed")]
    waits: Annotated[bool, says("whether it is open and the person wrote last")]
    why: str
    agents: str | None
    assignee: str | None
    opened_at: Moment
    heard_at: Moment
    answered_at: Moment | None
    closed_at: Moment | None


class ConversationMessage(TypedDict):
    """A message of a conversation."""

    at: Moment
    ours: bool
    text: Annotated[str | None, says("null if texts are not kept")]
    kind: str
    state: Annotated[str | None, says("of ours: what became of it at the gateway")]
    delivery: Annotated[str | None, says("of ours: what its receipts say")]


class Inbox(TypedDict):
    """``a2pcli inbox list``."""

    conversations: list[Conversation]


class ConversationShown(TypedDict):
    """``a2pcli inbox show``."""

    conversation: Conversation
    messages: list[ConversationMessage]


class ConversationChanged(TypedDict):
    """``a2pcli inbox assign`` and ``close``."""

    conversation: Conversation


class ConversationReplied(TypedDict):
    """``a2pcli inbox reply``."""

    conversation: Conversation
    state: str | None
    reference: str | None
    code: str | None
    detail: str | None


class RulesChecked(TypedDict):
    """``a2pcli replies check``."""

    path: str
    rules: list[str]
    agents: list[str]
    bots: list[str]


class BotUsed(TypedDict):
    """What a bot was asked in a span of time."""

    bot: str
    when: Annotated[str, says("today, this month or in all; UTC")]
    asked: int
    answered: int
    handed_over: Annotated[int, says("replies that were given to a person instead")]
    tokens_in: int
    tokens_out: int
    cost: Annotated[str | None, says("null without prices")]
    currency: str | None
    budget_tokens: int | None
    budget: Annotated[str | None, says("money that may be used in this span, with its currency")]


class BotsUsed(TypedDict):
    """``a2pcli replies usage``."""

    bots: list[BotUsed]


class ReplyTried(TypedDict):
    """``a2pcli replies test``."""

    meaning: str
    flagged: bool
    why: str | None
    rule: str | None
    answer: str | None
    no_answer: str | None
    lookup: Annotated[str | None, says("the URL that is asked")]
    bot: Annotated[str | None, says("the bot that the reply is for")]
    agents: list[str]
    inbox: bool
    notes: list[str]


class PriceRange(TypedDict):
    """The least and the highest price of a message."""

    least: Money
    most: Money


class DraftFigures(TypedDict):
    """A text as the first 200 recipients would get it."""

    subject: Annotated[str | None, says("of an email")]
    text: Annotated[str, says("the template")]
    messages: Annotated[int, says("so many were measured, by all of its channels")]
    encoding: Annotated[str | None, says("GSM-7, UCS-2 or for how many UCS-2; null without parts")]
    least_parts: int | None
    most_parts: int | None
    prices: Annotated[dict[str, PriceRange], says("by currency")]
    unpriced: int
    example: Annotated[str | None, says("the message of the first recipient")]


class ProposedDraft(DraftFigures):
    """A draft that can be used."""

    number: Annotated[int, says("for --pick")]
    notes: list[str]


class RefusedDraft(TypedDict):
    """A draft that cannot be used."""

    subject: str | None
    text: str
    why: str


class Drafted(TypedDict):
    """``a2pcli draft``."""

    campaign: str
    bot: str
    text: Annotated[str, says("the place of the text in the campaign")]
    channels: Annotated[list[str], says("those that send this text")]
    now: DraftFigures
    drafts: list[ProposedDraft]
    refused: list[RefusedDraft]
    notes: list[str]
