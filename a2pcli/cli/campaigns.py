"""What ``plan``, ``send`` and ``preview`` share: finding the files, starting workers early, planning with progress."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.cli.ledger_option import ledger_file, open_ledger
from a2pcli.config.accounts import account_pace
from a2pcli.config.load import (
    LoadedCampaign,
    LoadedSettings,
    Rate,
    load_campaign,
    load_settings,
    parse_rate,
)
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem
from a2pcli.planning.workers import Workers

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.plan import Plan
    from a2pcli.planning.prepare import Prepared
    from a2pcli.reporting.plan_rows import RowsFile


@dataclass(frozen=True, slots=True)
class Opened:
    """A campaign with its settings, ready to be planned into ``ledger``."""

    loaded: LoadedCampaign
    settings: LoadedSettings
    ledger: Ledger
    workers: Workers | None
    rate: Rate | None


@contextmanager
def opened(campaign: Path, ledger: str | None, *, plan: bool = True, ask: bool = True) -> Iterator[Opened]:
    """Everything a campaign command works on. Workers start first: they import while this process opens files.

    Without ``ask`` nobody is asked about a ledger that is gone: it is an error.
    """
    loaded, settings = load_both(campaign)
    workers = Workers.for_size(_size(loaded)) if plan else None
    try:
        rate = pace(loaded, settings)
        name = loaded.campaign.name
        with open_ledger(ledger, campaign, campaign=name, ask=ask) as store:
            yield Opened(loaded, settings, store, workers, rate)
    finally:
        if workers is not None:
            workers.close()


def load_both(campaign: Path) -> tuple[LoadedCampaign, LoadedSettings]:
    """Campaign and settings; the problems of both at once."""
    problems: list[Problem] = []
    loaded, settings = None, None
    try:
        loaded = load_campaign(campaign)
    except A2PError as error:
        problems += error.problems
    try:
        settings = load_settings(campaign)
    except A2PError as error:
        problems += error.problems
    if problems or loaded is None or settings is None:
        raise InvalidInput(*problems)
    return loaded, settings


def pace(loaded: LoadedCampaign, settings: LoadedSettings) -> Rate | None:
    """The slower of the campaign's pace and that of the gateway's account; None where nobody set one."""
    typed = loaded.campaign.limits.rate
    rates = [parse_rate(typed)] if typed else []
    rates += account_pace(settings, gateway_name(loaded, settings)).rates
    if not rates:
        return None
    slowest = min(rate.per_second for rate in rates)
    # A message has one part at least, so the slower figure in parts keeps a pace in messages as well.
    return Rate(slowest, "parts" if any(rate.unit == "parts" for rate in rates) else "messages")


def prepared(work: Opened, *, limit: int | None = None, occurrence: str | None = None) -> Prepared:
    """The campaign compiled, its contacts opened, those who stay out looked up."""
    from a2pcli.config.load import today_of
    from a2pcli.planning.prepare import Choices, prepare

    choices = Choices(today=today_of(work.loaded.campaign), limit=limit, occurrence=occurrence)
    return prepare(work.loaded, work.settings, work.ledger, choices)


def plan_with_progress(
    work: Opened, ready: Prepared, *, budget: str | None = None, out: Path | None = None
) -> Plan:
    """Freeze the plan, with a counter on stderr while a large file is read."""
    from a2pcli.cli.auditing import planned
    from a2pcli.cli.gateway_choice import known_delivery
    from a2pcli.cli.terminal.counter import RowCounter
    from a2pcli.cli.terminal.output import say, spare
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import Severity
    from a2pcli.planning.check import findings
    from a2pcli.planning.plan import make_plan

    if out is not None:
        spare("--out", out, _inputs(work, ready))
    found = findings(work.loaded, work.settings, ready.table)
    told = [one for one in found if one.severity is not Severity.ERROR]
    show_problems(dict.fromkeys([*ready.table.notes, *told]))
    try:
        with RowCounter("planning", work.workers is not None) as counter:
            made = make_plan(
                ready,
                work.ledger,
                rate=work.rate,
                budget=budget,
                workers=work.workers,
                out=None if out is None else _rows_file(out, ready),
                progress=counter.at,
                findings=[_as_warning(one) for one in found],
                gateway=known_delivery(work.settings, ready.job.gateway),
            )
        places = {(one.code, one.place) for one in told}
        show_problems(one for one in made.warnings if (one.code, one.place) not in places)
        planned(work.ledger, made.run, work.loaded.campaign.waive, out)
        return made
    except KeyboardInterrupt:
        say("stopped: no plan was kept, and nothing was sent")
        raise


def _rows_file(out: Path, ready: Prepared) -> RowsFile:
    """The file of ``--out``. One-time codes belong into no file."""
    from a2pcli.reporting.plan_rows import RowsFile

    return RowsFile(out, ready.job.sender, texts=ready.loaded.campaign.purpose != "otp")


def _as_warning(one: Problem) -> Problem:
    """What ``check`` calls an error and a plan was made all the same: it concerns single rows, which are left out with
    a reason. An error that stops a plan is raised by the plan itself."""
    from dataclasses import replace

    from a2pcli.errors import Severity

    return replace(one, severity=Severity.WARNING) if one.severity is Severity.ERROR else one


def _inputs(work: Opened, ready: Prepared) -> dict[str, Path | None]:
    """The files a plan is made from."""
    from a2pcli.planning.plan import contacts_path

    return {
        "the contacts file": Path(contacts_path(ready.loaded)),
        "the campaign": ready.loaded.path,
        "the settings file": ready.settings.path,
        "the rate card": ready.job.rates,
        "the ledger": ledger_file(work.ledger),
    }


def gateway_name(loaded: LoadedCampaign, settings: LoadedSettings) -> str:
    """The gateway the campaign goes through, by its name in the settings."""
    return loaded.campaign.gateway or settings.settings.gateway


def _size(loaded: LoadedCampaign) -> int | None:
    """Bytes of the contacts file; None for stdin."""
    contacts = loaded.campaign.contacts
    file = contacts if isinstance(contacts, str) else contacts.file
    if file == "-":
        return None
    try:
        return os.stat(loaded.folder / file).st_size  # noqa: PTH116 - one call, before anything is imported
    except (OSError, ValueError):  # reading it will say what is wrong
        return 0
