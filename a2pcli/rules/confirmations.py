"""The texts that come with a2pcli to confirm a STOP or a START and to answer HELP, and the language of a country."""

from __future__ import annotations

from functools import cache
from typing import Any

from a2pcli.rules.data_file import FOLDER, read_data

STOP, START, HELP = "stop", "start", "help"
KINDS = (STOP, START, HELP)
VARIABLES = frozenset({"name", "programme", "sender", "contact", "how_often"})
"""What these texts may name."""
OTHERWISE = "en"


def default_text(kind: str, language: str) -> str:
    """Return the text of a kind in a language, or in English if there is none in it.

    >>> default_text("start", "de").split(". ")[1]
    'HELP für Hilfe, STOP zum Abmelden.'
    """
    texts = _data()["texts"]
    text: str = texts.get(language, texts[OTHERWISE])[kind]
    return text


def language_of(country: str | None) -> str | None:
    """Return the language of messages to a country; None if there is no text in it, or the country is unknown."""
    for language, countries in _data()["countries"].items():
        if country in countries:
            return str(language)
    return None


@cache
def _data() -> Any:
    return read_data(FOLDER / "confirmations.yaml")
