"""The names of the copy rules, for the keys that switch or waive them. What they do is in ``rules``, ``planning``."""

from __future__ import annotations

from typing import Literal, get_args

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
    "keyword-clash": "STOP, CANCEL, END, HELP and the like are used only for what they mean.",
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
