"""What would be done with a reply: nothing is sent or stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from a2pcli.actions.addresses import read_addresses
from a2pcli.actions.composing import Composer
from a2pcli.actions.confirming import HELP, START, STOP, ConfirmationTexts
from a2pcli.actions.heard_replies import scope_of_stop
from a2pcli.actions.optouts import EVERYTHING, Scope
from a2pcli.actions.people_data import PeopleData
from a2pcli.actions.replies import programmes_of, stop_keywords
from a2pcli.actions.reply_rules import UNMATCHED, Match, ReplyRules, Where, load_rules, rules_path
from a2pcli.actions.responding import can_be_answered
from a2pcli.addresses.any_address import any_address
from a2pcli.channels import DEFAULT
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, UsageError
from a2pcli.gateway_types import BUILT_IN_GATEWAYS
from a2pcli.ledger.records import now_ms
from a2pcli.rules.keywords import Meaning, Reply, classify

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings


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
    bot: str | None = None


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
    region: str | None = None,
    looks_up: bool = False,
    asks: bool = False,
) -> Trial:
    """Return what would be done with a reply of a person. ``region``: of numbers without +. ``looks_up``: look-ups are
    made for real; ``asks``: so are requests to bots, which count in their budgets (audit: ``bot.ask``,
    ``bot.answer``)."""
    from a2pcli.actions.bot_trial import by_bot

    settings = project.settings()
    gateway = gateway or settings.settings.gateway
    if gateway not in settings.settings.gateways and gateway not in BUILT_IN_GATEWAYS:
        hint = f"known are {', '.join(settings.settings.gateways)}" if settings.settings.gateways else None
        raise UsageError(Problem(f"--gateway {gateway}: there is no such gateway", hint=hint))
    person = Person.of(project, settings, sender, gateway, to, region)
    reply = classify(
        text, opted_out=person.is_out_here, keywords=stop_keywords(settings),
        programmes=lambda: person.programmes,
    )  # fmt: skip
    if not can_be_answered(person.address):
        return _nothing(reply, "nothing is sent to a short code or a name")
    if not text.strip():
        return _nothing(reply, "the reply is empty")
    kind = {Meaning.STOP: STOP, Meaning.START: START, Meaning.HELP: HELP}.get(reply.meaning)
    if kind in (STOP, HELP) or (kind == START and person.out_of):
        return _confirmed(settings, str(kind), reply, person, text, gateway, to)
    if reply.meaning is Meaning.NONE and reply.why:
        return _nothing(reply, f"it is {reply.why}")
    rules = load_rules(settings)
    where = Where(gateway, to, person.programme)
    match = None if rules is None else rules.match(text, where)
    if match is None and reply.meaning is Meaning.START:
        return _nothing(reply, "the person has not opted out")
    if rules is None:
        note = "there is no replies.yaml: the reply goes to the inbox"
        return Trial(str(reply.meaning), reply.flagged, reply.why, to_inbox=True, notes=(note,))
    bot = match.rule.chat if match else rules.unmatched_bot
    if bot is not None and not reply.flagged:
        return by_bot(project, settings, rules, bot, Tried(reply, person, text, match), asks=asks)
    return _by_rules(settings, rules, reply, person, text, gateway, to, looks_up=looks_up)


@dataclass(frozen=True, slots=True)
class Person:
    """Who writes, and what the ledger knows of them."""

    address: str
    told: str | None
    """The programme of the message that the reply is to, if the ledger knows it."""
    programme: str | None
    out_of: tuple[str, ...]
    is_out_here: bool
    """Whether an opt-out keeps messages like the one that they reply to from them."""
    data: Mapping[str, str]
    programmes: Mapping[str, str]
    is_with_a_person: bool = False
    """Whether a conversation with them is open in the inbox."""

    @staticmethod
    def of(
        project: Project,
        settings: LoadedSettings,
        sender: str,
        gateway: str,
        to: str | None,
        region: str | None,
    ) -> Person:
        """The person with this number or address. Raises ``UsageError``."""
        address = read_addresses([sender], region or settings.settings.region).one()
        now, usual = now_ms(), settings.settings.programme
        with project.existing_ledger() as ledger:
            if ledger is None:
                return Person(address, None, usual, (), False, {}, programmes_of(settings, None)())
            holding = [one for one in ledger.optouts.of(address) if one.holds(now)]
            out_of = tuple(one.scope for one in holding)
            told = ledger.replies.programme_of(address, now, gateway=gateway, to=to)
            data, named = PeopleData(ledger).of(address, now), programmes_of(settings, ledger)()
            waits = bool(ledger.conversations.all_of(address))
            is_out = any(one.scope != "programme" or one.scope_value == told for one in holding)
            return Person(address, told, told or usual, out_of, is_out, data, named, waits)


@dataclass(frozen=True, slots=True)
class Tried:
    """A reply that is tried, and the rule that it is for."""

    reply: Reply
    person: Person
    text: str
    match: Match | None


def _nothing(reply: Reply, why: str) -> Trial:
    return Trial(str(reply.meaning), reply.flagged, reply.why, why_none=why)


def _confirmed(
    settings: LoadedSettings,
    kind: str,
    reply: Reply,
    person: Person,
    text: str,
    gateway: str,
    to: str | None,
) -> Trial:
    texts = ConfirmationTexts(settings)
    scope = scope_of_stop(settings, text, person.told, to, gateway)
    if reply.programme or reply.is_for_all:
        scope = Scope("programme", reply.programme) if reply.programme else EVERYTHING
    programme = reply.programme or person.programme
    country = any_address(person.address, None).country
    for_what = scope.kind if kind == STOP else ""
    body, why = texts.text(kind, country, programme=programme, scope=for_what, sender=to), None
    if not texts.sends(gateway):
        body, why = (
            None,
            f"the provider of {gateway} answers {kind.upper()} itself, or the settings switch it off",
        )
    elif kind == STOP and "everything" in person.out_of:
        body, why = None, "the person has opted out already"
    elif body is None:
        why = texts.warnings[0].message if texts.warnings else "there is no text"
    return Trial(
        str(reply.meaning), reply.flagged, reply.why, answer=body, why_none=why, to_inbox=reply.flagged
    )


def _by_rules(
    settings: LoadedSettings, rules: ReplyRules, reply: Reply, person: Person, text: str, gateway: str,
    to: str | None, *, looks_up: bool,
) -> Trial:  # fmt: skip
    notes: list[str] = []
    if person.out_of:
        words = "; the reply goes to the inbox" if person.is_out_here else ""
        notes.append(f"the person has opted out: an answer by a rule would not be sent{words}")
    if not person.data:
        notes.append("the ledger has no contact data of this person: only the reply's own values can be used")
    match = rules.match(text, Where(gateway, to, person.programme))
    rule = match.rule if match else None
    agent = rule.agent if rule else rules.unmatched_agent
    agents = tuple(rules.agents_for(agent)) if agent else ()
    name, groups = (match.name, match.groups) if match else (UNMATCHED, {})
    composer = Composer(None, settings, rules, notes.append)
    made = composer.by_rule(
        name, "answer", person.address, text, groups, person.data, DEFAULT, to, looks_up=looks_up
    )
    body = asyncio.run(made) if match is not None or not reply.flagged else None
    if match is None and reply.flagged:
        made.close()
    lookup = rule.lookup.url if rule is not None and rule.lookup is not None else None
    if lookup and not looks_up:
        notes.append("the look-up was not made (use --lookup); this is the answer if it fails")
    why = "no rule matches it" if match is None else "the rule has no answer, or a value is missing"
    return Trial(
        str(reply.meaning), reply.flagged, reply.why, match.name if match else None, body,
        None if body else why, lookup, agents,
        to_inbox=match is None or reply.flagged or bool(agents), notes=tuple(notes),
    )  # fmt: skip
