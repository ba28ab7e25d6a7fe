"""The rules of ``replies.yaml``, ready to be used: which one a reply is for, and its texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.config.bots import Bot, span_ms
from a2pcli.config.environment import reference_problems
from a2pcli.config.hours import parse_days, parse_spans
from a2pcli.config.reply_rules import FILE, Agents, LoadedRules, Quota, Rule, load_reply_rules
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.ledger.sender_names import sender_key
from a2pcli.rules.keywords import Meaning, classify
from a2pcli.rules.reply_text import plain, visible
from a2pcli.rules.topics import WORDS_FOR_A_PERSON, Topics

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.content.templates import MessageTemplate

LONGEST_MATCHED = 300
"""Characters of a reply that patterns look at."""
UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that matches a reply, and the values of its named groups."""

    name: str
    rule: Rule
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Where:
    """How a reply came: who may use a rule can depend on it. ``question`` is the name of the one that is open."""

    gateway: str = ""
    to: str | None = None
    programme: str | None = None
    question: str | None = None


class ReplyRules:
    """A file of rules, compiled. Raises ``InvalidInput`` with every problem, each at its place."""

    def __init__(self, loaded: LoadedRules, settings: LoadedSettings) -> None:
        self._loaded, self._settings = loaded, settings
        self._templates: dict[tuple[str, str], MessageTemplate] = {}
        self._keywords: dict[str, frozenset[str]] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._topics: dict[tuple[str, str], Topics] = {}
        problems = [*self._compile(), *self._never_reached(), *self._secrets()]
        if problems:
            raise InvalidInput(*problems)

    @property
    def path(self) -> str:
        """The file."""
        return self._loaded.document.path

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The rules in their order."""
        return self._loaded.file.rules

    @property
    def agents(self) -> Mapping[str, Agents]:
        """The agents by name."""
        return self._loaded.file.agents

    @property
    def bots(self) -> Mapping[str, Bot]:
        """The bots by name."""
        return self._loaded.file.bots

    @property
    def quota(self) -> Quota:
        """Automatic answers that a person gets."""
        return self._loaded.file.quota

    def match(self, text: str, where: Where) -> Match | None:
        """Return the first rule that matches a reply; the one for the open question comes before the others."""
        said, seen = plain(visible(text)), text[:LONGEST_MATCHED]
        for name, rule in self.rules.items():
            if rule.question is not None and rule.question == where.question and _fits(rule, where):
                return Match(name, rule, {})
        for name, rule in self.rules.items():
            if rule.question is not None or not _fits(rule, where):
                continue
            if name in self._keywords and said in self._keywords[name]:
                return Match(name, rule, {})
            found = self._patterns[name].search(seen) if name in self._patterns else None
            if found is not None:
                groups = {key: value for key, value in found.groupdict().items() if value is not None}
                return Match(name, rule, groups)
        return None

    def template(self, name: str, key: str) -> MessageTemplate | None:
        """A text of a rule (``answer``, ``otherwise``), of agents (``closed``), of a bot (``instructions``,
        ``handed_over``), or of ``unmatched``."""
        return self._templates.get((name, key))

    @property
    def unmatched_agent(self) -> str | None:
        """The agents who get replies that no rule matches."""
        return self._loaded.file.unmatched.agent

    @property
    def unmatched_bot(self) -> str | None:
        """The bot that answers replies that no rule matches."""
        return self._loaded.file.unmatched.chat

    def forbidden(self, bot: str) -> Topics:
        """The topics that a bot must not talk about."""
        return self._topics_of(bot, "forbidden", self.bots[bot].forbidden)

    def asking_for_a_person(self, bot: str) -> Topics:
        """The words by which people ask for a person instead of a bot."""
        words = self.bots[bot].hand_over.words
        return self._topics_of(bot, "words", WORDS_FOR_A_PERSON if words is None else words)

    def _topics_of(self, bot: str, key: str, topics: Sequence[str]) -> Topics:
        if (bot, key) not in self._topics:
            self._topics[bot, key] = Topics.of(topics)
        return self._topics[bot, key]

    def agents_for(self, named: str) -> list[str]:
        """The names of the agents that are meant: those with this name, or all with this skill."""
        if named in self.agents:
            return [named]
        return [name for name, one in self.agents.items() if named in one.skills]

    def are_open(self, agents: str, at: int) -> bool:
        """Whether these agents are there at a moment (UTC ms)."""
        opening = self.agents[agents].hours
        if opening is None:
            return True
        from a2pcli.timezones import ZoneInfo

        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(opening.timezone))
        days = parse_days(opening.days)
        for back in (0, 1):  # a span may go past midnight
            day = local - timedelta(days=back)
            seconds = (local.hour * 3600 + local.minute * 60 + local.second) + back * 86_400
            if day.weekday() in days and any(
                start <= seconds < end for start, end in parse_spans(opening.hours)
            ):
                return True
        return False

    def open_for(self, name: str) -> int:
        """How long the question of a rule is open, in milliseconds; 0 if it asks none or is gone."""
        rule = self.rules.get(name)
        if rule is None or rule.asks is None:
            return 0
        return span_ms(rule.within)

    def _compile(self) -> Iterator[Problem]:
        for name, rule in self.rules.items():
            if rule.keyword is not None:
                self._keywords[name] = frozenset(plain(visible(one)) for one in rule.keyword)
            if rule.regex is not None:
                self._patterns[name] = re.compile(rule.regex, re.IGNORECASE)
        for name, key, text, loc in self._texts():
            try:
                self._templates[name, key] = self._compiled(text, loc)
            except InvalidInput as error:
                yield from error.problems

    def _texts(self) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
        """Every template: whose it is, which one, its text, and where it stands."""
        for name, rule in self.rules.items():
            for key in ("answer", "otherwise"):
                if text := getattr(rule, key):
                    yield name, key, text, ("rules", name, key)
        for name, agents in self.agents.items():
            if agents.closed:
                yield f"agents {name}", "closed", agents.closed, ("agents", name, "closed")
        for name, bot in self.bots.items():
            if bot.instructions:
                yield f"bot {name}", "instructions", bot.instructions, ("bots", name, "instructions")
            if bot.hand_over.answer:
                yield (
                    f"bot {name}",
                    "handed_over",
                    bot.hand_over.answer,
                    ("bots", name, "hand_over", "answer"),
                )
        if text := self._loaded.file.unmatched.answer:
            yield UNMATCHED, "answer", text, ("unmatched", "answer")

    def _compiled(self, text: str, loc: tuple[str, ...]) -> MessageTemplate:
        from a2pcli.content.sources import SourcePlace
        from a2pcli.content.templates import compile_template

        place = SourcePlace.of(self._loaded.document, loc)
        return compile_template(
            text, where=place, folder=self._settings.folder, locale=self._settings.settings.locale
        )

    def _secrets(self) -> Iterator[Problem]:
        """Secrets that are not set."""
        found = [(("rules", name, "lookup", "secret"), rule.lookup) for name, rule in self.rules.items()]
        found += [(("agents", name, "webhook", "secret"), one.webhook) for name, one in self.agents.items()]  # type: ignore[misc]
        environ, document = self._settings.environ, self._loaded.document
        for loc, block in found:
            if block is not None:
                yield from reference_problems(block.secret, loc, document, environ)
        for name, bot in self.bots.items():
            if bot.key is not None:
                yield from reference_problems(bot.key, ("bots", name, "key"), document, environ)

    def _never_reached(self) -> Iterator[Problem]:
        """Keywords that are STOP, START or HELP, or that an earlier rule has."""
        document, seen = self._loaded.document, dict[tuple[str, tuple[str | None, ...]], str]()
        for name, rule in self.rules.items():
            for place, word in enumerate(rule.keyword or ()):
                loc: tuple[str | int, ...] = ("rules", name, "keyword", place)
                loc = loc if document.has(loc) else loc[:-1]
                said, meaning = plain(visible(word)), classify(word).meaning
                narrow = (rule.programme, *(rule.sender or ()), *(rule.gateway or ()))
                if not said:
                    yield document.problem("a keyword needs letters or digits", loc, code="keyword")
                elif meaning in (Meaning.STOP, Meaning.HELP):
                    message = f"'{word}' is {str(meaning).upper()}, which is answered before any rule"
                    yield document.problem(message, loc, hint="choose another word", code="keyword")
                elif (said, narrow) in seen:
                    message = f"'{word}' is a keyword of rule '{seen[said, narrow]}' already"
                    yield document.problem(message, loc, hint="remove one of them", code="keyword")
                seen.setdefault((said, narrow), name)


def _fits(rule: Rule, where: Where) -> bool:
    if rule.programme is not None and rule.programme != (where.programme or "").lower():
        return False
    if rule.gateway is not None and where.gateway not in rule.gateway:
        return False
    return rule.sender is None or sender_key(where.to or "") in map(sender_key, rule.sender)


def rules_path(settings: LoadedSettings) -> Path:
    """Where the file is: beside the settings."""
    return settings.folder / FILE


def load_rules(settings: LoadedSettings) -> ReplyRules | None:
    """The rules of a project; None if it has no file of them. Raises ``InvalidInput`` with every problem."""
    path = rules_path(settings)
    return ReplyRules(load_reply_rules(path), settings) if path.exists() else None
