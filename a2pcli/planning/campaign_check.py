"""Everything that can be told about a campaign before it is planned: errors, and what costs money or trust.

Each step gives problems with places and none stops the next, so that a person sees all of them at once. The
contacts are looked at in a sample from the start of the file: a check is quick however long the file is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import field, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TypeVar

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channel_of
from a2pcli.config import environment
from a2pcli.config.accounts import account_findings
from a2pcli.config.blocks import Loc
from a2pcli.config.load import (
    STAND_INS,
    LoadedCampaign,
    LoadedSettings,
    examine_campaign,
    examine_settings,
    today_of,
)
from a2pcli.config.routes import gateways_of_campaign
from a2pcli.contacts.message_log import both_sides
from a2pcli.contacts.table import Table, address_column, open_table
from a2pcli.content.prices import RateCard
from a2pcli.content.smart import plain
from a2pcli.content.templates import (
    Expression,
    MessageTemplate,
    compile_expression,
    compile_template,
)
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem, Severity, in_file_order
from a2pcli.ledger.optouts import binds
from a2pcli.planning.check_bounds import budget_findings, schedule_findings
from a2pcli.planning.consent import asked_of
from a2pcli.planning.content_check import ContentCheck, Files
from a2pcli.planning.email_files import source_place, spot_in
from a2pcli.planning.lint import RULES, Finding
from a2pcli.planning.people import address_columns
from a2pcli.planning.prepare import (
    open_contacts,
    phone_policy,
    programme_of,
    recognised,
)
from a2pcli.planning.reading import read_as, reading_problems
from a2pcli.planning.refusals import FileRefusals, speaking, told_by_file
from a2pcli.planning.route_setup import route_findings
from a2pcli.planning.sample import RENDERED, Sample, SampledPeople, TextLimits, sampled_people, take_sample
from a2pcli.planning.sender_setup import dlt_of, senders_of, template_countries
from a2pcli.planning.spec import AddressColumn, where_columns
from a2pcli.planning.unsubscribing import add_examples, with_link
from a2pcli.planning.wording import Wording
from a2pcli.rules.copy_dlt import RULE as DLT_RULE
from a2pcli.rules.law import Law, law_of

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of checking a campaign file. ``campaign`` and ``settings`` are None if they could not be read."""

    path: Path
    campaign: LoadedCampaign | None
    settings: LoadedSettings | None
    problems: tuple[Problem, ...]
    waivers: tuple[Mapping[str, object], ...] = ()
    read_as: Mapping[str, list[str]] = field(default_factory=dict)
    """What each column of the contacts file is read as."""
    files: Files = field(default_factory=Files)

    @property
    def name(self) -> str | None:
        """The campaign's name, if it is valid."""
        name = self.campaign.campaign.name if self.campaign else None
        return None if name == STAND_INS["name"] else name


def check_campaign(path: Path) -> Checked:
    """Return every problem of a campaign, its settings, templates and contacts."""
    problems: list[Problem] = []
    campaign = settings = None
    if found := _attempt(problems, lambda: examine_campaign(path)):
        campaign = found[0]
        problems += found[1]
    if found_settings := _attempt(problems, lambda: examine_settings(path)):
        settings = found_settings[0]
        problems += found_settings[1]
    if settings is not None and settings.path is not None:
        problems += environment.warnings(settings.folder)
    checked = Checked(path, campaign, settings, ())
    if campaign is not None and settings is not None:
        checks = [_Check(view, settings) for view in campaign.views]
        problems += [problem for check in checks for problem in check.problems()]
        columns = {name: read for check in checks for name, read in check.read_as.items()}
        for check in checks:
            checked.files.add(check.files)
        waivers = tuple(checks[0].wording.waivers())
        checked = replace(checked, waivers=waivers, read_as=columns)
    return replace(checked, problems=in_file_order(dict.fromkeys(problems)))


def findings(
    campaign: LoadedCampaign, settings: LoadedSettings, table: Table | None = None
) -> tuple[Problem, ...]:
    """Return what ``check`` reports about a loaded campaign, for a plan to show. ``table`` are its contacts if
    already open, since opening a workbook reads all of it."""
    found = [problem for view in campaign.views for problem in _Check(view, settings, table).problems()]
    return in_file_order(dict.fromkeys(found))


def _attempt(problems: list[Problem], step: Callable[[], Thing]) -> Thing | None:
    """Return the result of a step; if it raises ``A2PError``, keep its problems and return None."""
    try:
        return step()
    except A2PError as error:
        problems += error.problems
        return None


class _Check:
    """Checks one campaign with its settings, on one channel."""

    def __init__(
        self, campaign: LoadedCampaign, settings: LoadedSettings, table: Table | None = None
    ) -> None:
        self.opened = table
        self.loaded = campaign
        self.campaign = campaign.campaign
        self.channel = channel_of(campaign.campaign.channel)
        self.document = campaign.document
        self.settings = settings
        self.found: list[Problem] = []
        self.read_as: Mapping[str, list[str]] = {}
        self.files = Files()
        self.residence: tuple[str, ...] = ()
        law = _attempt(self.found, lambda: law_of(settings)) or Law.load()
        self.law = law
        self.senders = senders_of(campaign, settings, law)
        self.wording = Wording(campaign, settings, law, self.senders, programme_of(campaign, settings))
        self.smart = self.wording.smart

    def problems(self) -> list[Problem]:
        """Run every check and return all problems."""
        table = self._contacts()
        where = self._compiled(("where",), self.campaign.where, compile_expression, table, where_columns)
        known = partial(with_link, self.settings)
        once = self._compiled(("once_per",), self.campaign.once_per, compile_template, table)
        contents = ContentCheck(self.loaded, self.settings, table)
        template_of = partial(compile_template, long=self.channel.kind is Kind.EMAIL)
        messages = {
            loc: contents.words_template(str(loc[1]) if loc[0] == "variants" else None)
            if self.wording.is_marked(loc)
            else self._compiled(loc, text, template_of, table, known)
            for loc, text in self.wording.texts().items()
        }
        sample = self._sample(table, where, [*messages.values(), *contents.templates(), once])
        self.found += contents.problems(sample)
        self.files = contents.files
        if table is not None:
            self.found += [note for note in table.notes if note.code == "short-rows"]
        people = self._people(table, sample)
        columns = with_link(self.settings, table.columns) if table else ()
        for loc, template in messages.items():
            self._wording(loc, template, columns, sample, people)
        self.found += self.wording.of_stand_ins(columns, RULES, people.countries if people else None)
        self.found += [*self.wording.of_buttons(), *self.wording.of_labels(contents.labels)]
        self._without_sender(people)
        self._registrations()
        if sample is not None:
            self.found += sample.problems
        self._excluded_file()
        self._budget(people)
        self.found += schedule_findings(self.loaded)
        for name in gateways_of_campaign(self.loaded, self.settings):
            self.found += account_findings(self.settings, name)
        self.found += route_findings(self.loaded, self.settings, today_of(self.campaign))
        return self.found

    def _named(self, loc: Loc, step: Callable[[], Thing]) -> Thing | None:
        """Return what the step makes of the file named at ``loc``. Problems without a line are reported at ``loc``."""
        problems: list[Problem] = []
        thing = _attempt(problems, step)
        line, column = self.document.place(loc)
        for problem in problems:
            if problem.line is None:
                message = f"{problem.path}: {problem.message}" if problem.path else problem.message
                path = self.document.path
                problem = replace(problem, message=message, path=path, line=line, column=column)
            self.found.append(problem)
        return thing

    def _contacts(self) -> Table | None:
        """Open the contacts; None for stdin or if they cannot be read."""
        if self.campaign.source.file == "-":
            return None
        loc = ("contacts", "file") if self.document.has(("contacts", "file")) else ("contacts",)
        table = self._named(loc, lambda: open_contacts(self.loaded, self.settings))
        if table is not None:
            asked = {question.code for question in table.questions}
            self.found += [note for note in table.notes if note.code not in asked]
            self.found += [*table.questions, *filter(None, [both_sides(table)])]
            address = _attempt(self.found, lambda: address_column(table, self.channel.column))
            if address is not None:
                self._columns(table, address)
        return table

    def _columns(self, table: Table, address: str) -> None:
        """Set what the columns are read as, and check the first rows of consent columns."""
        facts = recognised(self.loaded, table, address)
        self.read_as = read_as(table, address, facts, self.channel.column)
        self.residence = facts.columns("country")
        purpose = self.campaign.purpose
        asked = asked_of(purpose, self.campaign.consent, self.settings.settings.consent, 0)
        claims = speaking(facts, marketing=asked is not None, binds=binds(purpose))
        policy = phone_policy(self.loaded, self.settings)
        locale = self.campaign.locale or self.settings.settings.locale
        own = AddressColumn(address, self.channel.kind, self.channel.network)
        told = _attempt(
            [], lambda: told_by_file(table, (own,), claims, policy, locale, self.residence, whole=False)
        )
        self.found += reading_problems(table, facts, told or FileRefusals())

    def _compiled(
        self,
        loc: Loc,
        text: str | None,
        compile_: Callable[..., Thing],
        table: Table | None,
        names: Callable[[Collection[str]], Collection[str]] = tuple,
    ) -> Thing | None:
        if text is None:
            return None
        place = source_place(self.loaded, loc)
        locale = self.campaign.locale or self.settings.settings.locale
        known = names(table.columns) if table else None
        template = _attempt(
            self.found,
            lambda: compile_(text, where=place, folder=self.loaded.folder, locale=locale, known=known),
        )
        self.found += getattr(template, "problems", ())
        return template

    def _sample(
        self, table: Table | None, where: Expression | None, templates: list[MessageTemplate | None]
    ) -> Sample | None:
        """Return the first contacts; None if they cannot be read or ``where`` is invalid."""
        if table is None or (self.campaign.where and where is None):
            return None
        columns = {column for template in (where, *templates) if template for column in template.columns}
        address = self._address(table)
        columns = (columns | {address or ""}) & {*table.columns}
        policy = phone_policy(self.loaded, self.settings)
        at = self._at(("where",))
        own = AddressColumn(address, self.channel.kind, self.channel.network) if address else None
        columns = {*columns, *self.residence}
        sample = _attempt(
            self.found, lambda: take_sample(table, columns, where, at, own, policy, self.residence)
        )
        if sample is not None:
            add_examples(self.settings, sample.rows, programme_of(self.loaded, self.settings))
        return sample

    def _wording(
        self,
        loc: Loc,
        template: MessageTemplate | None,
        columns: Collection[str],
        sample: Sample | None,
        people: SampledPeople | None,
    ) -> None:
        """Check the text, and the messages it makes for the first contacts."""
        text = self.wording.texts()[loc]
        examples: list[str] = []
        if template is not None and sample is not None and len(sample.rows):
            if template.markup is None:  # messages in a markup are made by ContentCheck
                made = _attempt(self.found, lambda: sample.render(template, self._at(loc), self._limits()))
                examples, problems = made or ([], [])
                self.found += problems
            self.found += sample.empty_columns(template, partial(self._column, loc, text))
        countries = people.countries if people is not None else None
        copy = self.wording.copy(text, template, columns=columns, examples=examples, countries=countries)
        self.found += self.wording.problems(loc, copy, RULES)
        if template is not None and sample is not None and people is not None:
            self._registered(loc, template, sample, people)
        self.found += self.wording.lost_comment(loc)

    def _address(self, table: Table) -> str | None:
        """Return the address column; None if there is none (already reported)."""
        return _attempt([], lambda: address_column(table, self.channel.column))

    def _people(self, table: Table | None, sample: Sample | None) -> SampledPeople | None:
        """Return the countries of the sample's addresses; None without a sample."""
        address = self._address(table) if table is not None else None
        if address is None or sample is None or not len(sample.rows):
            return None
        own = AddressColumn(address, self.channel.kind, self.channel.network)
        policy = phone_policy(self.loaded, self.settings)
        return sampled_people(sample.rows, own, policy, self.residence)

    def _without_sender(self, people: SampledPeople | None) -> None:
        """Warn about countries of the sample that no sender of the campaign may message."""
        for country, count in (people.countries if people is not None else {}).items():
            verdict = self.senders.verdict(country)
            if not verdict.senders:
                loc = ("sender",) if self.document.has(("sender",)) else ()
                numbers = f"{count:,} number{'' if count == 1 else 's'}"
                message = f"no sender for {country} ({numbers} of the first rows): {verdict.detail}"
                self._warn(loc, message, f"rule {verdict.rule}", "no-sender")

    def _registered(self, loc: Loc, template: MessageTemplate, sample: Sample, people: SampledPeople) -> None:
        """Report sample messages that do not match the registered template they must use."""
        countries = template_countries(self.law, self.campaign.purpose, self.campaign.channel)
        dlt = dlt_of(self.loaded, self.settings)
        unknown = not self.senders.choices.all and self.senders.account is None and dlt is None
        rows = sample.rows.filter(people.among(countries)).head(RENDERED)
        if unknown or not len(rows):
            return
        finding = None
        if dlt is None or dlt.text is None:
            message = f"messages to {', '.join(people.seen(countries))} must use a registered template"
            finding = Finding(0, message, "set its id and text under dlt:", DLT_RULE)
        else:
            texts = [text for text in template.render_column(rows).bodies.to_pylist() if text]
            sent = [plain(text, use_smart=self.smart).text for text in texts]
            different = [how for how in map(dlt.differs, sent) if how is not None]
            if different:
                message = f"{len(different):,} of {len(sent):,} messages do not match the DLT template {dlt.template}"
                finding = Finding(0, message, different[0], DLT_RULE, lenient=len(different) < len(sent))
        problem = self.wording.judged(loc, finding) if finding is not None else None
        if problem is not None:
            self.found.append(problem)

    def _registrations(self) -> None:
        """Warn about registration names that appear in no rule, most likely misspelt."""
        known = {
            name for rules in self.senders.rules.values() for rule in rules for name in rule.registrations
        }
        for sender, facts in self.settings.settings.senders.items():
            for name in facts.registrations if known else ():
                if name.strip().lower() not in known:
                    near = get_close_matches(name.lower(), known, 1, 0.6)
                    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}"
                    loc = ("senders", sender, "registrations", name)
                    message = f"unknown registration '{name}'"
                    problem = self.settings.problem(message, loc, hint=hint, code="registration")
                    self.found.append(replace(problem, severity=Severity.WARNING))

    def _limits(self) -> TextLimits:
        """Return the limits for warnings and errors."""
        parts = self.settings.settings.parts
        if self.channel.parts:
            return TextLimits(self.smart, parts.warn, self.campaign.limits.parts or parts.refuse)
        return TextLimits(self.smart, characters=self.channel.text)

    def _at(self, loc: Loc) -> Problem:
        """Return a warning without a message, placed at the start of a text."""
        document, at = self.loaded.written(tuple(loc))
        block = document.block(at)
        return Problem("", document.path, block.line, block.column, severity=Severity.WARNING)

    def _column(self, loc: Loc, text: str, name: str) -> Problem:
        """Return a warning without a message, placed where a template first uses a column."""
        found = re.search(rf"\{{[{{%](?:(?![%}}]\}}).)*?\b({re.escape(name)})\b", text, re.DOTALL)
        if found is None:
            return self._at(loc)
        line, column = spot_in(self.loaded, loc, found.start(1))
        return replace(self._at(loc), line=line, column=column)

    def _excluded_file(self) -> None:
        file = self.campaign.exclude.file
        if file is not None and file != "-":
            self._named(
                ("exclude", "file"), lambda: address_columns(open_table(file, base=self.loaded.folder))
            )

    def _budget(self, people: SampledPeople | None) -> None:
        """Check the rate card, and the budget against its prices."""
        rates = self.settings.settings.rates
        card = None
        if rates is not None:
            card = _attempt(self.found, lambda: RateCard.load(self.settings.folder / rates))
            if card is None:
                return
        self.found += budget_findings(self.loaded, self.settings, card, people)

    def _warn(self, loc: Loc, message: str, hint: str | None, code: str) -> None:
        problem = self.document.problem(message, loc, hint=hint, code=code)
        self.found.append(replace(problem, severity=Severity.WARNING))
