"""Matches message ids that an operator writes differently in its answers and receipts.

Hexadecimal in the answer and decimal in the receipt, the other way round, other letters' case, zeros in front that get
lost. Which of the first two it is, is set, or learnt from ids that leave no doubt: one with a letter can be no decimal.
As long as it is not known, an id stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Form = Literal["auto", "same", "hex", "decimal"]

_HEX = re.compile(r"[0-9a-fA-F]{1,20}")
_DECIMAL = re.compile(r"\d{1,25}", re.ASCII)
_MOST_WIDTHS = 8
DECIMAL_AFTER = 40
"""Ids of answers without a letter after which they are decimal: of 16 hexadecimal ones in a row 6 have a letter."""


class MessageIds:
    """What is known of an operator's ids."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._answers_hex = self._receipts_hex = False
        self._answers_other = self._receipts_other = False
        self._widths: set[int] = set()
        self._decimals, self._last = 0, ""

    def answered(self, id: str) -> None:
        """An id of an answer was seen."""
        if len(self._widths) < _MOST_WIDTHS:
            self._widths.add(len(id))
        if self._form != "auto" or self._answers_other:
            return  # nothing more is to be learnt
        if _DECIMAL.fullmatch(id):
            self._decimals += id != self._last
            self._last = id
        else:
            if _HEX.fullmatch(id):
                self._answers_hex = True
            else:
                self._answers_other = True

    def received(self, id: str) -> None:
        """An id of a receipt was seen."""
        if self._form == "auto" and not _DECIMAL.fullmatch(id):
            if _HEX.fullmatch(id):
                self._receipts_hex = True
            else:
                self._receipts_other = True

    @property
    def form(self) -> Form:
        """How answers and receipts differ, as far as is known; ``same`` where nothing says otherwise."""
        if self._form != "auto":
            return self._form
        if self._answers_other or self._receipts_other or self._answers_hex == self._receipts_hex:
            return "same"
        return "hex" if self._answers_hex else "decimal"

    @property
    def is_known(self) -> bool:
        """Whether it is set, or was learnt, how answers and receipts differ."""
        if self._form != "auto" or self.form != "same" or self._answers_other or self._answers_hex:
            return True
        return self._decimals >= DECIMAL_AFTER

    def spellings(self, id: str) -> tuple[Sequence[str], Sequence[str]]:
        """How the id of a receipt may stand in the answer, and what else it could mean while that is not known."""
        if self.is_known:
            return self._written(id, self.form), ()
        same = self._written(id, "same")
        others = (*self._written(id, "hex"), *self._written(id, "decimal"))
        return same, tuple(one for one in others if one not in same)

    def _written(self, id: str, form: Form) -> tuple[str, ...]:
        if form == "hex" and _DECIMAL.fullmatch(id):
            digits = f"{int(id):x}"
        elif form == "decimal" and _HEX.fullmatch(id):
            digits = str(int(id, 16))
        elif _HEX.fullmatch(id):
            digits = id.lstrip("0") or "0"
        else:
            return tuple(dict.fromkeys((id, id.lower(), id.upper())))
        padded = [
            digits,
            *(digits.rjust(width, "0") for width in sorted(self._widths) if width > len(digits)),
        ]
        if form == "same":
            padded.insert(0, id)
        return tuple(dict.fromkeys(one for text in padded for one in (text, text.lower(), text.upper())))
