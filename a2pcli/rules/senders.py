"""Which sender may message a country: what the law and the networks there demand, and what the project states.

Names (alphanumeric senders) cannot be used everywhere, some countries want them in a certain form, and some let
only registered senders in. A message from a sender that is not permitted would fail at the gateway, or worse,
arrive under another name. So the sender is chosen, or refused, for each country, before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from functools import cache
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from a2pcli.config.copy_rules import SenderChoices
from a2pcli.dataclass import dataclass
from a2pcli.rules.data_file import FOLDER, read_data
from a2pcli.rules.facts import SenderRule


class SenderKind(StrEnum):
    """Kind of sender: number, short code or name."""

    NAME = "name"
    NUMBER = "number"
    SHORT_CODE = "short-code"


def kind_of(sender: str) -> SenderKind:
    """A number has its ``+``, a short code 3 to 8 digits; everything else is a name (``parse_sender``)."""
    if sender.startswith("+") and sender[1:].isdigit():
        return SenderKind.NUMBER
    return SenderKind.SHORT_CODE if sender.isdigit() else SenderKind.NAME


@dataclass(frozen=True, slots=True)
class Known:
    """What the settings state of a sender. ``countries`` is empty for all; ``registrations`` are names of ids."""

    countries: tuple[str, ...] = ()
    registrations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SenderVerdict:
    """The senders a country's messages may come from (None: what the gateway's account chooses), or, where there
    is none, the rule that says so, and what to do in a sentence."""

    senders: tuple[str | None, ...]
    rule: str | None = None
    detail: str | None = None


@cache
def home_of() -> Mapping[str, str]:
    """Territories and the countries they belong to, whose senders are theirs unless they are named themselves."""
    data = read_data(FOLDER / "territories.yaml")
    return {territory: country for country, members in data["belongs_to"].items() for territory in members}


@dataclass(slots=True)
class Senders:
    """A campaign's senders, and what is demanded of them where its messages go.

    Args:
        choices: ``sender:`` of the campaign; one that is absent leaves the choice to the gateway's account.
        account: the sender in the gateway's settings, where the campaign names none and it is known.
        known: what the settings state, by sender.
        rules: by country, those that bind the campaign's purpose.
        stated: registrations that hold for whatever sender, such as the campaign's own DLT ids.
    """

    choices: SenderChoices
    account: str | None = None
    known: Mapping[str, Known] = field(default_factory=dict)
    rules: Mapping[str, Sequence[SenderRule]] = field(default_factory=dict)
    stated: frozenset[str] = frozenset()
    _verdicts: dict[str | None, SenderVerdict] = field(default_factory=dict, repr=False)

    def verdict(self, country: str | None) -> SenderVerdict:
        """The senders for a country (ISO 3166; None for numbers of no country)."""
        found = self._verdicts.get(country)
        if found is None:
            found = self._verdicts[country] = self._judge(country)
        return found

    def _judge(self, country: str | None) -> SenderVerdict:
        home = home_of().get(country or "", country)
        by_country = self.choices.by_country
        pool = by_country.get(country or "", by_country.get(home or "", self.choices.default))
        if not pool:
            detail = f"sender: has no entry for {country or 'numbers of no country'}, and no default"
            return SenderVerdict((), "sender-by-country", detail)
        refusals = [self._refusal(sender or self.account, country, home) for sender in pool]
        permitted = [sender for sender, refused in zip(pool, refusals, strict=True) if refused is None]
        if permitted:
            return SenderVerdict(tuple(permitted))
        return SenderVerdict((), *next(refused for refused in refusals if refused is not None))

    def _refusal(self, sender: str | None, country: str | None, home: str | None) -> tuple[str, str] | None:
        """The rule that refuses the sender there, and what to do, in a sentence."""
        if sender is None or country is None:
            return None
        known = self.known.get(sender, Known())
        if known.countries and not {country, home} & set(known.countries):
            stated = ", ".join(known.countries)
            return "sender-countries", f"'{sender}' is for {stated} only (senders: in the settings)"
        for rule in self.rules.get(country) or self.rules.get(home or "") or ():
            wrong = _misshapen(rule, sender, country) or self._unregistered(rule, sender, country, known)
            if wrong:
                return rule.id, wrong
        return None

    def _unregistered(self, rule: SenderRule, sender: str, country: str, known: Known) -> str | None:
        if rule.only_names and kind_of(sender) is not SenderKind.NAME:
            return None
        if rule.only_matching and not re.fullmatch(rule.only_matching, sender):
            return None
        missing = [
            name for name in rule.registrations if name not in known.registrations and name not in self.stated
        ]
        if not missing:
            return None
        ids = "id" if len(missing) == 1 else "ids"
        wanted = ", ".join(missing)
        return f"{country} requires '{sender}' to be registered: set its {ids} {wanted} under senders: in the settings"


def _misshapen(rule: SenderRule, sender: str, country: str) -> str | None:
    """What is wrong with the sender's kind, or with a name's form."""
    if kind_of(sender) is not SenderKind.NAME:
        if rule.numeric is False:
            return f"numbers such as {sender} cannot send to {country}; set a registered name (sender: {country}: …)"
        return None
    if rule.alphanumeric is False:
        return (
            f"the sender name '{sender}' is not supported in {country}; set a number or short code (sender:"
            f" {country}: …)"
        )
    if rule.prefix and not sender.startswith(rule.prefix):
        return f"sender names for {country} must start with '{rule.prefix}', and '{sender}' does not"
    if rule.suffix and not sender.endswith(rule.suffix):
        return f"sender names for {country} must end with '{rule.suffix}', and '{sender}' does not"
    if rule.max_length is not None and len(sender) > rule.max_length:
        return f"the name '{sender}' has {len(sender)} characters, {country} takes {rule.max_length}"
    if rule.charset is not None and not re.fullmatch(f"[{rule.charset}]+", sender):
        return f"the name '{sender}' has characters that networks in {country} reject"
    return None


def sticky(people: npt.NDArray[np.int64], pool: Sequence[str]) -> npt.NDArray[np.intp]:
    """For each person the place of one sender of the pool: always the same one while the pool has it.

    Rendezvous hashing (Thaler and Ravishankar 1998): each sender scores each person, the highest score wins. So
    a sender that joins takes its share of people from all others, and moves nobody else.
    """
    keys = people.astype(np.uint64)
    best = np.zeros(len(keys), dtype=np.uint64)
    chosen = np.zeros(len(keys), dtype=np.intp)
    for place, sender in enumerate(pool):
        score = scores(keys, sender)
        better = score > best
        best[better] = score[better]
        chosen[better] = place
    return chosen


def scores(keys: npt.NDArray[np.uint64], name: str) -> npt.NDArray[np.uint64]:
    """A name's score for each person: evenly spread, and always the same."""
    return _mixed(keys ^ np.uint64(int.from_bytes(sha256(name.encode()).digest()[:8], "big")))


def _mixed(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit of the key in every bit of the result: the finisher of SplitMix64 (Steele, Lea, Flood 2014)."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
