"""A message's wording as the copy rules see it, and what they find.

A rule looks at the template's own words, where tags are blanked out; at what partials add; and, where they are
known, at messages as people would get them. What a rule is worth is decided elsewhere (``planning.lint``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field

from a2pcli.dataclass import dataclass
from a2pcli.rules.facts import CopyRule as CopyLaw

TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
BLANK = "\ue000"
"""Stands for a character of a tag: no letter, no space, in no alphabet."""

_REFERS = re.compile(r"\{%[-+]?\s*(?:include|extends|import|from)\b")


@dataclass(frozen=True, slots=True)
class Copy:
    """A message as written.

    ``wording`` is all text outside of tags, that of partials too, where it is known. ``columns`` are the contacts'
    canonical columns, where they are known; ``examples`` messages as people would get them, before smart encoding.
    ``senders`` are those that it is sent from; empty where the gateway's account chooses. ``law`` holds, by the
    countries it is sent to, what the law there wants in it; None where the recipients are not known yet. ``keywords``
    are words that mean stop by the project's own rules.
    """

    source: str
    marketing: bool
    smart: bool = True
    senders: Sequence[str] = ()
    columns: Collection[str] = ()
    examples: Sequence[str] = ()
    wording: str = ""
    programme: str = ""
    law: Mapping[str, Sequence[CopyLaw]] | None = None
    keywords: Collection[str] = ()
    is_email: bool = False

    @property
    def words(self) -> str:
        """The source with every tag blanked out: the same length, so that places stay."""
        return TAG.sub(lambda tag: BLANK * len(tag[0]), self.source)

    @property
    def text(self) -> str:
        """Everything it may say, in no place: the source with its tags, and the partials' words."""
        return f"{self.source}\n{self.wording}"

    def places(self, find: Callable[[str], Iterator[Finding]]) -> Iterator[Finding]:
        """What ``find`` finds in the words; where they hold nothing, what it finds in partials, at their tag."""
        found = list(find(self.words))
        refers = _REFERS.search(self.source)
        if not found and refers is not None and self.wording:
            found = [
                Finding(refers.start(), f"{one.message} (in a partial)", one.hint, one.code)
                for one in find(self.wording)
            ]
        yield from found


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend at a character (from 0) of the template.

    ``code`` is the rule's name. ``lenient``: no law that is known forbids it here, so it is a warning at most.
    ``natural``: it is in the nature of the text and cannot be mended, so it is a note, unless the project says more.
    ``partial``: it is about some of the countries alone, whose messages can be left out.
    """

    offset: int
    message: str
    hint: str | None
    code: str
    lenient: bool = field(default=False, compare=False)
    natural: bool = field(default=False, compare=False)
    partial: bool = field(default=False, compare=False)
