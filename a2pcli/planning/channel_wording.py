"""The texts of a campaign on every channel under the copy rules; an error on any of them stops the plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from a2pcli.errors import Problem
from a2pcli.planning.prepare import Prepared


def texts_under_rules(prepared: Prepared) -> Iterator[Problem]:
    """Yield warnings about the texts. Raises ``InvalidInput`` if one is an error."""
    for one in prepared.channels:
        yield from one.wording.before(one.compiled.messages, prepared.table.columns)


def messages_under_rules(
    prepared: Prepared, countries: Iterable[str], samples: Iterable[Mapping[str, Any]]
) -> Iterator[Problem]:
    """Yield warnings that depend on the recipients' countries and on sample messages. Raises ``InvalidInput`` if one is
    an error."""
    countries, samples = [*countries], [*samples]
    for one in prepared.channels:
        mine = [sample for sample in samples if sample.get("channel", one.spec.channel) == one.spec.channel]
        yield from one.wording.after(one.compiled.messages, countries, mine)
