"""The answers about a column of numbers: kept as small integers row by row, made into text once at the end."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone import fiction, judge
from a2pcli.addresses.phone.plans import REGION_NUMBERS, REGIONS, TYPES
from a2pcli.addresses.phone.readings import BITS, NO_REGION, UNKNOWN_CODE, Readings
from a2pcli.addresses.phone.strings import Flags, Numbers, lengths, pick, replaced, starts
from a2pcli.addresses.phone.text import Digits
from a2pcli.addresses.phone.types import REPAIRS, PhonePolicy, PhoneResult
from a2pcli.frame import Frame
from a2pcli.reasons import Reason

_REASONS: tuple[str | None, ...] = (None, *Reason)
_REASON_NUMBERS = {reason: number for number, reason in enumerate(_REASONS)}
_CODE_TEXTS = pa.array([f"+{code}" for code in range(1000)], pa.string())


class Column:
    """What is known of each row; ``frame`` gives it in the shape ``normalise_column`` promises."""

    def __init__(self, count: int) -> None:
        self.unsure = np.zeros(count, bool)
        self.kind = np.zeros(count, np.int8)
        self.country = np.zeros(count, np.int16)
        self.repairs = np.zeros(count, np.int32)
        self.reason = np.zeros(count, np.int8)
        self.detail = np.zeros(count, np.int32)
        self.number = pa.nulls(count, pa.string())
        self._details: dict[str | None, int] = {None: 0}
        self._put: dict[int, str | None] = {}

    def put(self, place: int, result: PhoneResult) -> None:
        """Store the result for a row."""
        self._put[place] = result.number
        self.kind[place] = TYPES.index(result.type or "")
        self.country[place] = REGION_NUMBERS[result.country or ""]
        self._say(place, result.reason, result.detail, result.repairs)

    def refuse(self, place: int, digits: Digits) -> None:
        """Refuse a row because of its text alone."""
        self._say(place, digits.reason, digits.detail, digits.repairs)

    def _say(self, place: int, reason: Reason | None, detail: str | None, repairs: tuple[str, ...]) -> None:
        self.reason[place] = _REASON_NUMBERS[reason]
        self.detail[place] = self._detail_number(detail)
        self.repairs[place] = sum(map(BITS.__getitem__, repairs))

    def _detail_number(self, detail: str | None) -> int:
        return self._details.setdefault(detail, len(self._details))

    def settle(self, places: Numbers, readings: Readings, trunk_zero: Flags, policy: PhonePolicy) -> None:
        """Apply the policy to the readings of some rows (``judge.settle``)."""
        kind, country = readings.kind.copy(), readings.country.copy()
        self.unsure[places] = readings.unsure
        if trunk_zero.any():
            self.unsure[places] |= trunk_zero & (kind == 0) & starts(readings.national, "0")
        refused = np.zeros(len(places), dtype=bool)
        if readings.fictional.any():
            refused = self._fiction(places, readings, kind, country, policy)
        self.kind[places], self.country[places], self.repairs[places] = kind, country, readings.repairs
        accepted = np.array([bool(name) and judge.accepts(name, policy) for name in TYPES])[kind]
        self._not_mobile(places, readings, kind, ~refused & (kind > 0) & ~accepted)
        self._invalid(places, readings, ~refused & (kind == 0) & ~self.unsure[places])
        good = accepted & ~refused
        numbers = pc.binary_join_element_wise(
            _CODE_TEXTS.take(pa.array(readings.code)), readings.national, ""
        )
        if not good.all():
            numbers = pc.if_else(pa.array(good), numbers, pa.scalar(None, pa.string()))
        self.number = numbers if len(places) == len(self.kind) else replaced(self.number, places, numbers)

    def _fiction(
        self, places: Numbers, readings: Readings, kind: np.ndarray, country: np.ndarray, policy: PhonePolicy
    ) -> Flags:
        """Refuse numbers reserved for fiction; where they are allowed, give those that no plan has their type."""
        refused = (readings.fictional > 0) & (not policy.allow_fictional)
        self.reason[places[refused]] = _REASON_NUMBERS[Reason.INVALID_NUMBER]
        for code, words in fiction.WORDS.items():
            here = readings.code == code
            self.detail[places[refused & here]] = self._detail_number(words)
            mobile = (readings.fictional == 2) & here & ~refused
            kind[mobile] = TYPES.index("mobile")
            country[mobile] = REGION_NUMBERS[judge.main_region(code) or ""]
        return refused

    def _not_mobile(self, places: Numbers, readings: Readings, kind: np.ndarray, which: Flags) -> None:
        here = np.flatnonzero(which)
        self.reason[places[here]] = _REASON_NUMBERS[Reason.NOT_MOBILE]
        key = readings.code[here].astype(np.int64) << 8 | kind[here]
        for code_and_kind in np.unique(key).tolist():
            code, number = divmod(code_and_kind, 256)
            detail = self._detail_number(judge.refusal(code, TYPES[number]))
            self.detail[places[here[key == code_and_kind]]] = detail

    def _invalid(self, places: Numbers, readings: Readings, which: Flags) -> None:
        here = np.flatnonzero(which)
        if not len(here):
            return
        self.reason[places[here]] = _REASON_NUMBERS[Reason.INVALID_NUMBER]
        length = lengths(pick(readings.national, here))
        key = readings.lost[here].astype(np.int64) << 40 | readings.code[here].astype(np.int64) << 24
        key |= length << 16 | readings.hint[here]
        unique, inverse = np.unique(key, return_inverse=True)
        numbers = [
            self._detail_number(_invalid_detail(k >> 40, k >> 24 & 0xFFFF, k >> 16 & 0xFF, k & 0xFFFF))
            for k in unique.tolist()
        ]
        self.detail[places[here]] = np.array(numbers, dtype=np.int32)[inverse]

    def frame(self) -> Frame:
        """The six columns of the result as a ``Frame`` of Arrow string columns."""
        number = self.number
        if self._put:
            answers = pa.array(list(self._put.values()), pa.string())
            number = replaced(number, np.array(list(self._put)), answers)
        seen = np.flatnonzero(np.bincount(self.repairs))
        repairs = np.zeros(seen[-1] + 1 if len(seen) else 1, dtype=np.int16)
        repairs[seen] = np.arange(len(seen))
        return Frame(
            {
                "@number": number,
                "@type": _texts([name or None for name in TYPES], self.kind),
                "@country": _texts([name or None for name in REGIONS], self.country),
                "@repairs": _texts([_repairs_text(mask) for mask in seen.tolist()], repairs[self.repairs]),
                "@reason": _texts(list(_REASONS), self.reason),
                "@detail": _texts(list(self._details), self.detail),
            }
        )


def _texts(names: list[str | None], numbers: np.ndarray) -> pa.StringArray:
    return pa.array(names, pa.string()).take(pa.array(numbers))


def _repairs_text(mask: int) -> str | None:
    return ",".join(name for name in REPAIRS if mask & BITS[name]) or None


def _invalid_detail(lost: int, code: int, length: int, hint: int) -> str:
    if lost == UNKNOWN_CODE:
        detail = judge.UNKNOWN_CODE
    elif lost == NO_REGION:
        detail = judge.NO_REGION
    else:
        detail = judge.invalid_detail(code, length)
    return detail + judge.plus_hint(REGIONS[hint]) if hint else detail
