"""The gateways that a row may go by, and those that cannot take it now: people whom a gateway does not reach, whose
service window with it is closed, or whose mailbox it refuses. Only these gateways of a route are left out; a row is
excluded where all are.

People are compared by the address of the channel: ``@person`` may be a key of another address, or of more than the
address (``once_per``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.columns import keys_of
from a2pcli.addresses.kinds import Kind
from a2pcli.config.route_rules import OTHER
from a2pcli.frame import Frame
from a2pcli.planning.frames import Keys, Mask, among, mask_of
from a2pcli.planning.window import WINDOW, needs_window

if TYPE_CHECKING:
    from a2pcli.planning.routing import RoutePlan
    from a2pcli.planning.spec import CompiledSpec, PlanSpec

NOWHERE = -1
"""Stands for no place."""

Places = npt.NDArray[np.int64]


def names_of(spec: PlanSpec) -> tuple[str, ...]:
    """Return the gateways that the campaign's messages may go by on this channel."""
    return spec.route.route.gateways if spec.route is not None else (spec.gateway,)


def places_of(plan: RoutePlan, countries: pa.Array, numbers: pa.Array) -> Places:
    """Return of each row the number of the route's rule that holds: of the longest prefix, of its country, of the
    rest; ``NOWHERE`` if none does."""
    places = tuple(plan.route.rules)
    found = np.full(len(numbers), NOWHERE, dtype=np.int64)
    if OTHER in places:
        found[:] = places.index(OTHER)
    by_country = [one for one in places if not one.startswith("+") and one != OTHER]
    encoded = countries.dictionary_encode()
    of_each = [
        _place_of(plan, country, by_country, places) for country in (*encoded.dictionary.to_pylist(), None)
    ]
    of_country = np.array(of_each, dtype=np.int64)[
        encoded.indices.fill_null(len(of_each) - 1).to_numpy(zero_copy_only=False)
    ]
    found = np.where(of_country == NOWHERE, found, of_country)
    for prefix in sorted((one for one in places if one.startswith("+")), key=len):
        found[mask_of(pc.starts_with(numbers, prefix))] = places.index(prefix)
    return found


def _place_of(plan: RoutePlan, country: str | None, known: Sequence[str], places: Sequence[str]) -> int:
    """Return the number of the rule for a country; ``NOWHERE`` where it has none of its own."""
    for one in (country, plan.homes.get(country or "")):
        if one in known:
            return places.index(one)
    return NOWHERE


def _named(frame: Frame, spec: PlanSpec) -> Mapping[str, Mask]:
    """Return of each gateway the rows that the route's rules give to it; all rows without a route."""
    size = len(frame)
    if spec.route is None:
        return {spec.gateway: np.ones(size, dtype=np.bool_)}
    found = {name: np.zeros(size, dtype=np.bool_) for name in spec.route.route.gateways}
    at = places_of(spec.route, frame["@country"], frame["@address"])
    for number, rule in enumerate(spec.route.route.rules.values()):
        for name in rule.gateways:
            found[name] |= at == number
    return found


def only_by(frame: Frame, spec: PlanSpec, closed: Mapping[str, Mask]) -> Mask:
    """Return the rows that every gateway they may go by is closed to."""
    if not closed:
        return np.zeros(len(frame), dtype=np.bool_)
    if spec.route is None:
        return closed.get(spec.gateway, np.zeros(len(frame), dtype=np.bool_))
    named = _named(frame, spec)
    has_any = np.any(list(named.values()), axis=0)
    is_open = [mine & ~closed[name] if name in closed else mine for name, mine in named.items()]
    found: Mask = has_any & ~np.any(is_open, axis=0)
    return found


def inside(frame: Frame, spec: PlanSpec) -> Mask:
    """Return the rows whose person wrote, within the channel's service window, to a gateway that they may go by."""
    assert spec.people.in_window is not None
    people = keys_of(frame["@address"])
    wrote = {name: among(people, keys) for name, keys in spec.people.in_window.items()}
    found = np.zeros(len(frame), dtype=np.bool_)
    for name, mine in _named(frame, spec).items():
        found |= mine & wrote[name]
    return found


def of_people(frame: Frame, members: Mapping[str, Keys]) -> dict[str, Mask]:
    """Return of each gateway which rows' people are in its set; gateways with an empty set are absent."""
    if not any(len(keys) for keys in members.values()):
        return {}
    people = keys_of(frame["@address"])
    return {name: among(people, keys) for name, keys in members.items() if len(keys)}


def beyond_ascii(frame: Frame, spec: PlanSpec) -> dict[str, Mask]:
    """Return of each gateway that refuses them the mailboxes with letters beyond ASCII.

    Domains are in ASCII already.
    """
    if not spec.ascii_mailboxes:
        return {}
    plain = pc.string_is_ascii(pc.fill_null(frame["@address"], ""))
    return dict.fromkeys(sorted(spec.ascii_mailboxes), ~mask_of(plain))


def closed_to(frame: Frame, compiled: CompiledSpec) -> dict[str, Mask]:
    """Return of each gateway the rows that it cannot take now, whatever the route says."""
    spec = compiled.spec
    found = of_people(frame, spec.people.unreachable)
    if compiled.channel.kind is Kind.EMAIL:
        found |= beyond_ascii(frame, spec)
    if spec.people.in_window is not None and WINDOW in frame:
        people = keys_of(frame["@address"])
        free = needs_window(frame["@content"])
        for name, keys in spec.people.in_window.items():
            shut = free & ~among(people, keys)
            found[name] = found[name] | shut if name in found else shut
    return found
