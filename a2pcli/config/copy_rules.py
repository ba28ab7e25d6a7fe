"""The names of copy rules and choices of senders, for the keys that name them. What they do is in ``rules``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, get_args

from a2pcli.dataclass import dataclass

CopyRule = Literal[
    "no-opt-out",
    "postal-address",
    "no-reply",
    "country-wording",
    "keyword-clash",
    "dlt-template",
    "shaft",
    "shortener",
    "plain-http",
    "all-caps",
    "no-brand",
    "foreign-placeholder",
    "ucs-2",
]
Strictness = Literal["off", "warning", "error"]

COPY_RULES: tuple[str, ...] = get_args(CopyRule)

SAYS: dict[str, str] = {
    "no-opt-out": "Marketing contains opt-out instructions that work with its sender.",
    "postal-address": "A marketing email names the sender's postal address.",
    "no-reply": "A message from a sender name does not ask for replies: nobody can answer it.",
    "country-wording": "Marketing contains the words that a destination requires.",
    "keyword-clash": "STOP, CANCEL, END, HELP and the like are used only for what they mean; on reply buttons, too.",
    "dlt-template": "In India each message matches the registered template of the campaign.",
    "shaft": "No words about sex, hate, alcohol, firearms or tobacco, which carriers filter.",
    "shortener": "No public link shorteners: carriers block them.",
    "plain-http": "Links use https.",
    "all-caps": "No text in all capitals.",
    "no-brand": "Marketing names the brand.",
    "foreign-placeholder": "No placeholders of other tools, such as [Name] or %FIRSTNAME%.",
    "ucs-2": "No characters that make the message needlessly expensive.",
}
"""What each rule wants, in a sentence."""


@dataclass(frozen=True, slots=True)
class SenderChoices:
    """``sender:`` in one shape: the senders of a country, and those of every other one.

    ``default`` is empty where a mapping names no default: such a country has no sender. A campaign without
    ``sender:`` has one default, None: whatever the gateway's account sends from.
    """

    by_country: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: tuple[str | None, ...] = (None,)

    @property
    def own(self) -> str | None:
        """The run's own sender, where there is one: what a message without a sender of its own comes from."""
        return self.default[0] if len(self.default) == 1 else None

    @property
    def all(self) -> tuple[str, ...]:
        """All senders in the choice, each once, in the order of the file."""
        named = (*self.default, *(sender for pool in self.by_country.values() for sender in pool))
        return tuple(dict.fromkeys(sender for sender in named if sender is not None))
