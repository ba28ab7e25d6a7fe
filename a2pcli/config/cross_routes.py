"""Rules about ``routes:`` of the settings that no single key can tell, looked at as typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from a2pcli.config.document import Document
from a2pcli.config.route_rules import CHEAPEST, COUNTRIES, ORDER, RULES, SHARES
from a2pcli.config.routes import parse_place
from a2pcli.errors import Problem
from a2pcli.gateway_types import BUILT_IN_GATEWAYS

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")

Loc = tuple[str | int, ...]


def route_problems(document: Document) -> Iterator[Problem]:
    """What is wrong with routes beside their gateways."""
    routes, gateways = document.data.get("routes"), document.data.get("gateways")
    if not isinstance(routes, dict):
        return
    known = dict.fromkeys((*(gateways if isinstance(gateways, dict) else ()), *BUILT_IN_GATEWAYS))
    for name, typed in routes.items():
        loc: Loc = ("routes", name)
        if not _NAME.fullmatch(name):
            hint = "at most 32 letters, digits, '.', '_' and '-'"
            message = f"'{name[:40]}' cannot be a route's name"
            yield document.problem(message, loc, of="key", hint=hint, code="route")
        elif name in known:
            message = f"'{name}' is the name of a gateway too: a campaign could mean either"
            yield document.problem(message, loc, of="key", hint="give the route another name", code="route")
        if isinstance(typed, dict):
            yield from _Checked(document, routes, known).route(typed, loc)


class _Checked:
    """The gateways that a route names."""

    def __init__(self, document: Document, routes: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        self.document, self.routes, self.known = document, routes, known

    def route(self, typed: dict[str, Any], loc: Loc) -> Iterator[Problem]:
        yield from self._rules(typed, loc)
        places = typed.get(COUNTRIES)
        if not isinstance(places, dict):
            return
        seen: dict[str, str] = {}
        for place, target in places.items():
            at = (*loc, COUNTRIES, place)
            try:
                first = seen.setdefault(parse_place(place), place)
            except ValueError:
                continue  # told by the model
            if first != place:
                message = f"'{place}' and '{first}' are the same place"
                yield self.document.problem(message, at, of="key", hint="keep one of them", code="route")
            if isinstance(target, dict):
                if not any(key in target for key in RULES):
                    message = f"'{place}' names no gateway"
                    hint = "a gateway, a list in order, or order, cheapest or shares"
                    yield self.document.problem(message, at, of="key", hint=hint, code="route")
                elif len(given := [key for key in RULES if key in target]) > 1:
                    message = f"'{place}' has {' and '.join(given)}: only one of them can hold"
                    yield self.document.problem(message, (*at, given[1]), of="key", code="route")
                yield from self._rules(target, at)
            else:
                yield from self._names(target, at)

    def _rules(self, typed: dict[str, Any], loc: Loc) -> Iterator[Problem]:
        for key in (ORDER, CHEAPEST):
            if key in typed:
                yield from self._names(typed[key], (*loc, key))
        shares = typed.get(SHARES)
        for name in shares if isinstance(shares, dict) else ():
            yield from self._name(name, (*loc, SHARES, name), of_key=True)
        if CHEAPEST in typed and "rates" not in self.document.data:
            message = "the cheapest gateway cannot be told without prices"
            hint = "set a rate card: rates: rates.csv"
            yield self.document.problem(message, (*loc, CHEAPEST), of="key", hint=hint, code="route-prices")

    def _names(self, typed: Any, loc: Loc) -> Iterator[Problem]:
        if isinstance(typed, str):
            yield from self._name(typed, loc)
        elif isinstance(typed, list):
            for place, name in enumerate(typed):
                if not isinstance(name, str):
                    continue
                yield from self._name(name, (*loc, place))
                if name in typed[:place]:
                    message = f"'{name}' is listed twice"
                    yield self.document.problem(message, (*loc, place), code="route")

    def _name(self, name: str, loc: Loc, *, of_key: bool = False) -> Iterator[Problem]:
        name = name.strip()
        if not name or name in self.known:
            return
        near = get_close_matches(name, self.known, 1, 0.6)
        hint = f"did you mean '{near[0]}'?" if near else "known: " + ", ".join(self.known)
        message = f"no gateway '{name}' in the settings"
        if name in self.routes:
            message, hint = f"'{name}' is a route: a route is made of gateways", "name its gateways here"
        yield self.document.problem(
            message, loc, of="key" if of_key else "value", hint=hint, code="unknown-gateway"
        )
