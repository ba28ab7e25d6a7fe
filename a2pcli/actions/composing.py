"""Makes the texts of answers by rules: with the person's data, and with what a system of the user's own knows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from a2pcli.actions.answers import Answer, sendable_text
from a2pcli.actions.people_data import PeopleData
from a2pcli.actions.signed_requests import post_signed
from a2pcli.config import environment
from a2pcli.errors import A2PError

if TYPE_CHECKING:
    from a2pcli.actions.chatting import Chatter
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.actions.surveys import ReadySurvey
    from a2pcli.config.load import LoadedSettings
    from a2pcli.config.reply_rules import Lookup
    from a2pcli.ledger.store import Ledger

MOST_VALUES, LONGEST_VALUE = 100, 1_000
_NAME = re.compile(r"[^a-z0-9]+")


class Composer:
    """Makes the text of an answer; ``text`` is what ``AnswerSender`` calls."""

    def __init__(
        self,
        ledger: Ledger | None,
        settings: LoadedSettings,
        rules: ReplyRules | None,
        tell: Callable[[str], None],
    ) -> None:
        """``ledger`` is where people's data is found; None where it is given."""
        self._rules, self._settings, self._tell = rules, settings, tell
        self._ledger = ledger
        self._surveys: dict[str, ReadySurvey] | None = None
        self._people = None if ledger is None else PeopleData(ledger)
        self._chatter: Chatter | None = None

    async def text(self, answer: Answer) -> str | None:
        """Return the text of an answer by a rule; None if there is nothing to say."""
        asked: Mapping[str, Any] = (answer.content or {}).get("compose", {})
        if asked.get("survey") is not None:
            return await asyncio.to_thread(self._of_survey, answer, asked)
        if asked.get("bot") is not None:
            return await self._chat(answer, asked)
        if self._rules is None or self._people is None or asked.get("rule") is None:
            return None
        data = await asyncio.to_thread(self._people.of, answer.address, answer.created_at)
        return await self.by_rule(
            str(asked["rule"]), str(asked["key"]), answer.address, str(asked.get("reply", "")),
            dict(asked.get("groups") or {}), data, answer.channel, answer.sender,
        )  # fmt: skip

    async def _chat(self, answer: Answer, asked: Mapping[str, Any]) -> str | None:
        """What a bot answers; without rules, its reply goes to the inbox."""
        from a2pcli.actions.chatting import Chatter

        if self._ledger is None or self._people is None:
            return None
        if self._chatter is None:
            self._chatter = Chatter(self._ledger, self._settings, self._rules, self._people, self._tell)
        return await self._chatter.text(answer, asked)

    def _of_survey(self, answer: Answer, asked: Mapping[str, Any]) -> str | None:
        from a2pcli.content.failures import RowFailure

        if self._ledger is None or self._people is None:
            return None
        from a2pcli.actions.surveys import load_surveys, survey_text

        if self._surveys is None:
            self._surveys = load_surveys(self._settings)
        try:
            return survey_text(self._surveys, self._ledger, self._people, answer, asked)
        except RowFailure as failure:
            self._tell(f"survey {asked['survey']}: no message: {failure}")
        except A2PError as error:
            self._tell(f"survey {asked['survey']}: no message: {error.problems[0].message}")
        return None

    async def by_rule(
        self, rule: str, key: str, address: str, reply: str, groups: Mapping[str, str], data: Mapping[str, str],
        channel: str, to: str | None, *, looks_up: bool = True,
    ) -> str | None:  # fmt: skip
        """Return a rule's text with these values. With ``looks_up`` off, its look-up counts as failed."""
        assert self._rules is not None
        values = {**data, **groups, "reply": reply}
        found = self._rules.rules.get(rule)
        lookup = found.lookup if found is not None and key == "answer" else None
        if lookup is not None:
            document = {"rule": rule, "from": address, "to": to, "text": reply, "values": dict(groups)}
            told = await self._look_up(lookup, document) if looks_up else None
            if told is None:
                return self._rendered(rule, "otherwise", values, channel)
            values |= told
        text = self._rendered(rule, key, values, channel)
        return (
            text
            if text is not None or key != "answer"
            else self._rendered(rule, "otherwise", values, channel)
        )

    async def _look_up(self, lookup: Lookup, document: Mapping[str, Any]) -> dict[str, str] | None:
        secret = secret_of(self._settings, lookup.secret)
        if secret is None:
            self._tell(f"rule {document['rule']}: the secret of its look-up is not set")
            return None
        told = await post_signed(lookup.url, secret, document, float(lookup.timeout))
        if told.data is None:
            self._tell(f"rule {document['rule']}: the look-up failed: {told.why}")
            return None
        return dict(list(flattened(told.data))[:MOST_VALUES])

    def _rendered(self, rule: str, key: str, values: Mapping[str, str], channel: str) -> str | None:
        from a2pcli.content.failures import RowFailure

        template = self._rules.template(rule, key) if self._rules is not None else None
        if template is None:
            return None
        try:
            return sendable_text(self._settings, channel, template.render(values))
        except RowFailure as failure:
            self._tell(f"rule {rule}: no answer: {type(failure).__name__}")
        except A2PError as error:
            self._tell(f"rule {rule}: no answer: {error.problems[0].message}")
        return None


def flattened(data: Mapping[str, Any], prefix: str = "lookup") -> Iterator[tuple[str, str]]:
    """Yield what a system answered as variables: ``{"order": {"status": "sent"}}`` is ``lookup_order_status``."""
    for name, value in data.items():
        key = f"{prefix}_{_NAME.sub('_', str(name).lower()).strip('_')}"
        if isinstance(value, Mapping):
            if key.count("_") < 8:
                yield from flattened(value, key)
        elif isinstance(value, bool):
            yield key, "yes" if value else "no"
        elif isinstance(value, (str, int, float)):
            yield key, str(value)[:LONGEST_VALUE]


def secret_of(settings: LoadedSettings, typed: str) -> str | None:
    """The secret that ``${NAME}`` means; None if it is not set."""
    try:
        found = str(environment.filled(typed, settings.environ))
    except (A2PError, KeyError, ValueError):
        return None
    return None if not found or found == typed else found
