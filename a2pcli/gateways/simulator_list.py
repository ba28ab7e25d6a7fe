"""The lists that the simulated provider keeps: its receipts file, as far as it has happened, and a file of replies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from a2pcli.contacts.receipt_file import Receipt, moment_of
from a2pcli.gateways.callbacks import Reply, as_text, one_reply, told
from a2pcli.gateways.lists import Listed, ListPage, Span, joined

PAGE = 2_000
"""Lines of a page."""


def listed_lines(listed: Listed, path: Path | None, span: Span, page: str | None) -> ListPage:
    """Return a page of the lines in a file; ``page`` is where it begins, in bytes. Raises ``ValueError`` if the file
    cannot be read."""
    if path is None:
        return ListPage()
    try:
        with path.open("rb") as file:
            file.seek(int(page or "0"))
            lines = list(islice(file, PAGE))
            end = file.tell()
    except FileNotFoundError:
        return ListPage()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    whole = [line for line in lines if line.endswith(b"\n")]  # the last one may be being written
    following = str(end) if len(lines) == PAGE else None
    found = list(_happened(whole, span))
    if listed is Listed.REPLIES:
        return ListPage(replies=joined(map(read_reply, found)), next=following)
    return ListPage(joined(map(read_receipt, found)), next=following)


def _happened(lines: list[bytes], span: Span) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        moment = moment_of(as_text(said.get("at")) or "") if isinstance(said, dict) else None
        if moment is not None and span.since <= moment <= span.until:
            yield said


def read_receipt(said: Mapping[str, Any]) -> tuple[Receipt, ...]:
    """Return the receipt of a line; empty if it has none."""
    return told(
        id=said.get("gateway_id"), reference=said.get("reference"), status=said.get("state"), code=said.get("code"),
        at=said.get("at"), price=said.get("price"), currency=said.get("currency"),
    )  # fmt: skip


def read_reply(said: Mapping[str, Any]) -> tuple[Reply, ...]:
    """Return the reply of a line; empty if it has none."""
    return one_reply(
        sender=said.get("from"),
        to=said.get("to"),
        body=said.get("text"),
        id=said.get("id"),
        at=said.get("at"),
    )
