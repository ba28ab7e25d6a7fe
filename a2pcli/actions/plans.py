"""Plans and previews a campaign, or tries it on your own number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.audit import record_export
from a2pcli.actions.fallback_check import fallback_findings
from a2pcli.actions.gateway_check import ascii_mailboxes, campaign_gateway_problems
from a2pcli.actions.gateways import known_delivery
from a2pcli.actions.project import ledger_file
from a2pcli.actions.tables import Counting, spare, uncounted
from a2pcli.config.accounts import account_pace
from a2pcli.config.load import LoadedCampaign, LoadedSettings, Rate, load_campaign, load_settings, parse_rate
from a2pcli.config.routes import gateway_or_route, route_named
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem, Severity, UsageError, in_file_order
from a2pcli.planning.workers import Workers

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.likely import Past
    from a2pcli.planning.looked_up import Remember
    from a2pcli.planning.plan import Plan
    from a2pcli.planning.prepare import Prepared
    from a2pcli.planning.preview import Choose
    from a2pcli.planning.preview import PreviewedRow as PreviewedRow
    from a2pcli.reporting.rows import RowsFile


def unwarned(problems: Iterable[Problem]) -> None:
    """Ignores warnings: the default where no caller shows them."""


@dataclass(frozen=True, slots=True)
class OpenCampaign:
    """A campaign with its settings, ready to be planned into ``ledger``."""

    loaded: LoadedCampaign
    settings: LoadedSettings
    ledger: Ledger
    workers: Workers | None
    rate: Rate | None
    tell: Callable[[str], None]
    keeps: bool = True
    remember: Remember | None = None


@contextmanager
def opened(
    project: Project, campaign: Path, *, plan: bool = True, keeps: bool = True
) -> Iterator[OpenCampaign]:
    """Everything that works on a campaign. Workers start first: they import while this process opens files.

    ``keeps`` is false for what leaves nothing in the ledger, and makes none.
    """
    loaded, settings = load_both(campaign)
    workers = Workers.for_size(_size(loaded), emails=_makes_emails(loaded)) if plan else None
    try:
        rate = pace(loaded, settings)
        name = loaded.campaign.name
        with project.open_ledger(campaign=name) if keeps else project.ledger_or_empty(name) as store:
            yield OpenCampaign(loaded, settings, store, workers, rate, project.tell, keeps)
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
    """The slower of the campaign's pace and that of its gateway's account; None where nobody set one. Of several
    gateways, and of a route, each keeps its own pace (``planning.gateway_paces``), and this is the campaign's alone."""
    typed = loaded.campaign.limits.rate
    rates = [parse_rate(typed)] if typed else []
    names = {gateway_or_route(view, settings) for view in loaded.views}
    if len(names) == 1 and route_named(settings, name := names.pop()) is None:
        rates += account_pace(settings, name).rates
    if not rates:
        return None
    slowest = min(rate.per_second for rate in rates)
    # A message has one part at least, so the slower figure in parts keeps a pace in messages as well.
    return Rate(slowest, "parts" if any(rate.unit == "parts" for rate in rates) else "messages")


def prepared(
    open_campaign: OpenCampaign, *, limit: int | None = None, occurrence: str | None = None
) -> Prepared:
    """The campaign compiled, its contacts opened, those who stay out looked up."""
    from a2pcli.config.load import today_of
    from a2pcli.planning.prepare import Choices, prepare

    choices = Choices(
        today=today_of(open_campaign.loaded.campaign),
        limit=limit,
        occurrence=occurrence,
        ascii_mailboxes=ascii_mailboxes(open_campaign.loaded, open_campaign.settings),
        link_secret=_link_secret(open_campaign),
        remember=open_campaign.remember,
    )
    return prepare(open_campaign.loaded, open_campaign.settings, open_campaign.ledger, choices)


def _link_secret(open_campaign: OpenCampaign) -> bytes | None:
    """The ledger's secret for unsubscribe links; an example for what is only looked at before there is one."""
    from a2pcli.planning.unsubscribing import EXAMPLE

    if open_campaign.settings.settings.listen.public_url is None:
        return None
    found = open_campaign.ledger.people.link_secret(create=open_campaign.keeps)
    return EXAMPLE if found is None and not open_campaign.keeps else found


def prepared_to_send(
    open_campaign: OpenCampaign, *, limit: int | None = None, occurrence: str | None = None
) -> Prepared:
    """The same, and its gateways can be made. Raises ``InvalidInput`` with the problems of campaign, contacts and
    gateways at once."""
    problems = [
        one
        for one in campaign_gateway_problems(open_campaign.loaded, open_campaign.settings)
        if one.severity is Severity.ERROR
    ]
    try:
        ready = prepared(open_campaign, limit=limit, occurrence=occurrence)
    except InvalidInput as error:
        raise InvalidInput(*in_file_order(dict.fromkeys([*problems, *error.problems]))) from error
    if problems:
        raise InvalidInput(*in_file_order(problems))
    return ready


@dataclass(frozen=True, slots=True)
class MadePlan:
    """A frozen plan, and the run of its occasion that is not finished, with how many of its messages are left."""

    run: Run
    over_budget: str | None
    unfinished: Run | None = None
    left: int = 0


def plan(
    project: Project,
    campaign: Path,
    *,
    out: Path | None = None,
    limit: int | None = None,
    budget: str | None = None,
    occurrence: str | None = None,
    counting: Counting = uncounted,
    warn: Callable[[Iterable[Problem]], None] = unwarned,
) -> MadePlan:
    """Freeze a plan in the ledger: the same path as ``send``, up to the last step. Nothing is sent.

    ``budget`` is like ``50 GBP``; ``out`` takes every row. ``counting`` hears of large files only. ``warn`` gets what
    is worth a look, before the rows are read and after. Audit: ``plan.make``, ``plan.waive``, ``export``.
    """
    check_budget(budget)
    with opened(project, campaign) as open_campaign:
        ready = prepared_to_send(open_campaign, limit=limit, occurrence=occurrence)
        made = make(open_campaign, ready, budget=budget, out=out, counting=counting, warn=warn)
        run = open_campaign.ledger.runs.unfinished(made.run.occasion)
        totals = None if run is None else open_campaign.ledger.runs.totals(run)
        # What was on its way when a sender was killed is settled as unknown, and not sent again.
        left = totals.count("planned") or totals.count("submitting") if totals else 0
        return MadePlan(made.run, made.over_budget, run if left else None, left)


def make(
    open_campaign: OpenCampaign,
    ready: Prepared,
    *,
    budget: str | None = None,
    out: Path | None = None,
    counting: Counting = uncounted,
    warn: Callable[[Iterable[Problem]], None] = unwarned,
) -> Plan:
    """Freeze the plan of a campaign that is open. Audit: as ``plan``."""
    from a2pcli.actions.capacity import load_of
    from a2pcli.planning.campaign_check import findings
    from a2pcli.planning.plan import make_plan
    from a2pcli.planning.route_tally import gateways_of_spec

    if out is not None:
        spare("--out", out, _inputs(open_campaign, ready))
    if open_campaign.workers is not None:
        open_campaign.workers.compile(tuple(one.spec for one in ready.channels))
    found = findings(open_campaign.loaded, open_campaign.settings, ready.table)
    found += tuple(fallback_findings(open_campaign.loaded, open_campaign.settings))
    found += tuple(
        one
        for one in campaign_gateway_problems(open_campaign.loaded, open_campaign.settings)
        if one.severity is Severity.WARNING
    )
    told = [one for one in found if one.severity is not Severity.ERROR]
    warn(dict.fromkeys([*ready.table.notes, *told]))
    try:
        with uncounted() if open_campaign.workers is None else counting() as progress:
            made = make_plan(
                ready,
                open_campaign.ledger,
                rate=open_campaign.rate,
                budget=budget,
                workers=open_campaign.workers,
                out=None if out is None else _rows_file(out, ready),
                progress=progress,
                findings=[_as_warning(one) for one in found],
                gateway=known_delivery(
                    open_campaign.settings,
                    {one.spec.channel: gateways_of_spec(one.spec) for one in ready.channels},
                ),
                load=load_of(open_campaign.ledger, open_campaign.settings, ready),
                past=_past(open_campaign, ready),
            )
    except KeyboardInterrupt:
        open_campaign.tell("stopped: no plan was saved, and nothing was sent")
        raise
    places = {(one.code, one.place) for one in told}
    warn(one for one in made.warnings if (one.code, one.place) not in places)
    _record(open_campaign, made, out)
    return made


def _past(open_campaign: OpenCampaign, ready: Prepared) -> Past | None:
    """What the ledger knows of earlier messages by the campaign's channels."""
    if not ready.others:
        return None
    from a2pcli.actions.fallback_check import ending_channels
    from a2pcli.planning.likely import past_of

    ending = ending_channels(open_campaign.loaded, open_campaign.settings)
    return past_of(ready, open_campaign.ledger, ending, ready.hours.now)


def _record(open_campaign: OpenCampaign, made: Plan, out: Path | None) -> None:
    """The file the plan was written to. The ledger records the plan itself, in the transaction that finishes it."""
    run, ledger = made.run, open_campaign.ledger
    if ledger.known is not None:
        ledger.known.note(ledger, run.campaign)
    if out is not None:
        record_export(ledger, "plan", out, run.rows_read or 0, run)


def discard(ledger: Ledger, run: Run) -> None:
    """Take back a plan that nobody needs. Audit: ``plan.discard``."""
    with ledger.transaction():
        ledger.plans.discard(run)
        ledger.audit.add("plan.discard", run.id, {"campaign": run.campaign})


def check_budget(budget: str | None) -> None:
    """A budget that cannot be read is said before anything is planned. Raises ``UsageError``."""
    if budget is None:
        return  # and nothing is imported: the workers ought to start first
    from a2pcli.content.prices import parse_budget

    try:
        parse_budget(budget)
    except InvalidInput as error:
        raise UsageError(*(f"--max-cost: {problem.message}" for problem in error.problems)) from error


def _rows_file(out: Path, ready: Prepared) -> RowsFile:
    """The file of ``--out``. One-time codes belong into no file."""
    from a2pcli.reporting.rows import RowsFile

    return RowsFile(
        out, ready.spec.sender, channel=ready.spec.channel, texts=ready.loaded.campaign.purpose != "otp"
    )


def _as_warning(one: Problem) -> Problem:
    """What ``check`` calls an error and a plan was made all the same: it concerns single rows, which are left out with
    a reason. An error that stops a plan is raised by the plan itself."""
    return replace(one, severity=Severity.WARNING) if one.severity is Severity.ERROR else one


def _inputs(open_campaign: OpenCampaign, ready: Prepared) -> dict[str, Path | None]:
    """Paths of the campaign, settings, contacts and rate card, by what they are."""
    from a2pcli.planning.plan import contacts_path

    return {
        "the contacts file": Path(contacts_path(ready.loaded)),
        "the campaign": ready.loaded.path,
        "the settings file": ready.settings.path,
        "the rate card": ready.spec.rates,
        "the ledger": ledger_file(open_campaign.ledger),
    }


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows a preview shows; one of these, else the first recipient. ``line`` is the file's."""

    number: str | None = None
    line: int | None = None
    random: int | None = None
    seed: int = 0
    longest: bool = False
    costliest: bool = False

    @property
    def needs_all(self) -> bool:
        """Whether all rows must be planned to find them."""
        return self.number is not None or self.random is not None or self.longest or self.costliest


@dataclass(frozen=True, slots=True)
class Previewed:
    """Messages as people would see them; ``senders`` by channel are those of rows which have none of their own.
    ``falls_back``: whether the campaign tries the next channel if one fails."""

    campaign: str
    senders: Mapping[str, str | None]
    rows: list[PreviewedRow]
    falls_back: bool = False


def preview(project: Project, campaign: Path, choice: Choice, channel: str | None = None) -> Previewed:
    """Messages of a campaign as it is now; with ``channel`` as that one sends them. Nothing is stored or sent.

    Raises ``UsageError`` for a channel that is not the campaign's.
    """
    from a2pcli.planning import preview as choosing

    with opened(project, campaign, plan=choice.needs_all, keeps=False) as open_campaign:
        ready = prepared(open_campaign)
        senders = {one.spec.channel: one.spec.sender for one in ready.channels}
        if channel is not None and channel not in senders:
            named = ", ".join(senders)
            raise UsageError(f"--channel {channel}: the campaign has no such channel; it has {named}")
        rows = choosing.preview(ready, _chooser(ready, choice), open_campaign.workers, channel)
        falls_back = (ready.loaded.whole or ready.loaded).campaign.fallback is not None
        return Previewed(ready.spec.campaign, senders, rows, falls_back)


def _chooser(ready: Prepared, choice: Choice) -> Choose:
    from a2pcli.addresses.any_address import any_address
    from a2pcli.planning import preview as choosing

    if choice.number is not None:
        network = ready.compiled.channel.network
        found = any_address(choice.number, ready.spec.policy.region, network)
        return choosing.by_address(found.address, choice.number)
    if choice.line is not None:
        return choosing.by_line(choice.line)
    if choice.random is not None:
        return choosing.at_random(choice.random, choice.seed)
    if choice.longest or choice.costliest:
        return choosing.greatest("units" if choice.longest else "cost")
    return choosing.first(1)


def _makes_emails(loaded: LoadedCampaign) -> bool:
    """Whether each row becomes an HTML email."""
    return any(
        one.campaign.channel == "email"
        and one.campaign.email is not None
        and one.campaign.email.html is not None
        for one in loaded.views
    )


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
