"""What ``check`` says of emails: templates, files, size, and what becomes of them with the first contacts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channel_of
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.contacts.table import Table
from a2pcli.content.email import GMAIL_CLIPS, missing_library
from a2pcli.content.templates import MessageTemplate, compile_template
from a2pcli.errors import A2PError, Problem, Severity
from a2pcli.frame import Frame
from a2pcli.message_content import content_of, size_text
from a2pcli.planning.emails import CompiledEmail
from a2pcli.planning.prepare import arms_of
from a2pcli.planning.sample import Sample
from a2pcli.planning.spec import Arm, TemplateText

RENDERED = 200
"""Rows whose emails are made."""

_UNQUOTED = re.compile(r"<[a-zA-Z][^<>]*?\s[a-zA-Z-]+=(\{\{)")
_UNSAFE = re.compile(r"\{\{[^{}]*\|\s*(safe)\b")


class EmailCheck:
    """The emails of one campaign; nothing where it has none."""

    def __init__(self, loaded: LoadedCampaign, settings: LoadedSettings, table: Table | None) -> None:
        self.loaded = loaded
        self._locale = loaded.campaign.locale or settings.settings.locale
        self._known = tuple(table.columns) if table is not None else None
        self._found: list[Problem] = []
        self._arms = [arm for arm in arms_of(loaded, self._found) if arm.email is not None]
        self._compiled = {arm.name: self._templates(arm) for arm in self._arms}
        if loaded.campaign.email is None and channel_of(loaded.campaign.channel).kind is Kind.EMAIL:
            at = Problem("the email has no subject", severity=Severity.WARNING, code="no-subject")
            line, column = loaded.document.place(("channel",), of="key")
            hint = "add 'email:' with a subject; gateways that send email refuse it without one"
            self._found.append(replace(at, path=loaded.document.path, line=line, column=column, hint=hint))

    def words_template(self, loc: tuple[str, ...]) -> MessageTemplate | None:
        """The template of the HTML that a message's words are taken from."""
        arm = loc[1] if loc[0] == "variants" else None
        return self._compiled.get(arm, {}).get("html")

    def templates(self) -> list[MessageTemplate]:
        """Every template of every arm that has no mistake."""
        return [one for templates in self._compiled.values() for one in templates.values()]

    def problems(self, sample: Sample | None) -> list[Problem]:
        """Everything that is wrong, or worth a look."""
        found = [*self._found]
        if any("html" in arm.email.sources for arm in self._arms if arm.email) and (
            gone := missing_library()
        ):
            line, column = self.loaded.document.place(("email",), of="key")
            return [*found, replace(gone, path=self.loaded.document.path, line=line, column=column)]
        if sample is not None and len(sample.rows):
            for arm in self._arms:
                found += self._of_sample(arm, sample)
        return list(dict.fromkeys(found))

    def _templates(self, arm: Arm) -> dict[str, MessageTemplate]:
        templates = {}
        for name, source in (arm.email.sources if arm.email else {}).items():
            try:
                templates[name] = compile_template(
                    source.text,
                    where=source.place,
                    folder=self.loaded.folder,
                    locale=self._locale,
                    known=self._known,
                    long=True,
                    html=name == "html",
                )
            except A2PError as error:
                self._found += error.problems
                continue
            self._found += templates[name].problems
            if name == "html":
                self._found += _doubtful(source)
        return templates

    def _of_sample(self, arm: Arm, sample: Sample) -> Iterator[Problem]:
        """What becomes of the first contacts' emails."""
        templates = self._compiled[arm.name]
        if arm.email is None or set(templates) != set(arm.email.sources):
            return
        rows = sample.rows.head(RENDERED)
        size = len(rows)
        nothing = pa.nulls(size, pa.string())
        own = ("@reason", "@detail", "@rule", "@content", "@body", "@sender")
        frame = Frame(
            {**{name: rows[name] for name in rows if name not in own}, **dict.fromkeys(own, nothing)}, size
        )
        CompiledEmail(arm.email, templates).apply(frame, np.ones(size, dtype=np.bool_))
        subject = arm.email.sources["subject"].place
        at = Problem("", subject.path, subject.line, subject.column, severity=Severity.WARNING)
        reasons = frame["@reason"].to_pylist()
        for reason in dict.fromkeys(one for one in reasons if one not in (None, "missing-value")):
            first = reasons.index(reason)
            count = reasons.count(reason)
            message = f"{count} of the first {size} emails cannot be made: {frame['@detail'][first].as_py()}"
            hint = f"first in line {rows['@line'][first]} of {sample.path}"
            yield replace(at, message=message, hint=hint, code=str(reason))
        yield from _clipped(arm, frame)


def _clipped(arm: Arm, frame: Frame) -> Iterator[Problem]:
    """A warning where the HTML is so large that Gmail hides the end of it."""
    contents = [content_of(text) or {} for text in frame["@content"].to_pylist()[:20]]
    largest = max((len(one.get("html", "").encode("utf-8", "replace")) for one in contents), default=0)
    if arm.email is None or largest <= GMAIL_CLIPS:
        return
    place = arm.email.sources["html"].place
    yield Problem(
        f"the HTML has {size_text(largest)}: Gmail hides what is beyond 102 kB, the unsubscribe link too",
        place.path,
        place.line,
        place.column,
        "shorten it",
        Severity.WARNING,
        "html-size",
    )


def _doubtful(source: TemplateText) -> Iterator[Problem]:
    """Places of HTML where a cell could be more than a text."""
    for pattern, message, hint in (
        (_UNQUOTED, "a value without quotation marks can become several attributes", 'write ="{{ … }}"'),
        (
            _UNSAFE,
            "'safe' puts cells into the HTML as they are, tags too",
            "leave it out, unless the cells are HTML",
        ),
    ):
        for found in pattern.finditer(source.text):
            line, column = _position(source, found.start(1))
            yield Problem(message, source.place.path, line, column, hint, Severity.WARNING, "unsafe-html")


def _position(source: TemplateText, offset: int) -> tuple[int, int]:
    """Line and column in the file of a character of the template."""
    if source.place.spot:
        return source.place.spot(offset)
    before = source.text[:offset]
    line = before.count("\n")
    column = offset - (before.rfind("\n") + 1)
    if line == 0:
        return source.place.line, source.place.column + column
    return source.place.line + line, source.place.indent + column + 1
