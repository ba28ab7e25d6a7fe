"""What providers' codes in delivery receipts mean, as data: ``codes/receipts`` has a CSV a provider.

A code in a receipt is not always what the same code is in the answer to a submit (Vonage's 9 is credit there and an
opt-out here), so each has its own table; where the two agree (Twilio) what the table of receipts lacks is looked up in
the other. ``any.csv`` has codes and words for a status that mean the same whoever the provider is.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from a2pcli.folding import name_key
from a2pcli.gateways.codes import MEANINGS, Code, load_codes, tables

OPTED_OUT = "opted-out"

_ONE_TABLE = frozenset({"twilio", "whatsapp"})
"""Providers whose codes are the same in answers and in receipts."""


@cache
def _table(provider: str) -> Mapping[str, Code]:
    place = files("a2pcli.gateways.codes").joinpath("receipts", f"{provider}.csv")
    if not place.is_file():
        return {}
    rows = csv.DictReader(place.read_text(encoding="utf-8").splitlines())
    return {row["code"]: Code(row["cause"], row["detail"]) for row in rows}


@cache
def _of_provider(provider: str) -> Mapping[str, Code]:
    also = load_codes(provider) if provider in _ONE_TABLE and provider in tables() else {}
    return {**also, **_table(provider)}


@cache
def _words(provider: str) -> Mapping[str, Code]:
    """Codes and words for a status by the key of their name: those of any provider, and over them its own."""
    rows = {**_table("any"), **_table(provider)}
    return {name_key(code): meaning for code, meaning in rows.items()}


def _own(block: Mapping[str, Any], code: str) -> Any:
    """Return the meaning that the gateway's block sets for a code. An SMPP operator's receipt codes differ from its
    answers'."""
    if block.get("type") != "smpp":
        own = block.get("errors")
        return own.get(code) if isinstance(own, Mapping) else None
    receipts = block.get("receipts")
    own = receipts.get("errors") if isinstance(receipts, Mapping) else None
    if not isinstance(own, Mapping):
        return None
    return {_short(str(key)): said for key, said in own.items()}.get(_short(code))


def _short(code: str) -> str:
    """Return an operator's code without leading zeros, in capitals: some document `a1` and send 0A1."""
    return code.upper().lstrip("0")


def meaning_of(block: Mapping[str, Any], code: str | None, status: str | None = None) -> Code | None:
    """Return the meaning of a receipt's code, else of the provider's status; None if neither is known.

    ``block`` is the gateway's in the settings, with its ``type``: what it says itself of its ``errors`` comes first.

    >>> meaning_of({"type": "twilio"}, "21610").meaning, meaning_of({"type": "vonage"}, "9").meaning
    ('opted-out', 'opted-out')
    """
    provider = str(block.get("codes") or block.get("type", ""))
    words = _words(provider)
    if code is not None:
        said = _own(block, code)
        if said in MEANINGS:
            return Code(str(said), "as the settings of the gateway say")
        found = _of_provider(provider).get(code) or words.get(name_key(code))
        if found is not None:
            return found
    return words.get(name_key(status)) if status else None
