"""What a bot is told when it drafts a campaign's text, and what is read of its answer."""

from __future__ import annotations

import itertools
import json
import re
import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.actions.bot_protocol import Message, Question
from a2pcli.actions.draft_check import Draft, DraftText, Measured, Proposed
from a2pcli.dataclass import dataclass

if TYPE_CHECKING:
    from a2pcli.config.bots import Bot
    from a2pcli.config.load import LoadedCampaign

TOKENS = 500
"""The most tokens of one draft."""
LONGEST = 10_000
MOST_TRIED = 100
"""Places of an answer where its JSON may begin."""
_BEGINNING = re.compile(r"[{\[]")
_INSTRUCTIONS = """\
You propose other wordings for a text message that a company sends to many people. The text is a Jinja template.
Rules, each of which is checked by a program that refuses what breaks them:
- Keep the meaning. Invent nothing: no prices, numbers, dates, links, offers or names that are not in the text.
- Keep every link exactly as it is, and the words that tell people how to opt out.
- Use placeholders like {{ first_name }} only for the columns that are listed, and keep their filters; no statements,
  calculations or values in placeholders that are not in the text.
- Do not make the message longer than it is allowed to be.
- Answer with JSON and nothing else: {"variants": [{"text": "..."}]}; with a "subject" in each if there is one now.
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """How many drafts are wanted, what should be different, and what was refused before."""

    count: int
    words: str = ""
    refused: Sequence[Draft] = ()


def question_for(loaded: LoadedCampaign, text: DraftText, now: Measured, bot: Bot, wish: Wish) -> Question:
    """What the bot is asked: the template, the names of columns and the rules; nothing of any contact."""
    document: dict[str, Any] = {
        "text": text.text,
        "channels": list(text.channels),
        "purpose": loaded.campaign.purpose,
        "columns": sorted(now.columns),
        "variants_wanted": wish.count,
    }
    if text.subject is not None:
        document["subject"] = text.subject
    if text.has_parts:
        document["most_sms_parts"] = now.most_parts
        document["characters"] = "GSM-7 alphabet only" if now.is_gsm else "any"
    if wish.words:
        document["wish"] = wish.words
    if wish.refused:
        document["refused_before"] = [
            {"text": one.proposed.text, "because": one.for_bot or one.why} for one in wish.refused[:10]
        ]
    return Question(
        f"draft-{secrets.token_hex(8)}",
        _INSTRUCTIONS,
        [Message("user", json.dumps(document, ensure_ascii=False, indent=1))],
        most_tokens=max(bot.answer.tokens, TOKENS * wish.count),
        is_draft=True,
    )


def proposals(answer: str, text: DraftText) -> Iterator[Proposed]:
    """Yield the texts of an answer, which may have words or a fence around its JSON; nothing if it has none."""
    for item in _items(answer):
        found = {"text": item} if isinstance(item, str) else item if isinstance(item, dict) else {}
        body, subject = found.get("text"), found.get("subject")
        if not isinstance(body, str) or not body.strip() or len(body) > LONGEST:
            continue
        if text.subject is not None and (not isinstance(subject, str) or not subject.strip()):
            subject = text.subject
        body = body.replace("\r\n", "\n").replace("\r", "\n")
        yield Proposed(body.strip(), subject.strip() if text.subject is not None and subject else None)


def _items(answer: str) -> list[Any]:
    decoder = json.JSONDecoder()
    for found_at in itertools.islice(_BEGINNING.finditer(answer), MOST_TRIED):
        try:
            found, _ = decoder.raw_decode(answer, found_at.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            found = found.get("variants")
        if isinstance(found, list):
            return found
    return []
