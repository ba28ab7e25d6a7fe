"""The suppression list, address by address: add, lift, look up, list. Files of them are in ``optout_import``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from itertools import islice
from typing import TYPE_CHECKING

from a2pcli.actions.addresses import ReadAddresses, is_own, own_numbers, read_addresses
from a2pcli.actions.audit import About, recorded, user
from a2pcli.channels import NAMES
from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import Suppression, now_ms
from a2pcli.ledger.sender_names import sender_key

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.ledger.lists import ImportedList


@dataclass(frozen=True, slots=True)
class Scope:
    """For what an opt-out holds: ``everything``, or one programme, sender or channel."""

    kind: str = "everything"
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}={self.value}" if self.value else self.kind

    @property
    def key(self) -> tuple[str, str]:
        """What two spellings of one scope have in common: a sender's name in any case, its number in any form."""
        return self.kind, sender_key(self.value) if self.kind == "sender" else self.value

    @property
    def words(self) -> str:
        """What is kept away: ``every message``, ``messages from ACME``, …"""
        return {
            "everything": "every message",
            "sender": f"messages from {self.value}",
            "programme": f"the programme {self.value}",
            "channel": f"the channel {self.value}",
        }[self.kind]

    @staticmethod
    def of(entry: Suppression) -> Scope:
        """The ``Scope`` of a suppression list entry."""
        return Scope(entry.scope, entry.scope_value)


EVERYTHING = Scope()

CHANNELS = NAMES
"""What a scope or a consent may name as its channel."""


@dataclass(frozen=True, slots=True)
class Added:
    """What ``add_optouts`` did: number -> whether its entry is new. ``own`` are numbers that are senders of ours."""

    read: ReadAddresses
    added: dict[str, bool] = field(default_factory=dict)
    own: tuple[str, ...] = ()


def add_optouts(
    project: Project,
    cells: Sequence[str],
    *,
    scope: Scope = EVERYTHING,
    until_at: int | None = None,
    reason: str | None = None,
    source: str | None = None,
    region: str | None = None,
) -> Added:
    """Suppress the numbers that can be read; the others are among the ``problems`` of ``read``.

    ``until_at`` is UTC milliseconds; None holds for good. A number that is on the list for as long already keeps its
    entry. Audit: ``optout.add``.
    """
    settings = project.number_settings()
    done = Added(read_addresses(cells, region or settings.settings.region))
    if not done.read.addresses:
        return done
    with project.ledger_to_record() as ledger:
        own = own_numbers(settings, ledger)
        with recorded(ledger, "optout.add", lambda: _about(done.added, scope)):
            for number in done.read.addresses:
                done.added[number] = ledger.optouts.add(
                    number,
                    scope=scope.kind,
                    scope_value=scope.value,
                    source=source or f"by hand ({user()})",
                    reason=reason,
                    until_at=until_at,
                )
    return Added(done.read, done.added, tuple(number for number in done.added if is_own(number, own)))


def _about(changed: Mapping[str, int], scope: Scope) -> About | None:
    """Hashes of the people whose entries were changed, for the audit entry."""
    people = [number for number, count in changed.items() if count]
    return About(detail={"scope": scope.words}, people=people) if people else None


@dataclass(frozen=True, slots=True)
class Lifted:
    """What ``lift_optouts`` did: number -> how many entries ended."""

    read: ReadAddresses
    lifted: dict[str, int]


def lift_optouts(
    project: Project,
    cells: Sequence[str],
    *,
    scope: Scope | None = None,
    by: str | None = None,
    region: str | None = None,
) -> Lifted:
    """End the entries of these numbers, in one scope or (None) all; they stay in the history.

    Audit: ``optout.remove``.
    """
    done = Lifted(read_addresses(cells, region or project.number_settings().settings.region), {})
    done.lifted.update(dict.fromkeys(done.read.addresses, 0))
    kind, value = (None, "") if scope is None else (scope.kind, scope.value)
    with project.existing_ledger(to_write=True) as ledger:
        if ledger is None:
            return done
        with recorded(ledger, "optout.remove", lambda: _about(done.lifted, scope or EVERYTHING)):
            for number in done.read.addresses:
                done.lifted[number] = ledger.optouts.lift(
                    number, scope=kind, scope_value=value, by=by or user()
                )
    return done


@dataclass(frozen=True, slots=True)
class OptOutCheck:
    """What is known of a number: every entry, those that hold, and of these those that were asked about."""

    read: ReadAddresses
    now: int
    entries: list[Suppression]
    holding: list[Suppression]
    found: list[Suppression]

    @property
    def number(self) -> str:
        """The address in its normal spelling; E.164 for a phone number."""
        return self.read.one()


def look_up_optout(
    project: Project, cell: str, scopes: Sequence[Scope] = (), *, region: str | None = None
) -> OptOutCheck:
    """Whether a number is suppressed: from everything, or in one of the scopes. Raises ``UsageError`` for none."""
    read = read_addresses([cell], region or project.number_settings().settings.region)
    number, now = read.one(), now_ms()
    with project.existing_ledger() as ledger:
        entries = ledger.optouts.of(number) if ledger else []
    holding = [entry for entry in entries if entry.holds(now)]
    wanted = {one.key for one in (EVERYTHING, *scopes)}
    return OptOutCheck(read, now, entries, holding, [one for one in holding if Scope.of(one).key in wanted])


@dataclass(frozen=True, slots=True)
class OptOutList:
    """The list as it is at ``now``: how many entries hold, the lists that were imported, and entries as they come."""

    now: int
    count: int
    lists: list[ImportedList]
    entries: Iterator[Suppression]


@contextmanager
def optout_list(project: Project, limit: int | None, *, lifted: bool = False) -> Iterator[OptOutList]:
    """The newest entries first, ``limit`` at most; with ``lifted`` those that no longer hold too."""
    now = now_ms()
    with project.existing_ledger() as ledger:
        if ledger is None:
            yield OptOutList(now, 0, [], iter(()))
            return
        entries = islice(ledger.optouts.all(lifted=lifted, newest=True, now=now), limit)
        yield OptOutList(now, ledger.optouts.count(now), ledger.optouts.lists(), entries)
