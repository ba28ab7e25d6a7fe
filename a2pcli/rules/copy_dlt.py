"""India's registered templates: a message must equal one, except in its variables.

TRAI's regulation of 2018 (TCCCPR) has operators compare every message with the template of its id and block what
differs. A slot is written ``{#var#}``, or with its kind since 2025 (``{#numeric#}``, ``{#url#}``, …), and takes at
most 30 characters; longer values take several slots.
"""

from __future__ import annotations

import re

from a2pcli.dataclass import dataclass

SLOT = re.compile(r"\{#\s*\w+\s*#\}")
SLOT_LENGTH = 30
RULE = "dlt-template"
COUNTRY = "IN"


@dataclass(frozen=True, slots=True)
class DltTemplate:
    """A registered template. ``entity`` and ``text`` are None where nobody states them."""

    template: str
    entity: str | None = None
    text: str | None = None

    @property
    def pattern(self) -> str | None:
        """What a message matches as a whole: a regular expression that RE2 and Python read alike."""
        if self.text is None:
            return None
        words = SLOT.split(self.text.strip())
        return r"\A" + rf"(?s:.{{0,{SLOT_LENGTH}}})".join(map(_escaped, words)) + r"\z"

    def differs(self, text: str) -> str | None:
        """How a message differs from the template, in a few words; None where it matches."""
        pattern = self.pattern
        if pattern is None or re.match(pattern.removesuffix(r"\z") + r"\Z", text):
            return None
        words = SLOT.split(self._text())
        for number in range(len(words), 0, -1):
            if not re.match(self._start(number), text):
                continue
            if number == len(words):
                return "there is more text behind its end"
            wanted = " ".join(words[number].split())[:30]
            return f"after slot {number} it wants '{wanted}'" if wanted else f"slot {number} takes less"
        return f"it does not start with '{SLOT.split(self._text())[0].strip()[:30]}'"

    def _text(self) -> str:
        return (self.text or "").strip()

    def _start(self, pieces: int) -> str:
        words = SLOT.split(self._text())[:pieces]
        return r"\A" + rf"(?s:.{{0,{SLOT_LENGTH}}})".join(map(_escaped, words))


def _escaped(text: str) -> str:
    """Characters that mean something in a pattern, escaped the way both engines know."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)
