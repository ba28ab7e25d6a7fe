"""Numbers that regulators reserve for fiction and examples. They reach nobody.

They pass for numbers of a real person in a file, so they are refused unless a policy allows them (samples, tests).
"""

from __future__ import annotations

import re

FICTIONAL: dict[int, str] = {
    # Ofcom, "Telephone numbers for use in TV and radio drama programmes": mobile; the large cities; Tyneside;
    # London; Northern Ireland; Cardiff; an area that does not exist; UK-wide, freephone and premium numbers.
    44: r"7700900\d{3}"
    r"|(?:11[3-8]|1[2-6]1)4960\d{3}|1914980\d{3}|2079460\d{3}|2896496\d{3}|2920180\d{3}"
    r"|1632960\d{3}|3069990\d{3}|8081570\d{3}|9098790\d{3}",
    # NANPA: 555-0100 to 555-0199 in every area code.
    1: r"[2-9]\d{2}55501\d{2}",
}
"""Calling code to a pattern over the national significant number. Only digits, groups and counts: RE2 reads it too."""

UNPLANNED_MOBILES: dict[int, str] = {44: r"7700900\d{3}"}
"""Those of them that are mobiles and stand in no numbering plan: valid for no library, so their type is told here."""

WORDS: dict[int, str] = {
    44: "reserved by Ofcom for fiction: it reaches nobody",
    1: "555-01xx is reserved for fiction: it reaches nobody",
}

_COMPILED = {code: re.compile(pattern) for code, pattern in FICTIONAL.items()}
_MOBILES = {code: re.compile(pattern) for code, pattern in UNPLANNED_MOBILES.items()}


def is_fictional(calling_code: int, national: str) -> bool:
    """Whether a national significant number is reserved for fiction."""
    pattern = _COMPILED.get(calling_code)
    return pattern is not None and pattern.fullmatch(national) is not None


def is_unplanned_mobile(calling_code: int, national: str) -> bool:
    """Whether it is a fictional mobile that stands in no numbering plan."""
    pattern = _MOBILES.get(calling_code)
    return pattern is not None and pattern.fullmatch(national) is not None
