"""What a spreadsheet shows for a number: ``00007`` for 7, ``20%`` for 0.2, ``14/03/2026`` for 46095.

The codes are those of ECMA-376 part 1, 18.8.30 and 18.8.31. Where the program's own settings decide (the short
date, the separators), the campaign's locale stands in for them. What is not understood is said, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

from a2pcli.contacts.cell_text import number_text
from a2pcli.contacts.date_formats import DateSection, UnknownFormat, parsed
from a2pcli.dataclass import dataclass

BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00",
    12: "# ?/?", 13: "# ??/??", 14: "short-date", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "short-date h:mm", 37: "#,##0;-#,##0",
    38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss",
    47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""Formats that a file names by number alone (18.8.30)."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General)|(?P<exponent>[Ee][+-][0#?]+)|(?P<place>[0#?])|(?P<dot>\.)"
    r"|(?P<percent>%)|(?P<text>@)|(?P<comma>,)|(?P<fraction>/)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_COLOUR = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|color ?\d+", re.IGNORECASE)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_DATE_PART = re.compile(r"short-date|[ymdhs]", re.IGNORECASE)
_NOT_CODE = re.compile(
    r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]|General|[Ee][+-]', re.IGNORECASE | re.DOTALL
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "=": lambda a, b: a == b, "<>": lambda a, b: a != b,
}  # fmt: skip
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Separators:
    """Decimal and grouping separators of a locale."""

    decimal: str = "."
    group: str = ","


class NumberFormat:
    """One format. ``unknown`` says why what the sheet shows cannot be known, or is None; ``plain``: it shows numbers as
    they are; ``is_date``: it shows days or times; ``misread``: its days come out as 2026-03-14, since the campaign's
    locale would misread what the sheet shows, or since that depends on the computer."""

    def __init__(self, code: str, locale: str = "en", *, epoch_1904: bool = False) -> None:
        self.code = code
        self.unknown: str | None = None
        self.plain = code.strip().lower() in ("", "general", "@")
        self.is_date = self.misread = False
        self._sections: list[tuple[Callable[[float], bool] | None, _Section | DateSection]] = []
        self._text: list[str] | None = None
        if self.plain:
            return
        try:
            if len(code) > _LONGEST:
                raise UnknownFormat("too long")
            self._read(code, locale, epoch_1904)
        except UnknownFormat as error:
            self.unknown = str(error)
            self._sections = []

    def show(self, value: float) -> str:
        """The number as the sheet shows it; as it is where that is not known."""
        if not self._sections or value != value or value in (float("inf"), float("-inf")):
            return number_text(value)
        section, signed = self._section(value)
        if section is None:
            return number_text(value)
        try:
            return section.show(value, signed).strip()
        except (ValueError, OverflowError, InvalidOperation):
            return number_text(value)

    def show_text(self, text: str) -> str:
        """What it shows for text; nearly always the text."""
        if self._text is None:
            return text
        return "".join(text if piece == "@" else piece[1:] for piece in self._text)

    def _section(self, value: float) -> tuple[_Section | DateSection | None, bool]:
        """The section for a value, and whether it wants a minus sign before it."""
        sections = self._sections
        if any(condition for condition, _ in sections):
            for condition, section in sections:
                if condition is None or condition(value):
                    return section, True
            return None, True
        if len(sections) == 1 or value > 0:
            return sections[0][1], True
        if value < 0:
            return sections[1][1], False
        return (sections[2] if len(sections) > 2 else sections[0])[1], True

    def _read(self, code: str, locale: str, epoch_1904: bool) -> None:
        parts = split_sections(code)
        if len(parts) == 4 or "@" in _NOT_CODE.sub("", parts[-1]):
            self._text = _text_pieces(parts.pop())
            self.plain = not parts
        for part in parts:
            condition = _condition(part)
            section: _Section | DateSection
            if _DATE_PART.search(_NOT_CODE.sub("", part)):
                section = DateSection(part, locale, epoch_1904=epoch_1904)
                self.is_date = True
                self.misread = self.misread or section.misread
            else:
                section = _Section(part, separators_of(locale))
            self._sections.append((condition, section))


class _Section:
    """One section of a format for numbers: literals around and between the places for digits."""

    def __init__(self, code: str, separators: Separators) -> None:
        self._separators = separators
        self._whole: list[tuple[bool, str]] = []
        """What stands before the decimal point: (whether it is a place for a digit, the character or literal)."""
        self._fraction: list[tuple[bool, str]] = []
        self._behind: list[tuple[bool, str]] = []
        """What stands behind the exponent."""
        self._dot = self._grouped = self._general = self._counted = False
        self._power = 0
        self._exponent = ""
        commas = 0
        for found in _TOKEN.finditer(code):
            kind = found.lastgroup
            here = self._behind if self._exponent else self._fraction if self._dot else self._whole
            if kind == "place":
                self._counted = True
                self._grouped = self._grouped or bool(commas and not self._dot)
                commas = 0
                here.append((True, found[0]))
            elif kind == "dot" and not self._dot:
                self._dot = True
            elif kind == "comma" and self._counted:
                commas += 1
            elif kind == "fraction" and self._counted:
                raise UnknownFormat("a fraction")
            elif kind == "general":
                self._general = True
                here.append((True, "G"))
            elif kind == "exponent":
                self._exponent = found[0]
            elif kind == "percent":
                self._power += 2
                here.append((False, "%"))
            elif literal := _literal(found):
                here.append((False, literal))
        self._power -= 3 * commas
        self._places = sum(is_place for is_place, _ in self._fraction)
        if self._places > 30 or len(self._whole) > 60:
            raise UnknownFormat("too many places")

    def show(self, value: float, signed: bool) -> str:
        """The number as this section shows it; ``signed``: a minus sign is not among the section's own literals."""
        number = Decimal(f"{abs(value):.15g}").scaleb(self._power)
        minus = "-" if signed and value < 0 else ""
        if self._general:
            return minus + self._filled(self._whole + self._fraction, number_text(float(number)))
        if self._exponent:
            return minus + self._scientific(number)
        if not self._counted:
            return "".join(text for _, text in self._whole + self._fraction)
        rounded = number.quantize(Decimal(1).scaleb(-self._places), ROUND_HALF_UP)
        whole, _, fraction = f"{rounded:f}".partition(".")
        return (
            (minus if rounded else "") + self._shown_whole(whole.lstrip("0")) + self._shown_fraction(fraction)
        )

    @staticmethod
    def _filled(items: list[tuple[bool, str]], text: str) -> str:
        return "".join(text if is_place else literal for is_place, literal in items)

    def _shown_whole(self, digits: str) -> str:
        """Filled from the right; the leftmost place takes all digits that are left."""
        pieces: list[str] = []
        leftmost = next((at for at, (is_place, _) in enumerate(self._whole) if is_place), None)
        written = 0
        for at in range(len(self._whole) - 1, -1, -1):
            is_place, text = self._whole[at]
            if not is_place:
                pieces.append(text)
                continue
            taken, digits = (digits[-1:], digits[:-1]) if at != leftmost else (digits, "")
            for digit in reversed(taken or {"0": "0", "?": " "}.get(text, "")):
                if self._grouped and written and written % 3 == 0 and digit != " ":
                    pieces.append(self._separators.group)
                pieces.append(digit)
                written += 1
        if leftmost is None and digits:
            pieces.append(digits)
        return "".join(reversed(pieces))

    def _shown_fraction(self, digits: str) -> str:
        if not self._dot:
            return ""
        pieces = [self._separators.decimal]
        at = 0
        for is_place, text in self._fraction:
            if not is_place:
                pieces.append(text)
                continue
            needed = text == "0" or digits[at:].strip("0")
            pieces.append(digits[at : at + 1] if needed else " " if text == "?" else "")
            at += 1
        return "".join(pieces)

    def _scientific(self, number: Decimal) -> str:
        """As ``1.23E+03``; ``##0.0E+0``, with three places before the point, shows powers of a thousand:
        ``12.3E+3``."""
        step = sum(is_place for is_place, _ in self._whole) or 1
        unit = Decimal(1).scaleb(-self._places)
        power = number.adjusted() // step * step if number else 0
        rounded = number.scaleb(-power).quantize(unit, ROUND_HALF_UP)
        if rounded >= 10**step:
            power += step
            rounded = number.scaleb(-power).quantize(unit, ROUND_HALF_UP)
        whole, _, fraction = f"{rounded:f}".partition(".")
        digits = str(abs(power)).rjust(len(self._exponent) - 2, "0")
        sign = "-" if power < 0 else "+" if self._exponent[1] == "+" else ""
        mantissa = self._shown_whole(whole.lstrip("0")) + self._shown_fraction(fraction)
        return mantissa + "E" + sign + digits + self._filled(self._behind, "")


def _literal(found: re.Match[str]) -> str:
    """The text that a token writes; a bracket may hold a currency (``[$€-407]``)."""
    kind = found.lastgroup
    if kind in ("quoted", "escaped"):
        return found[kind]
    if kind == "space":
        return " "
    if kind == "bracket":
        inside = found["bracket"]
        if inside.startswith("$"):
            return inside[1:].rpartition("-")[0] if "-" in inside else inside[1:]
        if _COLOUR.fullmatch(inside) or _CONDITION.fullmatch(inside):
            return ""
        raise UnknownFormat(f"[{inside}]")
    if kind == "fill":
        return ""
    return found[0]


def split_sections(code: str) -> list[str]:
    """The sections of a code, which semicolons part; at most four."""
    sections, start = [], 0
    for found in _TOKEN.finditer(code):
        if found[0] == ";":
            sections.append(code[start : found.start()])
            start = found.end()
    sections.append(code[start:])
    if len(sections) > 4:
        raise UnknownFormat("more than four sections")
    return sections


def _condition(code: str) -> Callable[[float], bool] | None:
    for found in re.finditer(r"\[([^\]]*)\]", code):
        if asked := _CONDITION.fullmatch(found[1]):
            compare, bound = _COMPARE[asked[1]], float(asked[2])
            return lambda value: compare(value, bound)
    return None


def _text_pieces(section: str) -> list[str] | None:
    """What a section makes of text, ``@`` for the text itself; None where it is the text alone."""
    pieces = ["@" if found["text"] else "=" + _literal(found) for found in _TOKEN.finditer(section)]
    return None if pieces == ["@"] else pieces


@lru_cache(maxsize=64)
def separators_of(locale: str) -> Separators:
    """How a locale writes numbers; as in English where it is not known."""
    symbols = parsed(locale).number_symbols.get("latn")
    if symbols is None:
        return Separators()
    group = str(symbols["group"])
    return Separators(str(symbols["decimal"]), " " if group in "\u202f\u00a0" else group)
