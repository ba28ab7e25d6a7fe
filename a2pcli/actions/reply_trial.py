"""What would be done with a reply: nothing is sent or stored."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from a2pcli.actions.addresses import read_addresses
from a2pcli.actions.composing import Composer, PeopleData
from a2pcli.actions.confirming import HELP, START, STOP, ConfirmationTexts
from a2pcli.actions.replies import stop_keywords
from a2pcli.actions.reply_rules import UNMATCHED, ReplyRules, Where, load_rules, rules_path
from a2pcli.addresses.any_address import any_address
from a2pcli.channels import DEFAULT
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.records import now_ms
from a2pcli.rules.keywords import Meaning, classify

if TYPE_CHECKING:
    from a2pcli.actions.project import Project


@dataclass(frozen=True, slots=True)
class Trial:
    """What would be done with a reply. ``lookup`` is the URL that would be asked; ``why_none`` says why there is no
    answer."""

    meaning: str
    flagged: bool
    why: str
    rule: str | None = None
    answer: str | None = None
    why_none: str | None = None
    lookup: str | None = None
    agents: tuple[str, ...] = ()
    to_inbox: bool = False
    notes: tuple[str, ...] = ()


def check_rules(project: Project) -> ReplyRules:
    """The rules of a project. Raises ``InvalidInput`` with every problem, ``UsageError`` if there is no file."""
    settings = project.settings()
    ConfirmationTexts(settings)
    rules = load_rules(settings)
    if rules is None:
        path = rules_path(settings)
        hint = "docs/replies.md shows how to write one"
        raise UsageError(Problem("there are no rules for replies here", path=str(path), hint=hint))
    return rules


def try_reply(
    project: Project,
    text: str,
    sender: str,
    *,
    gateway: str | None = None,
    to: str | None = None,
    looks_up: bool = False,
) -> Trial:
    """Return what would be done with a reply of a person. ``looks_up``: look-ups are made for real."""
    settings = project.settings()
    address = read_addresses([sender], settings.settings.region).one()
    rules, texts, now = load_rules(settings), ConfirmationTexts(settings), now_ms()
    gateway = gateway or settings.settings.gateway
    if gateway not in settings.settings.gateways and gateway not in ("outbox", "console"):
        hint = f"known are {', '.join(settings.settings.gateways)}" if settings.settings.gateways else None
        raise UsageError(Problem(f"--gateway {gateway}: there is no such gateway", hint=hint))
    notes: list[str] = []
    with project.existing_ledger() as ledger:
        programme = ledger.replies.programme_of(address, now) if ledger else None
        programme = programme or settings.settings.programme
        entries = [one for one in ledger.optouts.of(address) if one.holds(now)] if ledger else []
        data = PeopleData(ledger).of(address, now) if ledger else {}
    reply = classify(text, opted_out=bool(entries), keywords=stop_keywords(settings))
    kind = {Meaning.STOP: STOP, Meaning.START: START, Meaning.HELP: HELP}.get(reply.meaning)
    if kind in (STOP, HELP) or (kind == START and entries):
        country = any_address(address, None).country
        scope = settings.settings.replies.scope if kind == STOP else ""
        body, why_none = texts.text(kind, country, programme=programme, scope=scope, sender=to), None
        if not texts.sends(gateway):
            body, why_none = (
                None,
                f"the provider of {gateway} answers {kind.upper()} itself, or the settings say no",
            )
        elif kind == STOP and any(one.scope == "everything" for one in entries):
            body, why_none = None, "the person is out already"
        elif body is None:
            why_none = texts.warnings[0].message if texts.warnings else "there is no text"
        return Trial(
            str(reply.meaning),
            reply.flagged,
            reply.why,
            answer=body,
            why_none=why_none,
            to_inbox=reply.flagged,
        )
    if entries:
        notes.append("the person has opted out: an answer by a rule would not leave")
    if not data:
        notes.append("no contact data of this person is known: only the reply's own values can be used")
    if rules is None:
        notes.append("there is no replies.yaml: the reply goes to the inbox")
        return Trial(str(reply.meaning), reply.flagged, reply.why, to_inbox=True, notes=tuple(notes))
    match = rules.match(text, Where(gateway, to, programme))
    composer = Composer(None, settings, rules, notes.append)
    name = match.name if match else UNMATCHED
    rule = match.rule if match else None
    agent = rule.agent if rule else rules.unmatched_agent
    agents = tuple(rules.agents_for(agent)) if agent else ()
    body = asyncio.run(
        composer.by_rule(
            name, "answer", address, text, match.groups if match else {}, data, DEFAULT, to, looks_up=looks_up
        )
    )
    lookup = rule.lookup.url if rule is not None and rule.lookup is not None else None
    if lookup and not looks_up:
        notes.append("the look-up was not made (--lookup makes it): this is the answer if it fails")
    if match is None and reply.flagged:
        body = None
    return Trial(
        str(reply.meaning), reply.flagged, reply.why, match.name if match else None, body,
        None if body else "no rule answers it" if match is None else "the rule has no answer, or a value is missing",
        lookup, agents, to_inbox=match is None or reply.flagged or bool(agents), notes=tuple(notes),
    )  # fmt: skip
