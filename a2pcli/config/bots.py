"""``bots:`` of ``replies.yaml``: chat endpoints that answer people, and the limits that they have."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from a2pcli.config.document import Document
from a2pcli.config.fields import Money, Strict, Template, Text, YesNo
from a2pcli.config.listen import EnvironmentName
from a2pcli.config.patterns import pattern_fault
from a2pcli.config.values import parse_budget
from a2pcli.errors import Problem

_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}


def _url(typed: str) -> str:
    url = typed.strip()
    hint = "like https://api.example.com/v1"
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or not url.isascii() or any(character.isspace() for character in url):
        raise ValueError(f"'{url[:80]}' is not a whole URL", hint)
    if parts.username or parts.password or parts.fragment:
        raise ValueError("the URL has a user, a password or a fragment", "the `key` is given by itself")
    return url


def _seconds(typed: str) -> str:
    found = re.fullmatch(r"(\d{1,2}(?:\.\d)?)\s*(s|sec|seconds?)?", str(typed).strip(), re.IGNORECASE)
    if found is None or not 0 < float(found[1]) <= 60:
        raise ValueError(f"'{typed}' is not a time from 0.1 to 60 seconds", "like 20 s")
    return found[1]


def _topic(typed: str) -> str:
    if len(typed) > 2 and typed.startswith("/") and typed.endswith("/"):
        why = pattern_fault(typed[1:-1])
        if why:
            raise ValueError(*why)
    return typed


BotUrl = Annotated[
    str, AfterValidator(_url), WithJsonSchema({"type": "string", "pattern": r"^\s*[Hh][Tt][Tt][Pp][Ss]?://"})
]
Limit = Annotated[
    str, BeforeValidator(_seconds), WithJsonSchema({"type": ["string", "number"], "pattern": r"^\s*\d"})
]
Topic = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_topic)
]
Span = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^\d{1,3}\s*(min(utes?)?|h(ours?)?|d(ays?)?)$")
]


def span_ms(text: str) -> int:
    """``30 min``, ``2 h`` or ``1 day`` in milliseconds."""
    found = re.match(r"(\d+)\s*([a-z])", text)
    assert found is not None
    return int(found[1]) * _MINUTES[found[2]] * 60_000


class History(Strict):
    """What a bot gets of what was said before: turns of this person with this bot, nothing else."""

    messages: int = Field(
        10, ge=0, le=100, description="Messages, the person's and the bot's; 0: only the new one"
    )
    characters: int = Field(4000, ge=0, le=100_000, description="Characters of all of them together")
    age: Span = Field("1 day", description="Only messages that are not older: `30 min`, `2 h`, `1 day`")


class AnswerLimits(Strict):
    """How long an answer may be. A longer one is not sent; a person gets to read the reply."""

    parts: int = Field(3, ge=1, le=20, description="Parts of an SMS")
    characters: int = Field(600, ge=1, le=20_000, description="Characters, on every channel")
    tokens: int = Field(
        300,
        ge=1,
        le=100_000,
        description="Tokens that the endpoint may make (`openai`); more ends the answer",
    )


class Prices(Strict):
    """What the endpoint costs, in one currency."""

    input: Money | None = Field(None, description="For 1,000 tokens that it reads, like `0.15 USD`")
    output: Money | None = Field(None, description="For 1,000 tokens that it makes")
    request: Money | None = Field(None, description="For each request")


class BotBudget(Strict):
    """What may be used. A request that could go over it is not made; a person gets the reply."""

    person: int = Field(20, ge=0, le=10_000, description="Answers by the bot to one person in 24 hours")
    day: Money | None = Field(None, description="Money in a day (UTC), for everybody; needs `prices`")
    month: Money | None = Field(None, description="Money in a month (UTC)")
    tokens_per_day: int | None = Field(None, ge=0, description="Tokens in a day (UTC), read and made")
    tokens_per_month: int | None = Field(None, ge=0, description="Tokens in a month (UTC)")


class HandOver(Strict):
    """How a conversation is given to a person."""

    words: list[Topic] | None = Field(
        None,
        description="Words by which people ask for a person, or `/patterns/`. Default: human, agent, Mitarbeiter and"
        " the like in many languages",
    )
    agent: Text | None = Field(
        None, description="The agents who get it. Default: those of `unmatched`; without them, the inbox"
    )
    answer: Template | None = Field(None, description="What the person is told then (Jinja)")


class Bot(Strict):
    """A chat endpoint."""

    kind: Literal["openai", "http"] = Field(
        "openai",
        description="`openai`: chat completions, as many servers offer; `http`: a signed JSON request of a2pcli's own",
    )
    url: BotUrl = Field(
        description="`openai`: the base, like https://api.example.com/v1; `http`: the whole URL"
    )
    plain_http: YesNo = Field(
        False, description="`yes` allows http:// to other machines, which anybody can read"
    )
    model: Text | None = Field(None, description="The model (`openai`)")
    key: EnvironmentName | None = Field(
        None,
        description="`${NAME}`: the key (`openai`, Bearer), or the secret that signs the request (`http`)",
    )
    instructions: Template | None = Field(
        None,
        description="The system prompt (Jinja); the bot learns only the person's columns that it uses",
    )
    history: History = Field(default_factory=History, description="The earlier turns that it gets")
    within: Span = Field(
        "1 h", description="For this long after its last turn, replies that no rule matches go to this bot"
    )
    timeout: Limit = Field(
        "20", description="Seconds that an answer may take, repeated requests included; at most 60"
    )
    answer: AnswerLimits = Field(default_factory=AnswerLimits, description="How long an answer may be")
    prices: Prices | None = Field(None, description="What it costs")
    budget: BotBudget = Field(default_factory=BotBudget, description="What may be used")
    forbidden: list[Topic] = Field(
        default_factory=list,
        description="Words or `/patterns/`: a reply with one is not given to the bot, and a bot's answer with one is"
        " not sent",
    )
    hand_over: HandOver = Field(
        default_factory=HandOver, description="How a conversation is handed over to a person"
    )


def bot_problems(document: Document, agents: list[str]) -> Iterator[Problem]:
    """What no single key of ``bots:`` can tell. ``agents`` are the names and skills that can be named."""
    bots = document.data.get("bots")
    for name, bot in bots.items() if isinstance(bots, dict) else ():
        if isinstance(bot, dict):
            yield from _of_bot(document, name, bot)
            given = bot.get("hand_over")
            named = given.get("agent") if isinstance(given, dict) else None
            if isinstance(named, str) and named not in agents:
                loc = ("bots", name, "hand_over", "agent")
                yield document.problem(
                    f"there are no agents '{named[:40]}'",
                    loc,
                    hint=near(named, agents, "agents:"),
                    code="agent",
                )


def _of_bot(document: Document, name: str, bot: Mapping[str, Any]) -> Iterator[Problem]:
    loc, kind = ("bots", name), bot.get("kind", "openai")
    if kind == "openai" and "model" not in bot and "url" in bot:
        yield document.problem(f"bot '{name}' has no `model`", loc, of="key", code="bot")
    if kind == "http" and "key" not in bot:
        hint = "key: ${NAME}, the secret that signs the requests"
        yield document.problem(f"bot '{name}' has no `key`", loc, of="key", hint=hint, code="bot")
    url = bot.get("url")
    if (
        isinstance(url, str)
        and url.strip().lower().startswith("http://")
        and not _is_yes(bot.get("plain_http"))
    ):
        try:
            host = urlsplit(url.strip()).hostname
        except ValueError:
            host = None
        if host is not None and not _is_here(host):
            hint = "use https://, or set plain_http: yes if nobody else is on the way"
            message = "what people write would travel unencrypted"
            yield document.problem(message, (*loc, "url"), hint=hint, code="bot")
    yield from _money(document, name, bot)


def _is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_yes(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("yes", "true", "on"))


def _money(document: Document, name: str, bot: Mapping[str, Any]) -> Iterator[Problem]:
    found: dict[tuple[str, str], str] = {}
    for block, keys in (("prices", ("input", "output", "request")), ("budget", ("day", "month"))):
        given = bot.get(block)
        given = given if isinstance(given, dict) else {}
        for key in keys:
            try:
                found[block, key] = parse_budget(given[key]).currency
            except (KeyError, ValueError, AttributeError, TypeError):
                continue
    priced = [place for place in found if place[0] == "prices"]
    for place, currency in found.items():
        loc = ("bots", name, *place)
        if not priced:
            hint = "set `prices:` of the bot"
            yield document.problem("a budget in money needs prices", loc, of="key", hint=hint, code="bot")
        elif currency != found[priced[0]]:
            message = f"{currency} is another currency than that of the prices ({found[priced[0]]})"
            yield document.problem(message, loc, code="bot")


def near(named: str, known: list[str], block: str) -> str:
    """A hint for a name that is not known."""
    close = difflib.get_close_matches(named, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"name one under `{block}`"
