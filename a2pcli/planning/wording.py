"""A campaign's messages under the copy rules: before a plan by their text, after it by who gets them.

An error stops the plan, unless the campaign waives the rule; what a waiver let pass is kept with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import kind_of_channel
from a2pcli.config import syntax
from a2pcli.config.blocks import Loc
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.content.markup import words_of_markup
from a2pcli.content.templates import MessageTemplate
from a2pcli.errors import InvalidInput, Problem, Severity
from a2pcli.planning.arms import texts_of
from a2pcli.planning.blocks import TEXT, markup_of
from a2pcli.planning.buttons import button_texts, labels_of_content, reply_labels
from a2pcli.planning.composed import composed_at
from a2pcli.planning.email_files import spot_in, words_of_html
from a2pcli.planning.lint import RULES, Finding, LintRule, Strictness, lint
from a2pcli.planning.stand_in_texts import stand_ins
from a2pcli.rules.copy import Copy
from a2pcli.rules.copy_leaving import button_that_opts_out
from a2pcli.rules.law import Law
from a2pcli.rules.senders import Senders

TEXT_RULES = tuple(rule for rule in RULES if not rule.recipients)
RECIPIENT_RULES = tuple(rule for rule in RULES if rule.recipients)


class Wording:
    """Checks the messages of one campaign against the copy rules, and records what waivers allow."""

    def __init__(
        self,
        loaded: LoadedCampaign,
        settings: LoadedSettings,
        law: Law,
        senders: Senders,
        programme: str = "",
    ) -> None:
        campaign = loaded.campaign
        self.loaded = loaded
        self.law = law
        self.senders = senders
        self.programme = programme
        self.smart = settings.settings.smart if campaign.smart is None else campaign.smart
        self.strictness = Strictness(
            {str(name): str(how) for name, how in settings.settings.rules.items()},
            {str(name): reason for name, reason in campaign.waive.items()},
        )
        self._passed: dict[str, dict[str, None]] = {str(name): {} for name in campaign.waive}

    def texts(self) -> dict[Loc, str]:
        """Return every message of the campaign by its place."""
        campaign = self.loaded.campaign
        if kind_of_channel(campaign.channel) is not Kind.EMAIL:
            return {loc: self._unmarked(text) for loc, text in texts_of(self.loaded) if loc is not None}
        if campaign.variants:
            return dict(
                (("variants", name, "message"), arm.message)
                if arm.message
                else self._of_html(("variants", name, "html"), arm.html)
                for name, arm in campaign.variants.items()
            )
        loc, text = texts_of(self.loaded)[0]
        if loc is not None:
            return {loc: text}
        return (
            dict([self._of_html(("email", "html"), None)]) if campaign.email and campaign.email.html else {}
        )

    def is_marked(self, loc: Loc) -> bool:
        """Whether the text at this place is written in markup."""
        return loc[-1] == "html" or (loc[-1] == TEXT and markup_of(self.loaded) is not None)

    def _unmarked(self, text: str) -> str:
        """Return the text without the markup that a block's text may use."""
        return words_of_markup(text, markup_of(self.loaded))

    def _of_html(self, loc: Loc, html: str | None) -> tuple[Loc, str]:
        """Return place and text of the HTML if there is no other text; template tags are kept."""
        shared = self.loaded.campaign.email
        typed = html or (shared and shared.html) or ""
        return loc, words_of_html(self.loaded, typed)

    def copy(
        self,
        text: str,
        template: MessageTemplate | None,
        *,
        columns: Collection[str] = (),
        examples: Sequence[str] = (),
        countries: Iterable[str] | None = None,
        buttons: Sequence[str] | None = None,
    ) -> Copy:
        """Return a message as the rules see it. ``countries`` are those of its recipients; None if not known yet.
        ``buttons`` are the words on its buttons, by default on those of the campaign's own text."""
        campaign = self.loaded.campaign
        law = None
        if countries is not None:
            countries = list(countries)
            law = {one: self.law.copy(one, (), campaign.purpose, campaign.channel) for one in countries}
        return Copy(
            text,
            marketing=campaign.purpose == "marketing",
            smart=self.smart,
            senders=self._senders(countries),
            columns=columns,
            examples=examples,
            wording=template.wording if template is not None and not template.markup else "",
            programme=self.programme,
            law=law,
            keywords=self.law.stop_keywords(),
            is_email=kind_of_channel(campaign.channel) is Kind.EMAIL,
            buttons=button_texts(self.loaded) if buttons is None else buttons,
        )

    def _senders(self, countries: Iterable[str] | None) -> tuple[str, ...]:
        """Return the known senders of messages to these countries."""
        if countries is None:
            named: Iterable[str | None] = self.senders.choices.all or (None,)
        else:
            named = (sender for country in countries for sender in self.senders.verdict(country).senders)
        known = (sender or self.senders.account for sender in named)
        return tuple(dict.fromkeys(sender for sender in known if sender is not None))

    def problems(self, loc: Loc, copy: Copy, rules: Iterable[LintRule]) -> Iterator[Problem]:
        """Yield the findings of the rules, with their place and the project's severity."""
        for finding in lint(copy, rules):
            problem = self.judged(loc, finding)
            if problem is not None:
                yield problem

    def of_buttons(self) -> Iterator[Problem]:
        """Yield the buttons that opt people out although they mean something else."""
        for loc, label in reply_labels(self.loaded):
            yield from self._of_label(loc, label)

    def of_labels(self, labels: Iterable[str]) -> Iterator[Problem]:
        """Yield the same about words on the buttons of finished messages, where columns made them."""
        seen = {label for _, label in reply_labels(self.loaded)}
        for label in dict.fromkeys(labels):
            if label not in seen:
                yield from self._of_label((self.loaded.campaign.channel,), label)

    def _of_label(self, loc: Loc, label: str) -> Iterator[Problem]:
        # It is a way out only if every variant of the text says so.
        copies = [self.copy(text, None) for text in self.texts().values()]
        found = [finding for copy in copies for finding in button_that_opts_out(copy, label)]
        if found and (problem := self.judged(loc, found[0])) is not None:
            yield problem

    def of_stand_ins(
        self, columns: Collection[str], rules: Iterable[LintRule], countries: Iterable[str] | None
    ) -> Iterator[Problem]:
        """Yield the findings about texts that some people get in place of the campaign's own."""
        countries = None if countries is None else list(countries)
        for one in stand_ins(self.loaded):
            copy = self.copy(
                one.text, one.compiled, columns=columns, countries=countries, buttons=one.buttons
            )
            for finding in lint(copy, rules):
                at = replace(finding, message=finding.message + one.whose)
                if (problem := self.judged(one.loc, at)) is not None:
                    yield problem

    def judged(self, loc: Loc, finding: Finding) -> Problem | None:
        """Return the problem of a finding; None if its rule is off or waived."""
        severity = self.strictness.of(finding)
        if severity is None:
            return None
        if severity is Severity.ERROR and finding.partial:
            severity = Severity.WARNING
            finding = replace(finding, message=f"{finding.message}: without it, messages there are excluded")
        # Offsets in the text of markup are not offsets in the file.
        line, column = spot_in(self.loaded, loc, 0 if self.is_marked(loc) else finding.offset)
        if finding.code in self._passed:
            self._passed[finding.code][f"{line}:{column}: {finding.message}"] = None
            return None
        hint = finding.hint
        if severity is Severity.ERROR:
            waive = f"or give a reason under 'waive: {finding.code}:'"
            hint = f"{hint}; {waive}" if hint else waive
        path = self.loaded.written(tuple(loc))[0].path
        return Problem(finding.message, path, line, column, hint, severity, finding.code)

    def lost_comment(self, loc: Loc) -> Iterator[Problem]:
        """Warn about ``message: Half price #sale``, of which YAML reads the rest as a comment."""
        document = self.loaded.document
        scalar = None if composed_at(self.loaded, loc) else document.scalar(loc)
        if scalar is None or scalar.style is not None:
            return
        end = syntax.end(scalar)
        rest = document.text[end:].split("\n", 1)[0]
        if rest.lstrip().startswith("#"):
            line, column = document.position(end + len(rest) - len(rest.lstrip()))
            message = f"'{rest.strip()[:40]}' is a YAML comment, not part of the message"
            hint = "put the message in quotes, or below '|'"
            yield Problem(message, document.path, line, column, hint, Severity.WARNING, "lost-comment")

    def before(self, templates: Sequence[MessageTemplate], columns: Collection[str]) -> list[Problem]:
        """Return warnings that do not depend on recipients. Raises ``InvalidInput`` with all problems if one is an
        error."""
        found: list[Problem] = []
        for (loc, text), template in zip(self.texts().items(), templates, strict=True):
            found += self.problems(loc, self.copy(text, template, columns=columns), TEXT_RULES)
        found += self.of_stand_ins(columns, TEXT_RULES, None)
        found += self.of_buttons()
        return _without_errors(found)

    def after(
        self,
        templates: Sequence[MessageTemplate],
        countries: Iterable[str],
        samples: Iterable[Mapping[str, Any]] = (),
    ) -> list[Problem]:
        """Return warnings that depend on the countries of recipients. Raises ``InvalidInput`` if one is an error.

        ``samples`` are messages of the plan, each with its ``variant`` and ``body``.
        """
        found: list[Problem] = []
        countries, samples = [country for country in countries if country], [*samples]
        bodies = [(sample["variant"], str(sample["body"])) for sample in samples]
        for (loc, text), template in zip(self.texts().items(), templates, strict=True):
            arm = loc[1] if len(loc) > 1 else None
            examples = [body for variant, body in bodies if variant == arm]
            copy = self.copy(text, template, examples=examples, countries=countries)
            found += self.problems(loc, copy, RECIPIENT_RULES)
        found += self.of_stand_ins((), RECIPIENT_RULES, countries)
        found += self.of_labels(
            label for sample in samples for label in labels_of_content(sample.get("content") or {})
        )
        return _without_errors(found)

    def left_out(self, unsaid: Mapping[str, int], recipients: int) -> list[Problem]:
        """Return what excluded messages are missing. Raises ``InvalidInput`` if no recipients are left."""
        loc = next(iter(self.texts()), ())
        block = self.loaded.document.block(loc)
        severity = Severity.WARNING if recipients else Severity.ERROR
        return _without_errors(
            [
                Problem(
                    f"{rows:,} message{'' if rows == 1 else 's'} excluded: {words}",
                    self.loaded.document.path,
                    block.line,
                    block.column,
                    None if recipients else "or give a reason under 'waive: country-wording:'",
                    severity,
                    "copy-rule",
                )
                for words, rows in unsaid.items()
            ]
        )

    def waivers(self) -> list[dict[str, object]]:
        """Return what the campaign waives: rule, reason and the findings allowed by it, as JSON-ready data."""
        return [
            {"rule": rule, "reason": reason, "findings": list(self._passed[rule])}
            for rule, reason in self.loaded.campaign.waive.items()
        ]


def _without_errors(problems: list[Problem]) -> list[Problem]:
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise InvalidInput(*problems)
    return problems
