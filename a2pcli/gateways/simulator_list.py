"""The lists that the simulated provider keeps: its receipts file, as far as it has happened, and a file of replies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from a2pcli.contacts.receipt_file import Receipt, moment_of
from a2pcli.gateways.callbacks import Reply, as_text, one_reply, told
from a2pcli.gateways.lists import Listed, ListPage, Span, joined

PAGE = 2_000
"""Lines of a page."""

_EXAMPLE = '{"from": "+447911123456", "to": "Shop", "text": "STOP", "at": "2026-03-01T09:00:00Z"}'


def listed_lines(listed: Listed, path: Path | None, span: Span, page: str | None) -> ListPage:
    """Return a page of the lines in a file; ``page`` is where it begins: bytes and lines before it. Raises
    ``ValueError`` if the file cannot be read, and for a line of the replies, which people write, that is none."""
    if path is None:
        return ListPage()
    begin, _, before = (page or "0:0").partition(":")
    try:
        with path.open("rb") as file:
            file.seek(int(begin))
            lines = list(islice(file, PAGE))
            end = file.tell()
    except FileNotFoundError:
        return ListPage()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    following = f"{end}:{int(before) + PAGE}" if len(lines) == PAGE else None
    if listed is Listed.REPLIES:
        replies = _within(_written(path, lines, int(before) + 1), span)
        return ListPage(replies=joined(map(read_reply, replies)), next=following)
    return ListPage(joined(map(read_receipt, _within(_of_machine(lines), span))), next=following)


def _within(lines: Iterator[Mapping[str, Any]], span: Span) -> Iterator[Mapping[str, Any]]:
    for said in lines:
        moment = moment_of(as_text(said.get("at")) or "")
        if moment is not None and span.since <= moment <= span.until:
            yield said


def _of_machine(lines: Sequence[bytes]) -> Iterator[Mapping[str, Any]]:
    """The receipts, which the simulator writes: it may be killed within a line, and the last one may be being
    written."""
    for line in lines:
        if line.endswith(b"\n"):
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(said, dict):
                yield said


def _written(path: Path, lines: Sequence[bytes], first: int) -> Iterator[Mapping[str, Any]]:
    """The replies, which people write. Raises ``ValueError`` for a line that is none."""
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        wrong = _what_is_wrong(line)
        if wrong is not None:
            raise ValueError(f"{path}:{number}: {wrong}; a line is like {_EXAMPLE}")
        yield json.loads(line)


def _what_is_wrong(line: bytes) -> str | None:
    try:
        said = json.loads(line)
    except RecursionError:
        return "the line is no JSON"
    except UnicodeDecodeError:
        return "the line is not UTF-8"
    except json.JSONDecodeError as error:
        return f"the line is no JSON (column {error.colno}: {error.msg})"
    except ValueError:
        return "the line is no JSON"
    if not isinstance(said, dict):
        return "the line is no JSON object"
    at = as_text(said.get("at"))
    if at is None or moment_of(at) is None:
        return "'at' is missing" if at is None else "'at' is not a date and time"
    if as_text(said.get("from")) is None:
        return "'from' is missing"
    return None if isinstance(said.get("text"), str) else "'text' is missing, or no text"


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
