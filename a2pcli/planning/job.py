"""What a plan is made from: everything a worker process needs, picklable, and the same once compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from a2pcli.contacts.phones import PhonePolicy
from a2pcli.content.prices import RateCard
from a2pcli.content.templates import (
    Expression,
    MessageTemplate,
    SourcePlace,
    compile_expression,
    compile_template,
)
from a2pcli.planning.frames import Keys


def no_keys() -> Keys:
    """An empty set of people."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Source:
    """A template as written, and where it stands."""

    text: str
    place: SourcePlace


@dataclass(frozen=True, slots=True)
class Arm:
    """One message text: the campaign's only one (named None), or one arm of a split test."""

    name: str | None
    weight: int
    source: Source


@dataclass(frozen=True, slots=True)
class People:
    """Sets of people (sorted keys, see ``people``) who stay out, each for its reason."""

    suppressed: Keys = field(default_factory=no_keys)
    excluded_list: Keys = field(default_factory=no_keys)
    excluded_runs: Keys = field(default_factory=no_keys)
    reached: Keys = field(default_factory=no_keys)


@dataclass(frozen=True, slots=True)
class Job:
    """The work of planning one campaign over one contacts file."""

    campaign: str
    folder: Path
    channel: str
    gateway: str
    sender: str | None
    media: tuple[str, ...]
    arms: tuple[Arm, ...]
    where: Source | None
    once_per: Source | None
    address: str
    known: tuple[str, ...]
    policy: PhonePolicy
    locale: str
    smart: bool
    max_parts: int
    holdout: float
    exclude_unpriced: bool
    rates: Path | None
    today: date
    people: People
    limit: int | None = None
    programme: str = ""


class Compiled:
    """A job with its templates compiled and its rate card read: made once a process."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.messages: tuple[MessageTemplate, ...] = tuple(self._template(arm.source) for arm in job.arms)
        self.weights = {arm.name or "": arm.weight for arm in job.arms}
        self.once_per = self._template(job.once_per) if job.once_per else None
        self.where: Expression | None = None
        if job.where:
            self.where = compile_expression(
                job.where.text, where=job.where.place, folder=job.folder, locale=job.locale, known=job.known
            )
        self.rates = RateCard.load(job.rates) if job.rates else None

    def _template(self, source: Source) -> MessageTemplate:
        job = self.job
        return compile_template(
            source.text, where=source.place, folder=job.folder, locale=job.locale, known=job.known
        )

    @property
    def columns(self) -> frozenset[str]:
        """The contact columns that have to be read."""
        needed = {self.job.address}
        for template in (*self.messages, self.once_per, self.where):
            if template is not None:
                needed |= template.columns
        return frozenset(needed)
