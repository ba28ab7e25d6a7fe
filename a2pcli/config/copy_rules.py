"""The names of the copy rules, for the keys that switch or waive them. What they do is in ``rules``, ``planning``."""

from __future__ import annotations

from typing import Literal, get_args

CopyRule = Literal[
    "no-opt-out",
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
    "no-opt-out": "Marketing says how to leave, in a way the sender can take.",
    "no-reply": "A sender that is a name asks for no reply: nobody can answer it.",
    "country-wording": "Marketing holds the words that a destination demands.",
    "keyword-clash": "STOP, CANCEL, END, HELP and the like are asked for nothing else than what they mean.",
    "dlt-template": "In India each message equals the registered template that the campaign names.",
    "shaft": "No words of sex, hate, alcohol, firearms or tobacco, which carriers filter.",
    "shortener": "No public link shortener: carriers block them, whoever uses them.",
    "plain-http": "Links are https.",
    "all-caps": "No shouting.",
    "no-brand": "Marketing names who it comes from.",
    "foreign-placeholder": "No placeholder of another tool, such as [Name] or %FIRSTNAME%.",
    "ucs-2": "No character that makes the message dearer without need.",
}
"""What each rule wants, in a sentence."""
