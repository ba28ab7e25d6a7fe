"""Reads providers' answers by paths and conditions. No answer makes it fail."""

from __future__ import annotations

import re
from typing import Any

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.engine.charsets import json_of, text_of
from a2pcli.gateways.http.declared import Conditions

NOTHING = object()
"""The value of a path that leads nowhere. JSON null counts as this too: providers use both."""

_READ_BY_PATTERN = 65_536
"""Maximum number of characters of a text answer that a pattern is applied to."""


class Answer:
    """A response and its parsed data."""

    __slots__ = ("data", "response")

    def __init__(self, response: HttpResponse, pattern: re.Pattern[str] | None) -> None:
        self.response = response
        self.data: Any = _by_pattern(response, pattern) if pattern else json_of(response)

    def meets(self, conditions: Conditions, data: Any) -> bool | None:
        """Whether all conditions hold; None if the answer lacks a value they need."""
        for first, last in conditions.status:
            if first <= self.response.status <= last:
                break
        else:
            return False
        unclear = False
        for path, wanted in conditions.where.items():
            there = as_text(at(data, path))
            if there is None:
                unclear = True
            elif there not in wanted and "*" not in wanted:
                return False
        if conditions.absent:
            if any(at(data, path) is not NOTHING for path in conditions.absent):
                return False
            unclear = unclear or not isinstance(data, dict | list)
        return None if unclear else True


def at(data: Any, path: str | None) -> Any:
    """Return the value at a path like ``messages.0.id``, or ``NOTHING``."""
    if path is None:
        return NOTHING
    for step in path.split("."):
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(data):
            data = data[int(step[:9])]
        else:
            return NOTHING
    return NOTHING if data is None else data


def as_text(value: Any) -> str | None:
    """Return a value as conditions write it (``true``, ``0``, ``queued``); None for lists and objects."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value) if -(10**40) < value < 10**40 else None
    if isinstance(value, float):
        return repr(value)
    return None


def _by_pattern(response: HttpResponse, pattern: re.Pattern[str]) -> Any:
    text = text_of(response, 4 * _READ_BY_PATTERN)[:_READ_BY_PATTERN]
    found = pattern.search(text)
    return found.groupdict() if found else None
