"""Proposes other texts for a campaign by a bot, and measures each before anybody sees it. Nothing is sent.

The bot gets the template of the text, the names of the columns and the rules for it: nothing of any contact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.bot_asking import ask
from a2pcli.actions.bot_protocol import Question
from a2pcli.actions.bot_questions import BotError, Ready, reserved, secret_for, used_by
from a2pcli.actions.draft_check import Draft, DraftText, Measured, checked_draft, draft_texts, measured_now
from a2pcli.actions.draft_prompt import Wish, proposals, question_for
from a2pcli.actions.plans import load_both
from a2pcli.actions.reply_rules import ReplyRules, load_rules, rules_path
from a2pcli.dataclass import dataclass
from a2pcli.errors import GatewayUnusable, Problem, Refused, UsageError

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.config.bots import Bot
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

MOST = 10
"""Proposals that are looked at each time: each is measured for 200 recipients."""
ROUNDS = 2
"""How often the bot is asked: once more for what cannot be used."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """What came of it: the text as it is now, drafts that could be sent, and refused ones with the reason."""

    campaign: str
    bot: str
    text: DraftText
    now: Measured
    drafts: list[Draft] = field(default_factory=list)
    refused: list[Draft] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def draft(
    project: Project,
    path: Path,
    *,
    count: int,
    bot: str | None = None,
    text: str | None = None,
    wish: str = "",
) -> Drafts:
    """Ask a bot for ``count`` drafts of a campaign's text, and check them as the campaign is checked. ``text`` names
    the text if there are several; ``wish`` is what should be different. What the bot used counts in its budget
    (audit: ``bot.ask``, ``bot.answer``); nothing else is stored and nothing is sent.

    Raises ``InvalidInput`` for a campaign that is wrong, ``UsageError`` for what is not there, ``Refused`` over budget,
    ``GatewayUnusable`` for a bot that does not answer.
    """
    loaded, settings = load_both(path)
    rules, name = _rules(settings), ""
    name = _bot(rules, bot)
    one = _text(draft_texts(loaded), text)
    now = measured_now(project, loaded, settings, one)
    done = Drafts(loaded.campaign.name, name, one, now)
    seen: set[str] = {one.text}
    with _counter(project, done) as ledger:
        asking = _Asking(ledger, settings, rules, name)
        for turn in range(ROUNDS):
            missing = count - len(done.drafts)
            if missing <= 0 or (turn and not done.refused):
                break
            asked = question_for(loaded, one, now, rules.bots[name], Wish(missing, wish, done.refused))
            try:
                answer = asking.ask(asked)
            except (Refused, GatewayUnusable) as error:
                if not turn:
                    raise
                done.notes.append(
                    f"not asked again for those that cannot be used: {error.problems[0].message}"
                )
                break
            new = [
                proposed for proposed in dict.fromkeys(proposals(answer, one)) if proposed.text not in seen
            ]
            if len(new) > MOST:
                done.notes.append(f"the bot proposed {len(new):,}; the first {MOST} were looked at")
            for proposed in new[:MOST]:
                if proposed.text not in seen and len(done.drafts) < count:
                    seen.add(proposed.text)
                    found = checked_draft(
                        project, loaded, settings, one, now, proposed, rules.forbidden(name)
                    )
                    (done.refused if found.why else done.drafts).append(found)
    return done


def write_draft(done: Drafts, path: Path, out: Path, number: int) -> None:
    """Write a copy of the campaign with the draft of this number, from 1, into a new file beside it. Its name stays, so
    nobody gets both. Raises ``UsageError``."""
    if not 1 <= number <= len(done.drafts):
        raise UsageError(f"--pick {number}: there are {len(done.drafts)} drafts that can be used")
    check_target(path, out)
    document = done.drafts[number - 1].document
    assert document is not None
    try:
        with out.open("x", encoding="utf-8", newline="") as file:
            file.write(document.text)
    except FileExistsError:
        raise UsageError(f"--out {out}: the file exists; it is not overwritten") from None
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}") from None


def check_target(path: Path, out: Path) -> None:
    """Whether a draft could be written there. Raises ``UsageError``."""
    if out.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--out {out}: the file must end in .yaml")
    if out.resolve().parent != path.resolve().parent:
        hint = "files that the campaign names are relative to its folder"
        raise UsageError(Problem(f"--out {out}: write it into the folder of {path}", hint=hint))
    if out.exists() or out.is_symlink():
        raise UsageError(f"--out {out}: the file exists; it is not overwritten")


class _Asking:
    """Asks the bot within its budget; without a ledger, nothing is counted."""

    def __init__(self, ledger: Ledger | None, settings: LoadedSettings, rules: ReplyRules, name: str) -> None:
        self._ledger, self._name = ledger, name
        self._bot: Bot = rules.bots[name]
        try:
            self._secret = secret_for(settings, self._bot)
        except BotError as error:
            raise UsageError(f"bot {name}: {error}") from None

    def ask(self, question: Question) -> str:
        """Return what it answers. Raises ``Refused`` over budget, ``GatewayUnusable`` without a usable answer."""
        ready = None
        if self._ledger is not None:
            try:
                reservation = reserved(self._ledger, self._name, self._bot, question, "draft")
            except BotError as error:
                raise Refused(Problem(f"bot {self._name}: {error}", code="bot-budget")) from None
            ready = Ready(question, self._secret, reservation)
        done = asyncio.run(ask(self._bot, self._secret, question))
        if self._ledger is not None and ready is not None:
            used = used_by(self._bot, ready, done)
            self._ledger.bot_usage.settle(ready.reservation, used, answered=done.said.text is not None)
        if done.said.text is None:
            raise GatewayUnusable(Problem(f"bot {self._name}: {done.said.why}", code="bot"))
        return done.said.text


@contextmanager
def _counter(project: Project, done: Drafts) -> Iterator[Ledger | None]:
    with project.existing_ledger(to_write=True) as ledger:
        if ledger is None:
            done.notes.append(
                "there is no ledger here yet, so what the bot used is not counted in its budget"
            )
        yield ledger


def _rules(settings: LoadedSettings) -> ReplyRules:
    rules = load_rules(settings)
    if rules is None or not rules.bots:
        hint = "docs/chat.md shows how to write one"
        path = str(rules_path(settings))
        raise UsageError(Problem("there are no bots (`bots:`) here", path=path, hint=hint, code="bot"))
    return rules


def _bot(rules: ReplyRules, named: str | None) -> str:
    known = list(rules.bots)
    if named is None and len(known) == 1:
        return known[0]
    if named in rules.bots:
        return str(named)
    words = f"there is no bot '{named}'" if named else "there are several bots"
    raise UsageError(f"{words}: name one with --bot: {', '.join(known)}")


def _text(texts: Mapping[str, DraftText], named: str | None) -> DraftText:
    if not texts:
        raise UsageError(
            "this campaign has no text that could be drafted: HTML, cards, approved templates and questions of surveys"
            " are not"
        )
    if named is None and len(texts) == 1:
        return next(iter(texts.values()))
    if named in texts:
        return texts[str(named)]
    words = f"there is no text '{named}'" if named else "the campaign has several texts"
    raise UsageError(f"{words}: name one with --text: {', '.join(texts)}")


__all__: Sequence[str] = ("Draft", "DraftText", "Drafts", "Measured", "check_target", "draft", "write_draft")
