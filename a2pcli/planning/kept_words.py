"""Stages for texts that the law prescribes: registered templates, and words that a country wants."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.frame import Frame
from a2pcli.planning.frames import alive, drop, mask_of
from a2pcli.planning.senders import refuse_other_texts
from a2pcli.planning.spec import CompiledSpec
from a2pcli.reasons import Reason


def template_kept(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude messages that do not match the registered text, if one is required."""
    if compiled.spec.dlt_countries:
        refuse_other_texts(frame, compiled.spec.dlt, compiled.spec.dlt_countries)


def wording_kept(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude messages without the words that the law of their country requires."""
    if not compiled.spec.must_say:
        return
    countries = frame["@country"]
    for country in pc.unique(countries.filter(pa.array(alive(frame)))).to_pylist():
        for pattern, words, rule in compiled.spec.must_say.get(country, ()):
            said = pc.match_substring_regex(pc.fill_null(frame["@body"], ""), pattern, ignore_case=True)
            without = mask_of(pc.and_(pc.equal(countries, country), pc.invert(said)))
            drop(frame, without, Reason.COPY_RULE, f"a message to {country} must contain '{words}'", rule)
