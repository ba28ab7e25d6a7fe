"""Who each message comes from: chosen by the destination, and the same for a person every time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.frame import Frame
from a2pcli.planning.frames import drop, mask_of
from a2pcli.planning.people import keys_of
from a2pcli.reasons import Reason
from a2pcli.rules.copy_dlt import RULE as DLT_RULE
from a2pcli.rules.copy_dlt import DltTemplate
from a2pcli.rules.senders import Senders, sticky


def choose_senders(frame: Frame, senders: Senders) -> None:
    """Set ``@sender`` of every row; null for the run's own.

    The sender depends on the country; within a pool, on the person.
    """
    countries = frame["@country"]
    own = senders.choices.own
    pools: dict[tuple[str | None, ...], list[str | None]] = {}
    for country in pc.unique(countries).to_pylist():
        pool = senders.verdict(country).senders
        if pool and pool != (own,):
            pools.setdefault(pool, []).append(country)
    chosen = pa.nulls(len(frame), pa.string())
    for pool, members in pools.items():
        here = pc.is_in(countries, pa.array(members, pa.string()))
        chosen = pc.if_else(here, _of_pool(frame, pool), chosen)
    frame["@sender"] = chosen


def _of_pool(frame: Frame, pool: tuple[str | None, ...]) -> pa.Array:
    """Return each row's sender from a pool, chosen by its address."""
    names = pa.array(pool, pa.string())
    if len(pool) == 1:
        return names[0]
    people = keys_of(frame["@address"])
    return names.take(pa.array(sticky(people, [str(name) for name in pool])))


def refuse_without_sender(frame: Frame, senders: Senders) -> None:
    """Exclude rows whose country has no permitted sender, naming the rule."""
    countries = frame["@country"]
    for country in pc.unique(countries).to_pylist():
        verdict = senders.verdict(country)
        if not verdict.senders:
            here = pc.is_null(countries) if country is None else pc.equal(countries, country)
            drop(frame, mask_of(here), Reason.NO_SENDER, verdict.detail, verdict.rule)


def refuse_other_texts(frame: Frame, template: DltTemplate | None, countries: tuple[str, ...]) -> None:
    """Exclude rows whose text does not match the registered one, in countries that require one."""
    there = mask_of(pc.is_in(frame["@country"], pa.array(countries, pa.string())))
    if not there.any():
        return
    if template is None or template.pattern is None:
        detail = "a registered template is required: set its id and text under dlt:"
        drop(frame, there, Reason.COPY_RULE, detail, DLT_RULE)
        return
    matches = np.zeros(len(frame), dtype=np.bool_)
    matches[there] = mask_of(
        pc.match_substring_regex(frame["@body"].filter(pa.array(there)), template.pattern)
    )
    detail = f"the text does not match the DLT template {template.template}"
    drop(frame, there & ~matches, Reason.COPY_RULE, detail, DLT_RULE)
