"""Last rows of an export that add up the others: they are not people."""

from __future__ import annotations

TOTAL = "a total, not a contact"
"""The detail of an address cell that says so."""

_TOTALS = frozenset({
    "total", "totals", "grandtotal", "subtotal", "sum", "count", "summe", "gesamt", "gesamtsumme", "zwischensumme",
    "anzahl", "somme", "totale", "suma", "soma", "totaal", "summa", "yhteensä", "toplam", "razem", "celkem", "spolu",
    "összesen", "ukupno", "skupaj", "итого", "всего", "усього", "общо", "σύνολο", "المجموع", "סהכ", "合计", "合計",
    "总计", "總計", "합계", "총계",
})  # fmt: skip
"""What exports write in a last row that adds up the others, without what is no letter."""


def is_total(words: str) -> bool:
    """Whether the letters of a cell, without spaces and signs, are a word for a total."""
    return words.casefold() in _TOTALS
