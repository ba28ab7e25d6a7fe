"""Protects one-time passwords against SMS pumping: codes sent to ranges of numbers in which nobody enters them.

Fraudsters who earn from the SMS that they make a service send use many numbers of a few ranges, and enter few codes or
none. So each code counts in the ranges that its number belongs to: the number without its last 4, 5, 6 and 7 digits,
and its country. A range may have a small number of codes that were not entered, or as many as were entered in it
lately if that is more. This needs no list of bad ranges, and a range in which real people verify is never blocked for
long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from a2pcli.dataclass import dataclass

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

YOUNG = 2 * MINUTE
"""Milliseconds in which a person may still be about to enter the code."""


@dataclass(frozen=True, slots=True)
class Level:
    """How wide a range is, and what it may have: ``young`` codes of the last two minutes, and ``unverified`` ones
    that are older, of the last hour. ``cut``: last digits of the number that are left out; 0 is the country."""

    cut: int
    young: int
    unverified: int


LEVELS = (Level(4, 5, 3), Level(5, 20, 6), Level(6, 100, 15), Level(7, 300, 40), Level(0, 2000, 400))

SHARE_OF_A_DAY = 10
"""Young codes may be a tenth of those verified in 24 hours: the busiest two minutes of a day are far below that."""


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """Codes sent to one range of numbers: of the last two minutes; older, of the last hour, and not verified; and
    those verified in the last 24 hours."""

    young: int = 0
    unverified: int = 0
    verified: int = 0


@dataclass(frozen=True, slots=True)
class Blocked:
    """A range that may have no more codes for now: ``velocity`` (too many at once) or ``conversion`` (too few of them
    were entered)."""

    range: str
    reason: str


def ranges_of(number: str, country: str | None) -> Iterator[tuple[str, Level]]:
    """Yield the ranges of an E.164 number, narrowest first.

    >>> [name for name, level in ranges_of("+447911123456", "GB")]
    ['+44791112', '+4479111', '+447911', '+44791', 'GB']
    """
    for level in LEVELS:
        if not level.cut:
            if country:
                yield country, level
        elif len(number) - level.cut > 3:
            yield number[: -level.cut], level


def blocked(
    number: str, country: str | None, counts: Mapping[str, RangeCounts], slack: int = 1
) -> Blocked | None:
    """Return the range because of which this number gets no code now; None if it may get one.

    ``counts`` are those of its ranges; ``slack`` multiplies what a range may have without any verified code.
    """
    for name, level in ranges_of(number, country):
        found = counts.get(name, RangeCounts())
        if found.unverified >= max(level.unverified * slack, found.verified):
            return Blocked(name, "conversion")
        if found.young >= max(level.young * slack, found.verified // SHARE_OF_A_DAY):
            return Blocked(name, "velocity")
    return None


def next_resend(first: int, sent: int) -> int:
    """Return the seconds to wait after the ``sent``-th code in a row: doubled each time, at most an hour."""
    return int(min(3600, first * 2 ** min(sent - 1, 12)))
