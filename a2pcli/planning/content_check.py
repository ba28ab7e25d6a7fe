"""Checks of content other than the text (templates, files, limits), tried with the first contacts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field, replace

import numpy as np
import pyarrow as pa

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channel_of
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.contacts.table import Table
from a2pcli.content.email import GMAIL_CLIPS, missing_library
from a2pcli.content.mms import doubtful_files, type_of
from a2pcli.content.templates import MessageTemplate, compile_template
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem, Severity
from a2pcli.frame import Frame
from a2pcli.message_content import content_of, media_of, pictures_of, size_text
from a2pcli.planning.arms import arms_of
from a2pcli.planning.buttons import labels_of_content
from a2pcli.planning.contents import ContentTexts
from a2pcli.planning.kinds import KINDS
from a2pcli.planning.sample import Sample
from a2pcli.planning.spec import Arm, TemplateText
from a2pcli.planning.unsubscribing import template_columns

RENDERED = 200
"""Number of rows that sample contents are made for."""
_UNQUOTED = re.compile(r"<[a-zA-Z][^<>]*?\s[a-zA-Z-]+=(\{\{)")
_UNSAFE = re.compile(r"\{\{[^{}]*\|\s*(safe)\b")


@dataclass(frozen=True, slots=True)
class Files:
    """Pictures and files that the first contacts get, each with a warning at its place, without a message yet:
    ``each`` by channel and URL, ``together`` by the URLs of one MMS that has several."""

    each: dict[tuple[str, str], Problem] = field(default_factory=dict)
    together: dict[tuple[str, ...], Problem] = field(default_factory=dict)

    def add(self, others: Files) -> None:
        """Add those of another channel."""
        self.each.update(others.each)
        self.together.update(others.together)


class ContentCheck:
    """Checks what a campaign sends besides the text on one channel (None: the campaign's)."""

    def __init__(
        self,
        loaded: LoadedCampaign,
        settings: LoadedSettings,
        table: Table | None,
        channel: str | None = None,
    ) -> None:
        self.loaded = loaded
        self.channel = channel_of(channel or loaded.campaign.channel)
        self._locale = loaded.campaign.locale or settings.settings.locale
        self._known = template_columns(settings, table)
        self._found: list[Problem] = []
        self._arms = arms_of(loaded, self._found, self.channel.name)
        self._contents = {arm.name: arm.content for arm in self._arms if arm.content is not None}
        self._compiled = {name: self._templates(content) for name, content in self._contents.items()}
        self._is_email = self.channel.kind is Kind.EMAIL
        self.files = Files()
        self.labels: dict[str, None] = {}
        """Words on buttons of the first messages that come back as a reply."""
        if self._is_email and not self._contents:
            at = Problem("the email has no subject", severity=Severity.WARNING, code="no-subject")
            line, column = loaded.document.place(("channel",), of="key")
            hint = "add 'email:' with a subject; gateways that send email refuse it without one"
            if loaded.campaign.subject:
                hint = "write it in a block, 'email: {subject: ...}'; 'subject' at the top level is for caps only"
            self._found.append(replace(at, path=loaded.document.path, line=line, column=column, hint=hint))

    def words_template(self, arm: str | None) -> MessageTemplate | None:
        """Return the template that an arm's text is made from; None if it has its own text."""
        content = self._contents.get(arm)
        return None if content is None else self._compiled[arm].get(content.words or "")

    def templates(self) -> list[MessageTemplate]:
        """Return the valid templates of all arms."""
        return [one for templates in self._compiled.values() for one in templates.values()]

    def problems(self, sample: Sample | None) -> list[Problem]:
        """Return all errors and warnings."""
        found = [*self._found]
        if (
            self._is_email
            and any("html" in one.sources for one in self._contents.values())
            and (gone := missing_library())
        ):
            line, column = self.loaded.document.place(("email",), of="key")
            return [*found, replace(gone, path=self.loaded.document.path, line=line, column=column)]
        for arm in self._arms:
            if arm.content is not None:
                found += self._of_arm(arm, arm.content, sample)
        if self.channel.media:
            found += self._of_shared_media()
        return list(dict.fromkeys(found))

    def _of_shared_media(self) -> Iterator[Problem]:
        """Check the files of ``media:``, which every recipient gets."""
        urls = self.loaded.campaign.media
        for place, url in enumerate(urls):
            line, column = self.loaded.document.place(("media", place))
            self.files.each[self.channel.name, url] = Problem(
                "", self.loaded.document.path, line, column, severity=Severity.WARNING
            )
        if len(urls) > 1:
            self.files.together[tuple(urls)] = self.files.each[self.channel.name, urls[0]]
        for one, message, hint in doubtful_files([{"url": url, "type": type_of(url)} for url in urls]):
            at = self.files.each[self.channel.name, one or urls[0]]
            yield replace(at, message=message, hint=hint, code="media")

    def _templates(self, content: ContentTexts) -> dict[str, MessageTemplate]:
        templates = {}
        for name, source in content.sources.items():
            markup = content.markup_of(name)
            try:
                templates[name] = compile_template(
                    source.text,
                    where=source.place,
                    folder=self.loaded.folder,
                    locale=self._locale,
                    known=self._known,
                    long=self.channel.kind is Kind.EMAIL,
                    markup=markup,
                )
            except A2PError as error:
                self._found += error.problems
                continue
            self._found += templates[name].problems
            if markup == "html":
                self._found += _unsafe_html(source)
        return templates

    def _of_arm(self, arm: Arm, content: ContentTexts, sample: Sample | None) -> Iterator[Problem]:
        """Check the messages made for the first contacts, and the channel's own rules."""
        templates = self._compiled[arm.name]
        if set(templates) != set(content.sources):
            return
        frame = None
        if sample is not None and len(sample.rows):
            frame = self._made(arm, content, templates, sample)
            yield from self._failures(content, frame, sample)
            self._note_files(content, frame)
        if self._is_email:
            if frame is not None:
                yield from _clipped(content, frame)
        else:
            yield from KINDS[self.channel.name].check(self.loaded, content, frame)

    def _note_files(self, content: ContentTexts, frame: Frame) -> None:
        for text in frame["@content"].to_pylist():
            made = content_of(text) or {}
            self.labels.update(dict.fromkeys(labels_of_content(made)))
            cards = [card["media"]["url"] for card in made.get("carousel") or () if card.get("media")]
            for url in (*pictures_of(made), *media_of(made), *cards):
                key = next((key for key in ("photo", "image") if made.get(key) == url), "media")
                place = self._place(content, f"'{content.channel}.{key}'")
                self.files.each.setdefault((self.channel.name, url), place)
            if len(several := media_of(made)) > 1:
                self.files.together.setdefault(several, self._place(content, f"'{content.channel}.media'"))

    def _made(
        self, arm: Arm, content: ContentTexts, templates: dict[str, MessageTemplate], sample: Sample
    ) -> Frame:
        """Return the first contacts with their contents."""
        rows = sample.rows.head(RENDERED)
        size = len(rows)
        nothing = pa.nulls(size, pa.string())
        own = ("@reason", "@detail", "@rule", "@content", "@body", "@sender")
        frame = Frame(
            {**{name: rows[name] for name in rows if name not in own}, **dict.fromkeys(own, nothing)}, size
        )
        if isinstance(arm.source, TemplateText) and not self._is_email:
            frame["@body"] = self._bodies(arm.source, rows)
        content.compiled(templates).apply(frame, np.ones(size, dtype=np.bool_))
        return frame

    def _bodies(self, source: TemplateText, rows: Frame) -> pa.Array:
        """Return the message texts; all null if the template is invalid, which is reported elsewhere."""
        try:
            template = compile_template(
                source.text,
                where=source.place,
                folder=self.loaded.folder,
                locale=self._locale,
                known=self._known,
            )
        except A2PError:
            return pa.nulls(len(rows), pa.string())
        return template.render_column(rows).bodies

    def _failures(self, content: ContentTexts, frame: Frame, sample: Sample) -> Iterator[Problem]:
        """Yield one problem for each way in which messages cannot be made. Missing values are reported by column
        elsewhere."""
        told = list(zip(frame["@reason"].to_pylist(), frame["@detail"].to_pylist(), strict=True))
        size, what = len(frame), "emails" if self._is_email else "messages"
        for reason, detail in dict.fromkeys(told):
            if reason not in (None, "missing-value"):
                first = told.index((reason, detail))
                message = (
                    f"{told.count((reason, detail))} of the first {size} {what} cannot be made: {detail}"
                )
                hint = f"first in line {frame['@line'][first]} of {sample.path}"
                yield replace(self._place(content, detail), message=message, hint=hint, code=str(reason))

    def _place(self, content: ContentTexts, detail: str) -> Problem:
        """Return a warning without a message, placed at the template that ``detail`` names, else at the block."""
        named = re.search(rf"'{content.channel}\.([\w.]+)'", detail or "")
        for name, source in content.sources.items():
            if named and (name == named[1] or name.startswith(f"{named[1]}.")):
                place = source.place
                return Problem("", place.path, place.line, place.column, severity=Severity.WARNING)
        document = self.loaded.document
        if words := content.sources.get(content.words or ""):  # a problem with the markup of the text
            place = words.place
            return Problem("", place.path, place.line, place.column, severity=Severity.WARNING)
        line, column = document.place((content.channel,), of="key")
        return Problem("", document.path, line, column, severity=Severity.WARNING)


def _clipped(content: ContentTexts, frame: Frame) -> Iterator[Problem]:
    """Warn if the HTML is so large that Gmail hides the end of it."""
    contents = [content_of(text) or {} for text in frame["@content"].to_pylist()[:20]]
    largest = max((len(one.get("html", "").encode("utf-8", "replace")) for one in contents), default=0)
    if largest <= GMAIL_CLIPS:
        return
    place = content.sources["html"].place
    yield Problem(
        f"the HTML is {size_text(largest)} long; Gmail hides everything beyond 102 kB, including the unsubscribe link",
        place.path,
        place.line,
        place.column,
        "shorten it",
        Severity.WARNING,
        "html-size",
    )


def _unsafe_html(source: TemplateText) -> Iterator[Problem]:
    """Yield warnings for places in HTML where a cell could inject markup."""
    for pattern, message, hint in (
        (_UNQUOTED, "a value without quotation marks can become several attributes", 'write ="{{ … }}"'),
        (
            _UNSAFE,
            "'safe' inserts cells into the HTML unescaped, including tags",
            "remove it unless the cells contain HTML",
        ),
    ):
        for found in pattern.finditer(source.text):
            line, column = _position(source, found.start(1))
            yield Problem(message, source.place.path, line, column, hint, Severity.WARNING, "unsafe-html")


def _position(source: TemplateText, offset: int) -> tuple[int, int]:
    """Return line and column in the file of an offset in the template."""
    if source.place.spot:
        return source.place.spot(offset)
    before = source.text[:offset]
    line = before.count("\n")
    column = offset - (before.rfind("\n") + 1)
    if line == 0:
        return source.place.line, source.place.column + column
    return source.place.line + line, source.place.indent + column + 1
