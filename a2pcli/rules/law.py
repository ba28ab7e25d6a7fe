"""The law as data: which rules bind a message to a place, with their sources.

The packaged rules are in ``rules/data/law``, a rule an entry, never code per country. A project switches a rule off,
changes it or adds its own under ``law:`` in the settings, with the reason, which explanations then show.

This is no legal advice, and says so wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from a2pcli.channels import DEFAULT, NAMES, PHONE_LAW
from a2pcli.config.document import Document, read_document
from a2pcli.config.examine import examine
from a2pcli.config.fields import Strict
from a2pcli.config.law import ANYWHERE, KINDS, LawFile, LawRule, Week
from a2pcli.config.load import LoadedSettings
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, in_file_order
from a2pcli.rules import facts
from a2pcli.rules.data_file import FOLDER, read_data
from a2pcli.rules.facts import (
    CapRule,
    ConsentRule,
    CopyRule,
    HoursRule,
    RevocationRule,
    Rule,
    SenderRule,
)
from a2pcli.rules.windows import Window

NO_ADVICE = "This is no legal advice: rules change, and who you are and what you send matters."

_EVERYTHING = ("marketing", "transactional", "otp", "emergency")
SAME_RANGE = {"GB": ("GB", "GG", "JE", "IM")}
"""Countries whose mobile numbers people do not tell apart: own hours for the first are meant for all."""

Kind = TypeVar("Kind", bound=Rule)


@dataclass(frozen=True, slots=True)
class Overrides:
    """A project's own rules and where they stand: ``at`` leads to them in ``document``."""

    rules: Mapping[str, LawRule]
    document: Document
    at: tuple[str, ...] = ("law",)

    def problem(self, message: str, *loc: str, hint: str | None = None, of_key: bool = False) -> Problem:
        """An error at a rule, or at one of its keys."""
        of: Any = "key" if of_key else "value"
        return self.document.problem(message, (*self.at, *loc), of=of, hint=hint, code="law")


class Law:
    """Every rule that holds in this project. Rules of a question come in the order of the data."""

    def __init__(self, rules: Iterable[Rule], switched_off: Iterable[Rule] = ()) -> None:
        self.rules: dict[str, Rule] = {rule.id: rule for rule in rules}
        self.switched_off: tuple[Rule, ...] = tuple(switched_off)
        """Packaged rules that the project switched off, each with its ``reason``."""
        self._answers: dict[tuple[object, ...], tuple[Any, ...]] = {}

    @classmethod
    def load(cls, overrides: Overrides | None = None) -> Law:
        """The packaged rules as the project has them. Raises ``InvalidInput`` with every problem of the overrides."""
        if overrides is None or not overrides.rules:
            return _packaged_law()
        return _overridden(overrides)

    @property
    def changed(self) -> tuple[Rule, ...]:
        """Rules that the project changed, added or switched off."""
        return (
            *(rule for rule in self.rules.values() if rule.reason or rule.id not in _packaged()),
            *self.switched_off,
        )

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of that id; None where it is none of the law's (``optout``, ``campaign-window``) or is off."""
        return self.rules.get(rule_id)

    def windows(
        self,
        country: str,
        regions: Iterable[str] = (),
        purpose: str = "marketing",
        channel: str = DEFAULT,
    ) -> tuple[Window, ...]:
        """The windows that must all be open. With the regions' own countries, wherever the number is from.

        ``country`` may be empty (unknown) and ``regions`` are ISO 3166-2 codes.
        """
        places = tuple(regions)
        key = ("windows", country, places, purpose, channel)
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = tuple(
                Window(rule.id, rule.week, _calendars(rule, country, places))
                for rule in self.hours(country, places, purpose, channel)
            )
        return known

    def hours(
        self, country: str, regions: Iterable[str] = (), purpose: str = "marketing", channel: str = DEFAULT
    ) -> tuple[HoursRule, ...]:
        """The rules that ``windows`` is derived from."""
        return self._binding(HoursRule, country, regions, purpose, channel)

    def caps(
        self, country: str, regions: Iterable[str] = (), purpose: str = "marketing", channel: str = DEFAULT
    ) -> tuple[CapRule, ...]:
        """How often one person may be messaged; all of them hold at once."""
        return self._binding(CapRule, country, regions, purpose, channel)

    def consent(
        self, country: str, regions: Iterable[str] = (), purpose: str = "marketing", channel: str = DEFAULT
    ) -> tuple[ConsentRule, ...]:
        """Whether consent is required there: by any of the rules."""
        return self._binding(ConsentRule, country, regions, purpose, channel)

    def copy(
        self, country: str, regions: Iterable[str] = (), purpose: str = "marketing", channel: str = DEFAULT
    ) -> tuple[CopyRule, ...]:
        """The rules about the wording of messages to a place."""
        return self._binding(CopyRule, country, regions, purpose, channel)

    def senders(
        self, country: str, purpose: str = "marketing", channel: str = DEFAULT
    ) -> tuple[SenderRule, ...]:
        """Who may send to numbers of a country."""
        return self._binding(SenderRule, country, (), purpose, channel)

    def revocation(
        self, country: str, regions: Iterable[str] = (), purpose: str = "marketing", channel: str = DEFAULT
    ) -> tuple[RevocationRule, ...]:
        """The opt-out rules of a place."""
        return self._binding(RevocationRule, country, regions, purpose, channel)

    def stop_keywords(self) -> frozenset[str]:
        """Every word that means stop by some rule, of the law or of the project: more stops do no harm."""
        return frozenset(
            word for rule in self.rules.values() if isinstance(rule, RevocationRule) for word in rule.keywords
        )

    def _binding(
        self, kind: type[Kind], country: str, regions: Iterable[str], purpose: str, channel: str
    ) -> tuple[Kind, ...]:
        places = tuple(regions)
        key = (kind, country, places, purpose, channel)
        known = self._answers.get(key)
        if known is None:
            found = [rule for rule in self._asking(kind, purpose, channel) if _binds(rule, country, places)]
            known = self._answers[key] = tuple(
                rule for rule in found if not rule.fallback or _needed(found, country, places)
            )
        return known

    def _asking(self, kind: type[Kind], purpose: str, channel: str) -> tuple[Kind, ...]:
        """The rules of a kind that may bind such a message, wherever it goes: one look for all countries."""
        key = (kind, purpose, channel)
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = tuple(
                rule
                for rule in self.rules.values()
                if isinstance(rule, kind) and purpose in rule.purposes and channel in rule.channels
            )
        return known


def law_of(loaded: LoadedSettings) -> Law:
    """The law as these settings have it. Raises ``InvalidInput`` with every problem, at its place."""
    law = Law.load(overrides_of(loaded))
    own = own_hours(loaded.settings.hours or {})
    return Law([*law.rules.values(), *own], law.switched_off) if own else law


def own_hours(weeks: Mapping[str, Week]) -> list[HoursRule]:
    """The rules that ``hours:`` of the settings makes: for countries, and for all others under ``default``."""
    return [
        _own_hours(place, week, tuple(country for country in weeks if country != place))
        for place, week in weeks.items()
    ]


def _own_hours(place: str, week: Week, others: tuple[str, ...]) -> HoursRule:
    everywhere = place == "default"
    where = ("everywhere else" if others else "everywhere") if everywhere else f"in {place}"
    rule = LawRule.model_construct(
        says=f"This project sends marketing {where} only in hours of its own.",
        source="hours: in the settings",
        hours=week,
        countries=[ANYWHERE]
        if everywhere
        else [one for one in SAME_RANGE.get(place, (place,)) if one not in others],
        exempt=[one for other in others for one in SAME_RANGE.get(other, (other,))] if everywhere else [],
    )
    made = _rule("own-hours" if everywhere else f"own-hours-{place.lower()}", rule)
    assert isinstance(made, HoursRule)
    return made


def overrides_of(loaded: LoadedSettings) -> Overrides | None:
    """The project's own rules: ``law:`` of the settings, or of the file that it names."""
    law = loaded.settings.law
    if loaded.document is None or not law:
        return None
    if isinstance(law, str):
        document = read_document(loaded.folder / Path(law).expanduser())
        return Overrides(examine(document, LawFile, lambda _: iter(())).sound.law, document)
    return Overrides(law, loaded.document)


def _binds(rule: Rule, country: str, regions: tuple[str, ...]) -> bool:
    """Whether a rule binds where the number is from, or where the person is."""
    countries = {country, *(region.partition("-")[0] for region in regions)}
    if rule.regions:
        named = set(regions).intersection(rule.regions)
    else:
        named = countries if ANYWHERE in rule.countries else countries.intersection(rule.countries)
    return bool(named.difference(rule.exempt))


def _needed(found: Iterable[Rule], country: str, regions: tuple[str, ...]) -> bool:
    """Whether a fallback is needed: one of the countries has no rule of its own."""
    for place in {country, *(region.partition("-")[0] for region in regions)}:
        inside = tuple(region for region in regions if region.startswith(f"{place}-"))
        if not any(_binds(rule, place, inside) for rule in found if not rule.fallback):
            return True
    return False


def _calendars(rule: HoursRule, country: str, regions: tuple[str, ...]) -> tuple[str, ...]:
    """Whose public holidays a rule keeps: those of its states, else of its countries and their states known."""
    if not rule.avoid_holidays:
        return ()
    if rule.regions:
        return tuple(sorted(set(regions).intersection(rule.regions)))
    inside = ANYWHERE in rule.countries
    places = {place for place in (country, *regions) if inside or place.partition("-")[0] in rule.countries}
    # A state's calendar holds its country's days as well, so that the country alone is for those without a state.
    return tuple(sorted(place for place in places if place))


@cache
def _packaged() -> dict[str, LawRule]:
    """The packaged rules. They are checked by a test with positions; here they only must be what they claim."""
    rules: dict[str, LawRule] = {}
    for path in sorted((FOLDER / "law").glob("*.yaml")):
        rules.update(LawFile.model_validate(read_data(path)).law)
    return rules


@cache
def _packaged_law() -> Law:
    return Law(_rule(rule_id, rule) for rule_id, rule in _packaged().items())


def _overridden(overrides: Overrides) -> Law:
    packaged = _packaged()
    problems = [problem for rule_id in overrides.rules for problem in _problems(overrides, rule_id)]
    if problems:
        raise InvalidInput(*in_file_order(problems))
    merged = dict(packaged)
    switched_off = []
    for rule_id, change in overrides.rules.items():
        base = packaged.get(rule_id)
        rule = change if base is None else _changed(base, change)
        if change.off:
            del merged[rule_id]
            switched_off.append(_rule(rule_id, rule))
        else:
            merged[rule_id] = rule
    return Law((_rule(rule_id, rule) for rule_id, rule in merged.items()), switched_off)


def _changed(base: LawRule, change: LawRule) -> LawRule:
    """A packaged rule with what the project changes; of consent, text, sender and revocation key by key."""
    update: dict[str, Any] = {}
    for name in change.model_fields_set:
        old, new = getattr(base, name), getattr(change, name)
        if isinstance(old, Strict) and isinstance(new, Strict):
            new = old.model_copy(update={key: getattr(new, key) for key in new.model_fields_set})
        update[name] = new
    if "regions" in update and "countries" not in update:
        update["countries"] = []
    if "countries" in update and "regions" not in update:
        update["regions"] = []
    return base.model_copy(update=update)


def _problems(overrides: Overrides, rule_id: str) -> Iterator[Problem]:
    """What is wrong with one of a project's own rules."""
    rule, base = overrides.rules[rule_id], _packaged().get(rule_id)
    if base is None:
        yield from _problems_of_new(overrides, rule_id, rule)
        return
    if rule.reason is None:
        hint = "why the project changes a built-in rule; `explain` shows it"
        yield overrides.problem("'reason' is missing", rule_id, hint=hint, of_key=True)
    for kind in rule.kinds:
        if kind not in base.kinds:
            message = f"'{rule_id}' is a rule of {base.kinds[0]}, not of {kind}"
            yield overrides.problem(message, rule_id, kind, hint="add a rule of your own", of_key=True)
    if rule.off:
        for key in sorted(rule.model_fields_set - {"off", "reason", "source", "note"}):
            yield overrides.problem(
                "a rule that is switched off cannot be changed", rule_id, key, of_key=True
            )


def _problems_of_new(overrides: Overrides, rule_id: str, rule: LawRule) -> Iterator[Problem]:
    if not rule.kinds or rule.off:
        near = get_close_matches(rule_id, _packaged(), 1, 0.6)
        hint = f"did you mean '{near[0]}'?" if near else "a rule of your own has one of " + ", ".join(KINDS)
        yield overrides.problem(f"no rule '{rule_id}'", rule_id, hint=hint, of_key=True)
        return
    if len(rule.kinds) > 1:
        message = f"one rule cannot hold both {rule.kinds[0]} and {rule.kinds[1]}"
        yield overrides.problem(message, rule_id, rule.kinds[1], hint="make it two rules", of_key=True)
    for key, meaning in (
        ("says", "what the rule says, in a sentence"),
        ("source", "its source: a law, a contract, a decision of yours"),
    ):
        if getattr(rule, key) is None:
            yield overrides.problem(f"'{key}' is missing", rule_id, hint=meaning, of_key=True)
    if not rule.countries and not rule.regions:
        hint = "where it applies, like [FR]; or [any]"
        yield overrides.problem("'countries' or 'regions' is missing", rule_id, hint=hint, of_key=True)


def _rule(rule_id: str, rule: LawRule) -> Rule:
    """The rule object of a validated rule."""
    kind = rule.kinds[0]
    purposes = rule.purposes or (_EVERYTHING if kind == "sender" else ("marketing",))
    common: dict[str, Any] = {
        "id": rule_id,
        "says": rule.says or "",
        "source": rule.source or "",
        "checked": rule.checked,
        "confidence": rule.confidence,
        "countries": tuple(rule.countries)
        or tuple(sorted({region.partition("-")[0] for region in rule.regions})),
        "regions": tuple(rule.regions),
        "exempt": tuple(rule.exempt),
        "purposes": tuple(purposes),
        # The packaged rules are about messages to phones; a project's own bind all that it sends.
        "channels": tuple(rule.channels or (PHONE_LAW if rule_id in _packaged() else NAMES)),
        "fallback": rule.fallback,
        "note": rule.note,
        "reason": rule.reason,
    }
    if rule.hours is not None:
        return HoursRule(**common, week=rule.hours, avoid_holidays=rule.holidays == "avoid")
    if rule.cap is not None:
        count, seconds, per = rule.cap
        common["per"] = per
        return CapRule(**common, count=count, seconds=seconds)
    terms = {name: _frozen(value) for name, value in getattr(rule, kind)}
    kinds = {"consent": ConsentRule, "text": CopyRule, "sender": SenderRule, "revocation": RevocationRule}
    made: Rule = kinds[kind](**common, **terms)
    return made


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value


__all__ = ["NO_ADVICE", "Law", "Overrides", "facts", "law_of", "overrides_of"]
