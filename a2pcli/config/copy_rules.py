"""The names of the copy rules, for the keys that switch or waive them. What they do is in ``rules`` and ``planning``."""

from __future__ import annotations

from typing import Literal, get_args

CopyRule = Literal[
    "no-opt-out",
    "no-reply",
    "stop-number",
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
