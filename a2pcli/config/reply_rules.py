"""``replies.yaml``: keywords and patterns that people write, what is answered, and who else gets to read it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from a2pcli.config.bots import Bot, bot_problems, near
from a2pcli.config.document import Document, read_document
from a2pcli.config.examine import examine
from a2pcli.config.fields import Days, Hours, ProgrammeName, Strict, Template, Text, Zone
from a2pcli.config.listen import EnvironmentName
from a2pcli.config.patterns import pattern_fault
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem

FILE = "replies.yaml"


def _url(typed: str) -> str:
    if not re.match(r"https?://[^\s/@]+(/\S*)?$", typed.strip()):
        raise ValueError(f"'{typed.strip()[:80]}' is not a URL", "like https://shop.example.com/orders")
    return typed.strip()


def _seconds(typed: str) -> str:
    found = re.fullmatch(r"(\d{1,2}(?:\.\d)?)\s*(s|sec|seconds?)?", str(typed).strip(), re.IGNORECASE)
    if found is None or not 0 < float(found[1]) <= 10:
        raise ValueError(f"'{typed}' is not a time from 0.1 to 10 seconds", "like 3 s")
    return found[1]


def _pattern(typed: str) -> str:
    why = pattern_fault(typed)
    if why:
        raise ValueError(*why)
    return typed


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_url)]
Seconds = Annotated[
    str, BeforeValidator(_seconds), WithJsonSchema({"type": ["string", "number"], "pattern": r"^\s*\d"})
]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_pattern)]
Several = Annotated[
    list[Text],
    BeforeValidator(_several),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
            ]
        }
    ),
]
Age = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^\d{1,3}\s*(min(utes?)?|h(ours?)?|d(ays?)?)$"),
]
RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class Lookup(Strict):
    """A request to a system of yours, whose answer the texts may use."""

    url: Url = Field(description="URL that gets a POST with JSON and answers 200 with a JSON object")
    secret: EnvironmentName = Field(description="Signs the request (HMAC-SHA256): `${NAME}`")
    timeout: Seconds = Field("3", description="Seconds to wait for the answer, at most 10")


class Rule(Strict):
    """What is done with a reply. One of ``keyword``, ``regex`` and ``question`` says with which."""

    keyword: Several | None = Field(
        None, description="The whole reply is one of these, in any case, with any punctuation"
    )
    regex: Pattern | None = Field(
        None, description="The reply contains this pattern (Python), in any case; named groups are variables"
    )
    question: Text | None = Field(None, description="The reply to a rule that `asks` this")
    programme: ProgrammeName | None = Field(
        None, description="Only from people whose newest message was of this programme"
    )
    sender: Several | None = Field(None, description="Only replies to these senders of yours")
    gateway: Several | None = Field(None, description="Only replies that came by these gateways")
    answer: Template | None = Field(None, description="The text of the answer (Jinja)")
    lookup: Lookup | None = Field(None, description="A system of yours to ask before answering")
    otherwise: Template | None = Field(
        None, description="The answer if the look-up fails, or `answer` needs a value that is missing"
    )
    asks: Text | None = Field(
        None, description="Name of the question that the answer asks, for rules with `question`"
    )
    within: Age = Field("1 day", description="How long the question is open: `30 min`, `2 h`, `1 day`")
    agent: Text | None = Field(None, description="The agents who get the reply")
    chat: Text | None = Field(
        None, description="The bot that answers, a name under `bots:`; see docs/chat.md"
    )


class Webhook(Strict):
    """Where agents get replies as JSON."""

    url: Url = Field(
        description="Gets a POST; a JSON object with `answer` in its response is sent to the person"
    )
    secret: EnvironmentName = Field(description="Signs the request (HMAC-SHA256): `${NAME}`")
    timeout: Seconds = Field("5", description="Seconds that it may take, at most 10")


class Way(Strict):
    """An address that agents read, and the gateway that sends there."""

    gateway: Text = Field(description="The gateway that sends the notice, of email or of a chat")
    to: Text = Field(description="The address: an email address, or a chat id")


class OpeningHours(Strict):
    """When agents are available."""

    timezone: Zone = Field(description="Like `Europe/London`")
    days: Days = Field("mon-fri", description="Days, like `mon-fri`")
    hours: Hours = Field("09:00-17:00", description="Like `09:00-17:00`")


class Agents(Strict):
    """People who read and answer replies."""

    webhook: Webhook | None = Field(None, description="A help desk or a system of yours")
    email: Way | None = Field(None, description="An email for each reply")
    chat: Way | None = Field(None, description="A chat message for each reply")
    skills: Several = Field(
        default_factory=list, description="Their skills; a rule may name a skill as its `agent`"
    )
    hours: OpeningHours | None = Field(None, description="When they are available. Default: always")
    closed: Template | None = Field(None, description="The answer outside of these hours")


class Quota(Strict):
    """How many automatic answers one person gets, so that two machines do not talk for ever."""

    hour: int = Field(6, ge=0, le=1000, description="In an hour")
    day: int = Field(20, ge=0, le=10_000, description="In 24 hours")


class Unmatched(Strict):
    """What is done with a reply that no rule matches."""

    agent: Text | None = Field(None, description="The agents who get it")
    answer: Template | None = Field(None, description="The text of the answer (Jinja)")
    chat: Text | None = Field(
        None, description="The bot that answers; the agents get what it does not answer"
    )


class ReplyFile(Strict):
    """``replies.yaml``."""

    rules: dict[RuleName, Rule] = Field(
        default_factory=dict, description="The rules; the first that matches is used"
    )
    agents: dict[RuleName, Agents] = Field(default_factory=dict, description="Agents by name")
    bots: dict[RuleName, Bot] = Field(default_factory=dict, description="Chat endpoints by name")
    unmatched: Unmatched = Field(default_factory=Unmatched, description="Replies that no rule matches")
    quota: Quota = Field(default_factory=Quota, description="Automatic answers to one person")


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """The file, and where it stands."""

    file: ReplyFile
    document: Document


def load_reply_rules(path: Path) -> LoadedRules:
    """The file. Raises ``InvalidInput`` with every problem, each at its place."""
    document = read_document(path)
    return LoadedRules(examine(document, ReplyFile, _problems).sound, document)


def _problems(document: Document) -> Iterator[Problem]:
    """What no single key can tell."""
    rules, agents = document.data.get("rules"), document.data.get("agents")
    rules = rules if isinstance(rules, dict) else {}
    agents = agents if isinstance(agents, dict) else {}
    asked = {rule.get("asks") for rule in rules.values() if isinstance(rule, dict)}
    skills = {
        skill for one in agents.values() if isinstance(one, dict) for skill in _listed(one.get("skills"))
    }
    known = [*agents, *sorted(skills)]
    for name, rule in rules.items():
        if not isinstance(rule, dict):
            continue
        loc = ("rules", name)
        given = [key for key in ("keyword", "regex", "question") if key in rule]
        knows_all = set(rule) <= set(Rule.model_fields)
        if len(given) > 1 or (not given and knows_all):
            message = f"rule '{name}' needs one of `keyword`, `regex` and `question`"
            yield document.problem(message, loc, of="key", code="rule")
        if not any(key in rule for key in ("answer", "agent", "chat")) and knows_all:
            hint = "set `answer`, `agent` or both, or `chat`"
            yield document.problem(f"rule '{name}' does nothing", loc, of="key", hint=hint, code="rule")
        if "lookup" in rule and "answer" not in rule:
            yield document.problem(
                "a look-up without an `answer` is of no use", (*loc, "lookup"), of="key", code="rule"
            )
        question = rule.get("question")
        if isinstance(question, str) and question not in asked:
            message = f"no rule asks '{question[:40]}', so this is never reached"
            yield document.problem(
                message, (*loc, "question"), hint="set `asks` of the rule that asks it", code="rule"
            )
        if "agent" in rule:
            yield from _agent(document, rule["agent"], (*loc, "agent"), known)
        yield from _chat(document, rule, loc, ("answer", "otherwise", "lookup", "asks", "agent"))
    unmatched = document.data.get("unmatched")
    if isinstance(unmatched, dict):
        if "agent" in unmatched:
            yield from _agent(document, unmatched["agent"], ("unmatched", "agent"), known)
        yield from _chat(document, unmatched, ("unmatched",), ("answer",))
    yield from bot_problems(document, known)


def _chat(
    document: Document, given: dict[str, object], loc: tuple[str, ...], not_with: tuple[str, ...]
) -> Iterator[Problem]:
    """A bot that is named must be there, and answers alone."""
    named, bots = given.get("chat"), document.data.get("bots")
    known = list(bots) if isinstance(bots, dict) else []
    if isinstance(named, str) and named not in known:
        hint = near(named, known, "bots:")
        yield document.problem(f"there is no bot '{named[:40]}'", (*loc, "chat"), hint=hint, code="bot")
    for key in not_with if "chat" in given else ():
        if key in given:
            message = f"`chat` and `{key}` do not go together: the bot makes the answer"
            hint = "the agents of a bot are those of its `hand_over`" if key == "agent" else f"remove `{key}`"
            yield document.problem(message, (*loc, key), of="key", hint=hint, code="rule")


def _listed(value: object) -> list[str]:
    return (
        [value]
        if isinstance(value, str)
        else [one for one in value if isinstance(one, str)]
        if isinstance(value, list)
        else []
    )


def _agent(document: Document, named: object, loc: tuple[str, ...], known: list[str]) -> Iterator[Problem]:
    if isinstance(named, str) and named not in known:
        close = difflib.get_close_matches(named, known, n=1)
        hint = f"did you mean '{close[0]}'?" if close else "name one under `agents:`, or a skill of one"
        yield document.problem(f"there are no agents '{named[:40]}'", loc, hint=hint, code="agent")
