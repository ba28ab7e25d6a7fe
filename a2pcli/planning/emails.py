"""Emails: the templates of the ``email:`` block, and the content that they make for each person.

What is sent is made while planning: the HTML with its styles inlined, the headers on one line each, the digests of the
attachments. A message without ``message:`` gets its text from the HTML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.email import read_email
from a2pcli.content.email import inlined, one_line, plain_text, require_libraries, with_preheader
from a2pcli.content.markup import HTML
from a2pcli.content.templates import MessageTemplate
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.frame import Frame
from a2pcli.message_content import size_text
from a2pcli.planning.contents import CompiledContent, rendered
from a2pcli.planning.frames import Mask, alive, drop_with, spread
from a2pcli.reasons import Reason

PIECE = 500
"""Number of rows whose emails are made at once."""
MOST_OF_A_CHUNK = 1 << 29
"""Maximum size in bytes of the emails of one chunk; Arrow's strings end at 2 GB."""
CHUNK_BYTES = 6_000_000
"""Target size in bytes of a chunk's emails: large emails make chunks with fewer rows."""

_WANTED = ("subject", "html")
"""Templates whose text must not be empty; other texts may be missing."""
_URL = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class EmailTexts:
    """The templates of one arm's email, by use: ``subject``, ``html``, ``preheader``, ``reply_to``, ``url`` and
    ``mailto`` (of ``unsubscribe``), ``header:NAME``.

    ``sources`` map these to ``spec.TemplateText``. ``attachments`` are in the form of the content; ``names`` maps
    sender addresses to display names, ``sender`` is the campaign's own. With ``makes_text`` the text is made from the
    HTML.
    """

    sources: Mapping[str, Any]
    attachments: tuple[Mapping[str, Any], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    sender: str | None = None
    makes_text: bool = False

    channel: ClassVar[str] = "email"

    @property
    def words(self) -> str | None:
        """``html`` if the text is made from it."""
        return "html" if self.makes_text else None

    @property
    def settled(self) -> Mapping[str, Any]:
        """The attachments by digest, because their content matters and not their name."""
        return {"attachments": [one["sha256"] for one in self.attachments]}

    def markup_of(self, name: str) -> str | None:
        """Return ``html`` for the HTML template, None for the others."""
        return HTML if name == "html" else None

    def compiled(self, templates: Mapping[str, MessageTemplate]) -> CompiledContent:
        """Return the email with compiled templates."""
        return CompiledEmail(self, templates)


class CompiledEmail:
    """An ``EmailTexts`` with compiled templates."""

    def __init__(self, texts: EmailTexts, templates: Mapping[str, MessageTemplate]) -> None:
        self.texts = texts
        self.templates = templates
        if "html" in templates:
            require_libraries()

    def apply(self, frame: Frame, rows: Mask) -> None:
        """Set ``@content`` of these rows, and ``@body`` if it is made from the HTML; exclude rows whose email cannot
        be made, with a reason."""
        columns = {name: self._rendered(frame, rows, name) for name in self.templates}
        rows = rows & alive(frame)
        if not rows.any():
            return
        chosen = pa.array(rows)
        columns = {name: texts.filter(chosen) for name, texts in columns.items()}
        contents, bodies, wrong = self._made(columns, frame["@sender"].filter(chosen))
        frame["@content"] = pc.coalesce(spread(contents, rows), frame["@content"])
        if self.texts.makes_text:
            frame["@body"] = pc.coalesce(spread(bodies, rows), frame["@body"])
        failed = np.zeros(len(frame), dtype=np.bool_)
        failed[np.flatnonzero(rows)] = np.asarray(wrong.is_valid())
        empty = spread(pc.equal(pc.fill_null(wrong, ""), _EMPTY), rows)
        drop_with(
            frame, failed & np.asarray(pc.fill_null(empty, False)), Reason.EMPTY_MESSAGE, spread(wrong, rows)
        )
        drop_with(frame, failed, Reason.TEMPLATE_ERROR, spread(wrong, rows))

    def _rendered(self, frame: Frame, rows: Mask, name: str) -> pa.Array:
        """Return the texts of one template."""
        said = "'email.html'" if name == "html" else f"'email.{name.partition(':')[2] or name}'"
        return rendered(frame, rows, self.templates[name], said, wanted=name in _WANTED)

    def _made(
        self, columns: Mapping[str, pa.Array], senders: pa.Array
    ) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Return contents (JSON), texts made from HTML, and errors, by row."""
        contents: list[str | None] = []
        bodies: list[str | None] = []
        wrong: list[str | None] = []
        written = 0
        for start in range(0, len(senders), PIECE):
            lists = {name: column.slice(start, PIECE).to_pylist() for name, column in columns.items()}
            for place, sender in enumerate(senders.slice(start, PIECE).to_pylist()):
                row = {name: values[place] for name, values in lists.items()}
                try:
                    content, body = self._email(row, sender)
                except ValueError as error:
                    contents.append(None)
                    bodies.append(None)
                    wrong.append(str(error))
                    continue
                written += len(content)
                contents.append(content)
                bodies.append(body)
                wrong.append(None)
            if written > MOST_OF_A_CHUNK:
                average = size_text(written // len(contents))
                raise InvalidInput(
                    Problem(
                        f"the emails are too large: {average} each on average, without attachments",
                        hint="shorten the HTML: Gmail shows no more than 102 kB of it",
                        code="email-size",
                    )
                )
        return pa.array(contents, pa.string()), pa.array(bodies, pa.string()), pa.array(wrong, pa.string())

    def _email(self, row: Mapping[str, str | None], sender: str | None) -> tuple[str, str | None]:
        """Return the content as JSON text, and the message text if it is made from the HTML. Raises ``ValueError``
        with a sentence."""
        content: dict[str, Any] = {"subject": one_line(row["subject"] or "")}
        body = None
        html = row.get("html")
        if html is not None:
            if self.texts.makes_text:
                body = plain_text(html)
                if not body:
                    raise ValueError(_EMPTY)
            preheader = one_line(row.get("preheader") or "")
            if preheader:
                content["preheader"] = preheader
                html = with_preheader(html, preheader)
            content["html"] = inlined(html)
        if name := self.texts.names.get(sender or self.texts.sender or ""):
            content["from_name"] = name
        if reply_to := row.get("reply_to"):
            content["reply_to"] = _address(one_line(reply_to), "reply_to")
        unsubscribe = dict(_unsubscribe(row))
        if unsubscribe:
            content["unsubscribe"] = unsubscribe
        headers = {
            name.partition(":")[2]: one_line(text)
            for name, text in row.items()
            if name.startswith("header:") and text
        }
        if headers:
            content["headers"] = headers
        if self.texts.attachments:
            content["attachments"] = [dict(one) for one in self.texts.attachments]
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")), body


_EMPTY = "the HTML has no text"


def _address(text: str, what: str) -> str:
    """Return an email address in its original spelling. Raises ``ValueError``."""
    found = read_email(text, allow_test=True)
    if found.address is None:
        raise ValueError(f"'email.{what}' is not an email address")
    return found.spelling or found.address


def _unsubscribe(row: Mapping[str, str | None]) -> Iterator[tuple[str, Any]]:
    if mailto := row.get("mailto"):
        text = one_line(mailto).removeprefix("mailto:")
        address, question, query = text.partition("?")
        if any(char in query for char in " <>,"):
            raise ValueError("'email.unsubscribe.mailto' is not an email address")
        yield "mailto", _address(address, "unsubscribe.mailto") + question + query
    if url := row.get("url"):
        text = one_line(url)
        if (
            not text.lower().startswith(_URL)
            or any(char in text for char in " <>,\"'\\")
            or not text.isascii()
        ):
            raise ValueError("'email.unsubscribe.url' is not a URL")
        yield "url", text
        if text.lower().startswith("https://"):
            yield "one_click", True
