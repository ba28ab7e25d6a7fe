"""How an address may stand in cells and sentences: what an erasure looks for, and takes away.

A phone number is its digits, whatever people write between them; seven digits and more are a trace wherever they stand.
Other addresses are whole words in any case: ``anna@example.com`` is no trace of ``joanna@example.com``.
"""

from __future__ import annotations

import re
from functools import cached_property

from a2pcli.addresses.email import domain_as_read
from a2pcli.addresses.kinds import Kind, forms_of, kind_of

PUNCTUATION = " -().'"
"""What people write between the digits of a number."""

SHORTEST = 7
"""So many digits are a trace of a number; fewer stand in many."""

_BARE = str.maketrans("", "", PUNCTUATION)
_PART = r"[\w.+@-]"
"""A sign that would make another address of one that stands beside it."""


class Traces:
    """The traces of one address. ``cells`` are other texts that stand for it, such as a number's national digits."""

    def __init__(self, address: str, cells: tuple[str, ...] = ()) -> None:
        self.address = address
        self._cells = cells
        self._is_phone = kind_of(address) is Kind.PHONE

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The shortest texts that tell the address, in lower case: wherever it stands, in whatever form, one of them
        does (of a number, once the punctuation is gone)."""
        if not self._is_phone:
            return tuple(dict.fromkeys([self.address.lower(), *_as_people_write(self.address)]))
        digits = [form.lstrip("+") for form in forms_of(self.address)]
        long = sorted(
            {one for one in (*digits, *self._cells) if one.isdigit() and len(one) >= SHORTEST}, key=len
        )
        shortest = [one for place, one in enumerate(long) if not any(other in one for other in long[:place])]
        return tuple(shortest) or (self.address,)

    @cached_property
    def pattern(self) -> str:
        """A regular expression for RE2 that finds the address; of a number, in a text without punctuation."""
        found = "|".join(map(re.escape, self.texts))
        return found if self._is_phone else rf"(?i)(?:^|[^\w.+@-])(?:{found})(?:$|[^\w@.-]|\.(?:$|[^\w-]))"

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        found = "|".join(map(re.escape, self.texts))
        return re.compile(found if self._is_phone else rf"(?i)(?<!{_PART})(?:{found})(?!\.?[\w-]|@)")

    @property
    def ignored(self) -> str:
        """What does not count in a text that is looked through for the ``pattern``."""
        return PUNCTUATION if self._is_phone else ""

    def bare(self, text: str) -> str:
        """A text as it is looked through: of a number, without punctuation."""
        return text.translate(_BARE) if self._is_phone else text

    def stands_in(self, text: str) -> bool:
        """Whether a text contains the address, in any of its spellings."""
        return self._compiled.search(self.bare(text)) is not None

    def removed(self, text: str) -> str:
        """The text with … in place of the address, where it stands there to the letter."""
        if not self._is_phone:
            return self._compiled.sub("…", text)
        for one in self.texts:
            text = text.replace(one, "…")
        return text


def _as_people_write(address: str) -> list[str]:
    """An address of an international domain, as people write it."""
    local, _, domain = address.rpartition("@")
    return [f"{local}@{domain_as_read(domain)}".lower()] if local else []
