"""From a campaign file to a spec: everything is opened, compiled and looked up once, all problems told at once."""

from __future__ import annotations

from dataclasses import field, replace
from datetime import date

import numpy as np
import pyarrow as pa

from a2pcli.addresses.columns import keys_of
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.channels import channel_of, kind_of_channel
from a2pcli.config.campaign import Campaign, ContactsSource
from a2pcli.config.load import LoadedCampaign, LoadedSettings, occurrence_of, parse_share
from a2pcli.config.routes import gateways_of_campaign
from a2pcli.contacts.facts import FactColumn, Facts, recognise
from a2pcli.contacts.message_log import both_sides
from a2pcli.contacts.table import ReadOptions, Table, address_column, open_table
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem
from a2pcli.ledger.caps import Cap
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.planning.arms import arms_of
from a2pcli.planning.clocks import CapLookup, Clocks, Hours, hours_of
from a2pcli.planning.consent import asked_of, timed
from a2pcli.planning.email_files import source_at
from a2pcli.planning.looked_up import Remember, people_of
from a2pcli.planning.people import other_columns
from a2pcli.planning.reaching import reach_notes
from a2pcli.planning.refusals import FileRefusals, speaking, told_by_file
from a2pcli.planning.route_setup import route_plan
from a2pcli.planning.sender_setup import dlt_of, required_words, senders_of, template_countries
from a2pcli.planning.spec import (
    AddressColumn,
    CompiledSpec,
    PlanSpec,
    Timed,
)
from a2pcli.planning.unsubscribing import links_of, no_secret_notes, with_one_click
from a2pcli.planning.wording import Wording
from a2pcli.rules.copy_dlt import RULE as DLT_RULE
from a2pcli.rules.copy_leaving import COUNTRY_WORDING as WORDING_RULE
from a2pcli.rules.law import SAME_RANGE, Law, law_of
from a2pcli.rules.senders import Senders


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices made on the command line."""

    today: date
    limit: int | None = None
    occurrence: str | None = None
    now: int = field(default_factory=now_ms)
    ascii_mailboxes: frozenset[str] = frozenset()
    """The gateways that refuse email addresses with letters beyond ASCII before the @."""
    link_secret: bytes | None = None
    """The ledger's secret for unsubscribe links."""
    remember: Remember | None = None
    """How the lists of people who must not be messaged are looked up."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A campaign ready to be planned."""

    loaded: LoadedCampaign
    settings: LoadedSettings
    table: Table
    spec: PlanSpec
    compiled: CompiledSpec
    occasion: int
    """Number of the campaign's occurrence in the ledger; 0 if it has none yet."""
    occurrence: str
    wording: Wording
    hours: Hours
    cap_lookup: CapLookup
    told: FileRefusals
    warnings: tuple[Problem, ...] = ()
    """Problems found during preparation, shown with the plan."""
    others: tuple[Prepared, ...] = ()
    """The campaign's other channels, in order of preference."""

    @property
    def channels(self) -> tuple[Prepared, ...]:
        """The campaign on each of its channels, in order of preference."""
        return (self, *self.others)

    def new_clocks(self) -> Clocks:
        """Return the clocks for one pass over the contacts."""
        return Clocks(self.hours, self.cap_lookup)


def prepare(loaded: LoadedCampaign, settings: LoadedSettings, ledger: Ledger, choices: Choices) -> Prepared:
    """Open the contacts, compile the templates and look up exclusions. Raises ``InvalidInput`` with all problems."""
    found: list[Prepared] = []
    problems: list[Problem] = []
    for view in loaded.views:
        try:
            found.append(_prepared(view, settings, ledger, choices, found[0].table if found else None))
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(*dict.fromkeys(problems))
    return replace(found[0], others=tuple(found[1:])) if len(found) > 1 else found[0]


def _prepared(
    loaded: LoadedCampaign,
    settings: LoadedSettings,
    ledger: Ledger,
    choices: Choices,
    opened: Table | None,
) -> Prepared:
    """Prepare the campaign on one channel. ``opened`` are its contacts if already open."""
    campaign = loaded.campaign
    problems: list[Problem] = []
    warnings: list[Problem] = []
    table, address = _contacts(loaded, settings, problems, opened)
    occurrence = choices.occurrence or occurrence_of(campaign, choices.today)
    occasion = ledger.plans.known_occasion(campaign.name, occurrence)
    policy = phone_policy(loaded, settings)
    consent = asked_of(campaign.purpose, campaign.consent, settings.settings.consent, choices.now)
    facts = recognised(loaded, table, address)
    claims = speaking(facts, marketing=consent is not None, binds=binds(campaign.purpose))
    own = own_column(loaded, address)
    others = other_columns(table, own) if table and own else ()
    told = _told(
        loaded, settings, table, (own, *others) if own else (), claims, facts, policy, choices.now, problems
    )
    people = people_of(
        loaded, settings, ledger, programme_of(loaded, settings), occasion, policy, consent, choices.now,
        choices.remember, told, problems, warnings,
    )  # fmt: skip
    for name in gateways_of_campaign(loaded, settings):
        warnings += reach_notes(loaded, settings, name, ledger, choices.now)
    law = _law(settings, problems)
    senders = senders_of(loaded, settings, law)
    wording = Wording(loaded, settings, law, senders, programme_of(loaded, settings))
    hours = hours_of(campaign, settings.settings, law, programme_of(loaded, settings), choices.now)
    programme = programme_of(loaded, settings)
    warnings += no_secret_notes(loaded, settings, choices.link_secret)
    links = links_of(settings, table.columns if table else (), programme, choices.link_secret)
    spec = PlanSpec(
        campaign=campaign.name,
        folder=loaded.folder,
        channel=campaign.channel,
        gateway=gateway_name(loaded, settings),
        ascii_mailboxes=choices.ascii_mailboxes.intersection(gateways_of_campaign(loaded, settings)),
        sender=campaign.own_sender,
        media=tuple(campaign.media),
        arms=with_one_click(arms_of(loaded, problems), links, campaign.purpose),
        links=links,
        where=source_at(loaded, ("where",), campaign.where) if campaign.where else None,
        once_per=source_at(loaded, ("once_per",), campaign.once_per) if campaign.once_per else None,
        address=address or "",
        known=table.columns if table else (),
        policy=policy,
        locale=campaign.locale or settings.settings.locale,
        smart=settings.settings.smart if campaign.smart is None else campaign.smart,
        max_parts=campaign.limits.parts or settings.settings.parts.refuse,
        holdout=parse_share(campaign.holdout) if campaign.holdout else 0.0,
        exclude_unpriced=campaign.limits.unpriced == "exclude",
        rates=settings.folder / settings.settings.rates if settings.settings.rates else None,
        today=choices.today,
        people=people,
        limit=choices.limit,
        programme=programme,
        consent=consent,
        countries=tuple(
            one for country in campaign.countries or () for one in SAME_RANGE.get(country, (country,))
        ),
        must_say=_must_say(law, wording, campaign),
        facts=facts,
        others=others,
        speaking=claims,
        asked_at=choices.now,
        is_timed=hours.binds,
        senders=senders,
        route=route_plan(loaded, settings, senders, choices.today, problems),
        dlt=dlt_of(loaded, settings),
        dlt_countries=_registered_texts(law, senders, wording, campaign),
    )
    compiled = _compile(spec, problems) if table else None
    if problems or table is None or compiled is None:
        raise InvalidInput(*problems)
    return Prepared(
        loaded,
        settings,
        table,
        spec,
        compiled,
        occasion,
        occurrence,
        wording,
        hours,
        _cap_lookup_of(ledger, spec, campaign, choices.now),
        told,
        tuple(warnings),
    )


def gateway_name(loaded: LoadedCampaign, settings: LoadedSettings) -> str:
    """Return the name of the campaign's gateway in the settings; for a route, of its first gateway."""
    return gateways_of_campaign(loaded, settings)[0]


def programme_of(loaded: LoadedCampaign, settings: LoadedSettings) -> str:
    """Return the programme people subscribe to: the campaign's, else the settings'; "" if neither is set."""
    return loaded.campaign.programme or settings.settings.programme or ""


def contacts_source(campaign: Campaign) -> ContactsSource:
    """Return ``contacts:`` in its mapping form."""
    given = campaign.contacts
    return ContactsSource(file=given) if isinstance(given, str) else given


def open_contacts(loaded: LoadedCampaign, settings: LoadedSettings) -> Table:
    """Open the campaign's contacts file. Ambiguities that the campaign has to resolve are in the table's questions."""
    campaign = loaded.campaign
    source = contacts_source(campaign)
    options = ReadOptions(
        encoding=source.encoding,
        delimiter=source.delimiter,
        sheet=source.sheet,
        columns=source.columns,
        header=source.header,
        hidden_rows=source.hidden_rows,
        trim=True,
        empty=source.empty == "ok" or (source.empty is None and campaign.purpose != "marketing"),
        locale=campaign.locale or settings.settings.locale,
    )
    return open_table(source.file, base=loaded.folder, options=options)


def phone_policy(loaded: LoadedCampaign, settings: LoadedSettings) -> PhonePolicy:
    """Return how number cells are read; the campaign's region overrides the settings'."""
    numbers = settings.settings.numbers
    return PhonePolicy(
        region=contacts_source(loaded.campaign).region or settings.settings.region,
        allow_fictional=numbers.allow_fictional,
        allow_fixed_line=numbers.allow_fixed_line,
    )


def _contacts(
    loaded: LoadedCampaign, settings: LoadedSettings, problems: list[Problem], opened: Table | None
) -> tuple[Table | None, str | None]:
    try:
        table = opened or open_contacts(loaded, settings)
        problems += [*table.questions, *filter(None, [both_sides(table)])]
        return table, address_column(table, channel_of(loaded.campaign.channel).column)
    except A2PError as error:
        problems += error.problems
        return None, None


def own_column(loaded: LoadedCampaign, address: str | None) -> AddressColumn | None:
    """Return the column with the addresses of the campaign's channel."""
    channel = channel_of(loaded.campaign.channel)
    return None if address is None else AddressColumn(address, channel.kind, channel.network)


def recognised(loaded: LoadedCampaign, table: Table | None, address: str | None) -> Facts:
    """Return what the columns of the contacts file are read as."""
    if table is None:
        return Facts()
    source = contacts_source(loaded.campaign)
    return recognise(table.described, address, kind_of_channel(loaded.campaign.channel), source.ignore)


def _told(
    loaded: LoadedCampaign,
    settings: LoadedSettings,
    table: Table | None,
    addresses: tuple[AddressColumn, ...],
    claims: tuple[FactColumn, ...],
    facts: Facts,
    policy: PhonePolicy,
    now: int,
    problems: list[Problem],
) -> FileRefusals:
    if table is None or not addresses:
        return FileRefusals()
    try:
        locale = loaded.campaign.locale or settings.settings.locale
        return told_by_file(table, addresses, claims, policy, locale, facts.columns("country"), now=now)
    except A2PError as error:
        problems += error.problems
        return FileRefusals()


def _law(settings: LoadedSettings, problems: list[Problem]) -> Law:
    """Return the project's legal rules; the packaged ones if the project's changes are invalid."""
    try:
        return law_of(settings)
    except A2PError as error:
        problems += error.problems
        return Law.load()


def _registered_texts(law: Law, senders: Senders, wording: Wording, campaign: Campaign) -> tuple[str, ...]:
    """Return the countries whose messages must each match a registered text; empty if the account chooses the sender
    and no template is stated."""
    unknown = not senders.choices.all and senders.account is None and campaign.dlt is None
    if unknown or not wording.strictness.binds(DLT_RULE):
        return ()
    return template_countries(law, campaign.purpose, campaign.channel)


def _must_say(law: Law, wording: Wording, campaign: Campaign) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Return what each message to a country must contain, if a violation is an error."""
    if not wording.strictness.binds(WORDING_RULE):
        return {}
    return required_words(law, campaign.purpose, campaign.channel)


def _compile(spec: PlanSpec, problems: list[Problem]) -> CompiledSpec | None:
    try:
        return CompiledSpec(spec)
    except A2PError as error:
        problems += error.problems
        return None


def _cap_lookup_of(ledger: Ledger, spec: PlanSpec, campaign: Campaign, now: int) -> CapLookup:
    """Return a function that asks the ledger who reached a cap."""

    def cap_lookup(cap: Cap) -> Timed:
        addresses, free = ledger.messages.had_enough(
            cap, campaign=spec.campaign, programme=spec.programme, subject=campaign.subject or "", now=now
        )
        keys = keys_of(pa.array(addresses, pa.string()))
        return timed(keys, np.array(free, dtype=np.int64))

    return cap_lookup
