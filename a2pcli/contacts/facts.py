"""Which columns of a contacts file say something about a person: address, place, consent, refusal.

Headers are recognised by their names in many languages (``data/facts.csv``), compared without case, accents and
separators. A name in that table is a fact for sure; one that only contains a telling word (``SMS opt-out (y/n)``) is a
fact where all other words in it are known, and doubtful otherwise. A mapping in the campaign decides before all that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace
from functools import lru_cache

from a2pcli.addresses.kinds import Kind
from a2pcli.contacts.columns import Columns
from a2pcli.contacts.fact_names import fact_names
from a2pcli.dataclass import dataclass
from a2pcli.folding import found_name, is_letter, name_key, name_words

PLACE_FACTS = ("timezone", "state", "postcode", "country")
CONSENT_FACTS = (
    "consent",
    "consent_at",
    "consent_source",
    "consent_wording",
    "consent_expires",
    "revoked_at",
)
REFUSAL_FACTS = ("opted_out", "status")
FACTS = (*PLACE_FACTS, *CONSENT_FACTS, *REFUSAL_FACTS)
"""What columns can be read as, beside the address. ``status`` counts only where a cell clearly refuses."""

_MAY_REFUSE = "opted_out?"
"""A column that may be of refusals, and is more likely about something else: it is only told."""

_SHORT = 5
"""Letters of a stem below which it has no ending: ``zip``, and not ``zipped``."""
_SUFFIX = 5
"""Letters that a telling word may have behind its stem: ``unsubscri-bed``, ``einwillig-ung``."""


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A column read as a fact.

    ``certain``: the name leaves no doubt, so that a cell nobody understands holds its row. ``marketing``: what it says
    is about marketing alone. ``ends``: it tells when a consent ended, so that a day to come refuses nothing yet."""

    column: str
    written: str
    fact: str
    certain: bool = True
    marketing: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the columns of a file are read as, and which look like a fact and are not read (the fact, and why)."""

    claims: tuple[FactColumn, ...] = ()
    unread: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def of(self, *facts: str) -> tuple[FactColumn, ...]:
        """The claims of some facts, in the file's order."""
        return tuple(claim for claim in self.claims if claim.fact in facts)

    def columns(self, *facts: str) -> tuple[str, ...]:
        """Their columns by canonical name."""
        return tuple(claim.column for claim in self.of(*facts))


def recognise(
    columns: Columns, address: str | None = None, kind: Kind = Kind.PHONE, ignored: Collection[str] = ()
) -> Facts:
    """What the columns are read as for a campaign to a kind of address.

    Args:
        columns: the file's header, with the campaign's mapping applied.
        address: the column of the addresses, which is nothing else.
        kind: of the addresses that are messaged: a column about other channels says nothing here.
        ignored: columns, by any spelling, that the campaign says are none of these.
    """
    left = {found_name(name, columns.names) or found_name(name, columns.header) for name in ignored}
    decided = {fact for fact in FACTS if fact in columns.mapped}
    claims: list[FactColumn] = []
    unread: dict[str, tuple[str, str]] = {}
    for written, column in zip(columns.header, columns.names, strict=True):
        shown = written.strip()
        if column == address or not column or {column, written} & left:
            continue
        if column in decided:
            claims.append(FactColumn(column, shown, column))
            continue
        if column in columns.mapped:
            continue
        claim = _claim(column, shown, kind)
        if claim is None:
            continue
        if claim.fact in decided:
            unread[shown] = claim.fact, f"it is ignored: the campaign maps {claim.fact} to another column"
        elif claim.fact == _MAY_REFUSE:
            unread[shown] = (
                "opted_out",
                "it may say who opted out, but it is ignored: nobody is excluded because of it",
            )
        elif not claim.certain:
            unread[shown] = claim.fact, _SPOKEN["ended" if claim.ends else claim.fact]
        if claim.fact not in decided and (claim.certain or claim.fact not in (*PLACE_FACTS, _MAY_REFUSE)):
            claims.append(claim)
    return Facts(tuple(claims), unread)


_SPOKEN = {
    "consent": "it may be about consent: rows with a clear no are excluded, other answers are ignored",
    "opted_out": "it may say who opted out: every row with anything but a clear no is excluded",
    "ended": "it may say when a subscription to your messages ended: every row with anything but a clear no or a future"
    " date is excluded",
    "postcode": "it may be a postcode, but it is ignored",
    "timezone": "it may be a time zone, but it is ignored",
    "state": "it may be a state, but it is ignored",
}


def _claim(column: str, written: str, kind: Kind) -> FactColumn | None:
    """The fact that a column is recognised as by its name, or None."""
    table = fact_names()
    keys = (name_key(written), name_key(column))
    if table.loose & {*keys}:
        return FactColumn(column, written, "consent", certain=False)
    fact = table.names.get(keys[0]) or table.names.get(keys[1])
    if fact is not None:
        return (
            None
            if kind is not Kind.PHONE and _of_phones(fact, name_words(written))
            else FactColumn(column, written, fact)
        )
    for words in (name_words(written), name_words(column)):
        found = _stem(words)
        if found is None:
            told = _of_messages(column, written, words, kind)
            if told is not None:
                return told
            continue
        claim = _judged(column, written, *found, kind)
        # The day on which consent was taken back must never be read as the day on which it was given.
        if claim is not None and found[0] == "consent" and _is_ended(words):
            rest = [word for word in found[1] if not _is_ended((word,))]
            certain = all(map(table.kinds, rest))
            return replace(claim, fact="opted_out", certain=certain, ends=True)
        return claim
    return None


def _judged(column: str, written: str, fact: str, around: tuple[str, ...], kind: Kind) -> FactColumn | None:
    """A column whose name has a telling word, by the other words."""
    table = fact_names()
    kinds = [table.kinds(word) for word in around]
    about = set().union(*kinds) if kinds else set()
    if fact not in PLACE_FACTS and ("never" in about or _of_others(about, around, kind)):
        return None
    if fact in PLACE_FACTS:
        return FactColumn(column, written, fact, certain=all(kind - {"email", "never"} for kind in kinds))
    certain = all(kinds)
    if fact == "consent" and certain and "date" in about:
        return FactColumn(column, written, "consent_at")
    if fact == "consent" and certain and "reason" in about:
        return FactColumn(column, written, "consent_source")
    return FactColumn(column, written, fact, certain, "marketing" in about)


_ANY_CHANNEL = frozenset(
    ("message", "messages", "messaging", "msg", "msgs", "contact", "textmessage", "textmessages")
)
"""Words of messages that do not say by which channel."""


def _of_others(about: set[str], words: tuple[str, ...], kind: Kind) -> bool:
    """Whether a name, by the kinds of its words, is about other channels than those with such addresses."""
    if kind is Kind.PHONE:
        return bool(about & {"email"}) and not about & {"sms", "call"}
    return "email" not in about and _names_phones(words)


def _of_phones(fact: str, words: tuple[str, ...]) -> bool:
    """Whether a known name of consent or refusal is about messages to phones alone."""
    about = set().union(*map(fact_names().kinds, words))
    return fact not in PLACE_FACTS and "email" not in about and _names_phones(words)


def _names_phones(words: tuple[str, ...]) -> bool:
    kinds = fact_names().kinds
    return any(word not in _ANY_CHANNEL and kinds(word) & {"sms", "call"} for word in words)


def _is_ended(words: tuple[str, ...]) -> bool:
    """Whether a name that speaks of consent speaks of its end."""
    table = fact_names()
    joined = "".join(words)
    return any(word in table.words["ended"] for word in words) or any(
        stem in joined for stem in table.taken_back
    )


def _of_messages(column: str, written: str, words: tuple[str, ...], kind: Kind) -> FactColumn | None:
    """A column about messages or a subscription that tells of an end (``Subscription cancelled at``, ``SMS stopped``),
    or of how it stands (``SMS Marketing Status``). With other words in its name (``Netflix subscription end date``) it
    is more likely about something sold."""
    table = fact_names()
    ended = [word for word in words if _is_ended((word,))]
    kinds = [table.kinds(word) for word in words if word not in ended]
    about = set().union(*kinds) if kinds else set()
    if not about & {"subscription", "messages"} or not (ended or "standing" in about):
        return None
    if "never" in about or _of_others(about, words, kind):
        return None
    if not ended:
        return FactColumn(column, written, "consent", False) if all(kinds) else None
    if all(kinds):
        return FactColumn(column, written, "opted_out", False, "marketing" in about, ends=True)
    return FactColumn(column, written, _MAY_REFUSE, False) if "subscription" in about else None


def telling_fact(words: tuple[str, ...]) -> str | None:
    """The fact that some words speak of (``opted_out`` for ``please do not text me``), or None."""
    found = _stem(words)
    return found[0] if found else None


@lru_cache(maxsize=20_000)
def _stem(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """The fact of the first stem in a name, and the words around it."""
    table = fact_names()
    parts = ["".join(char for char in word if is_letter(char)) for word in words]
    joined = "".join(parts)
    starts: set[int] = set()
    at = 0
    for part in parts:
        starts.add(at)
        at += len(part)
    ends = {*starts, len(joined)}
    for stem, fact in table.stems:
        place = joined.find(stem)
        if place < 0:
            continue
        if len(stem) < _SHORT and stem.isascii() and not {place, place + len(stem)} <= ends:
            continue
        if stem.isascii() and not _whole(joined, place, len(stem), starts):
            continue
        return fact, tuple(_around(parts, place, place + len(stem)))
    return None


def _whole(joined: str, place: int, length: int, starts: set[int]) -> bool:
    """Whether a stem found inside a name begins a word there, or follows a known one that is written together with it,
    and does not end with the first letters of some other word."""
    end = place + length
    begun = max((start for start in starts if start <= place), default=0)
    if begun != place and not fact_names().kinds(joined[begun:place]):
        return False
    last = max(start for start in starts if start < end)
    return last <= place or end in starts or end == len(joined) or end - last > 3


def _around(parts: list[str], first: int, end: int) -> Iterator[str]:
    """The words of a name without the letters from ``first`` to ``end``, and without the stem's own ending."""
    at = 0
    for part in parts:
        start, at = at, at + len(part)
        before, after = part[: max(first - start, 0)], part[max(end - start, 0) :] if at > end else ""
        if start >= end or at <= first:
            yield part
            continue
        if before:
            yield before
        if after and (fact_names().kinds(after) or len(after) > _SUFFIX):
            yield after
