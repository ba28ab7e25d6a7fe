"""Numbers that differ and reach the same phone: Argentina's 9, Mexico's 1, Brazil's ninth digit, renumberings.

Who said no in one spelling said no in all of them, so whatever compares people compares them by these. The forms
are data (``data/same_phones.csv``, with their sources). Numbers of all other countries have one form, and cost
next to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from a2pcli.dataclass import dataclass

if TYPE_CHECKING:  # one number needs no arrays
    import numpy as np
    import numpy.typing as npt

    Keys: TypeAlias = npt.NDArray[np.int64]

_FILE = Path(__file__).parent / "data" / "same_phones.csv"
_GAP = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Forms:
    """Ways to write one number, digits alone, with gaps like ``{n}`` of these ``shapes``; the last is today's."""

    country: str
    templates: tuple[str, ...]
    shapes: Mapping[str, str]
    source: str

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """The templates as regular expressions; few of the table's are ever needed."""
        texts = (_GAP.sub(lambda gap: f"(?P<{gap[1]}>{self.shapes[gap[1]]})", one) for one in self.templates)
        return tuple(map(re.compile, texts))

    def of(self, digits: str) -> Iterator[str]:
        """Every form of the number, today's first; nothing where it has none of them."""
        for pattern in self.patterns:
            if found := pattern.fullmatch(digits):
                for template in reversed(self.templates):
                    yield template.format_map(found.groupdict())

    def leads(self) -> frozenset[int]:
        """The first three digits that a number in one of the forms may have."""
        found: set[int] = set()
        for template in self.templates:
            start = template.partition("{")[0][:3]
            first = int(start) * 10 ** (3 - len(start))
            found.update(range(first, first + 10 ** (3 - len(start))))
        return frozenset(found)


@cache
def table() -> tuple[Forms, ...]:
    """The forms of ``data/same_phones.csv``, in its order."""
    lines = (line for line in _FILE.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return tuple(_forms(*line.split(";")) for line in lines)


def _forms(country: str, forms: str, digits: str, source: str) -> Forms:
    shapes = dict(one.split("=", 1) for one in digits.split())
    return Forms(country, tuple(forms.split("|")), shapes, source)


@cache
def _by_lead() -> dict[str, tuple[Forms, ...]]:
    found: dict[str, tuple[Forms, ...]] = {}
    for forms in table():
        for lead in forms.leads():
            found[str(lead)] = (*found.get(str(lead), ()), forms)
    return found


def has_other_forms(number: str) -> bool:
    """Whether a number in E.164 is of a country where it may have other forms; cheap, to be asked of millions."""
    return number[1:4] in _by_lead()


@cache
def _has_forms() -> npt.NDArray[np.bool_]:
    """For each three first digits, whether a number may have other forms."""
    import numpy as np

    mask = np.zeros(1000, dtype=np.bool_)
    mask[list(map(int, _by_lead()))] = True
    return mask


def same_phone_forms(number: str) -> tuple[str, ...]:
    """Every number in E.164 that reaches the same phone, the number itself first. What is no number has one form.

    >>> same_phone_forms("+541166773399")
    ('+541166773399', '+5491166773399')
    """
    if number[:1] != "+" or not has_other_forms(number):
        return (number,)
    found = {number[1:]: None}
    waiting = [number[1:]]
    while waiting:
        digits = waiting.pop()
        for forms in _by_lead().get(digits[:3], ()):
            for form in forms.of(digits):
                if form not in found:
                    found[form] = None
                    waiting.append(form)
    return tuple("+" + digits for digits in found)


def all_forms(numbers: Iterable[str]) -> list[str]:
    """The forms of several numbers, each once."""
    return list({form: None for number in numbers for form in same_phone_forms(number)})


def same_phone_keys(keys: Keys) -> Keys:
    """Numbers as integers, each in the one form of its phone that counts: equal keys, same phone.

    Negative keys, and integers that are no numbers, stay as they are.
    """
    import numpy as np

    tens = 10 ** np.arange(19, dtype=np.int64)
    digits = np.searchsorted(tens, keys, side="right")
    maybe = (keys > 0) & (digits >= 7) & (digits <= 15)
    lead = np.where(maybe, keys // tens[np.clip(digits - 3, 0, 18)], 0)
    places = np.flatnonzero(maybe & _has_forms()[lead])
    if not len(places):
        return keys
    changed = keys.copy()
    changed[places] = _todays_form(keys[places], np.unique(lead[places]))
    return changed


def _todays_form(keys: Keys, leads: Keys) -> Keys:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(pa.array(keys), pa.string())
    met = set(leads.tolist())
    for forms, old, today in _replacements():
        if not forms.leads().isdisjoint(met):
            met |= (
                forms.leads()
            )  # today's form of one country may be an older form of another's, as in San Marino
            texts = pc.replace_substring_regex(texts, pattern=old, replacement=today)
    found: Keys = pc.cast(texts, pa.int64()).to_numpy(zero_copy_only=False)
    return found


@cache
def _replacements() -> tuple[tuple[Forms, str, str], ...]:
    """For each older form, a pattern of it and what it is today, in RE2's notation."""
    found = []
    for forms in table():
        names = list(forms.patterns[-1].groupindex)
        today = forms.templates[-1]
        for place, name in enumerate(names, 1):
            today = today.replace(f"{{{name}}}", f"\\{place}")
        for pattern in forms.patterns[:-1]:
            # Groups count by their place, and stand in the same order in every form of a number.
            assert list(pattern.groupindex) == names
            found.append((forms, f"^{pattern.pattern}$", today))
    return tuple(found)
