"""Taking one person out of an outbox file: of each message to them only its reference stays.

The reference must stay: it is how ``reconcile`` knows that a message was taken.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2pcli.errors import A2PError
from a2pcli.gateways.filelocks import locked
from a2pcli.gateways.outbox import OutboxBlock
from a2pcli.gateways.settings import read_block


def outbox_file(name: str, settings: Mapping[str, Any]) -> Path | None:
    """The file of a gateway's block where it is an outbox, made absolute; else None."""
    if str(settings.get("type") or name) != "outbox":
        return None
    try:
        block = read_block(OutboxBlock, name, settings)
    except A2PError:
        return None
    return (block.folder / block.file).absolute()


def forget_in_outbox(path: Path, number: str, *, timeout: float = 30.0) -> int:
    """Blank the messages to ``number``; gives how many. Raises ``OSError`` where the file cannot be changed.

    The file stays the same file, since a sender may have it open: it is copied first, under the lock that
    senders take, then written over. Should that be cut off, the whole copy stays beside it (``.part``).
    """
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "r+b") as file, locked(descriptor, timeout):
        count = 0
        draft = path.with_name(path.name + ".part")
        try:
            with open(draft, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as copy:
                for line in file:
                    kept = _without(line, number)
                    count += kept is not line
                    copy.write(kept)
                copy.flush()
                os.fsync(copy.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        if count:
            _write_over(file, draft)
        draft.unlink()
        return count


def _write_over(file: Any, draft: Path) -> None:
    file.seek(0)
    with draft.open("rb") as copy:
        while piece := copy.read(1 << 20):
            file.write(piece)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())


def _without(line: bytes, number: str) -> bytes:
    if number.lstrip("+").encode() not in line:
        return line
    try:
        record = json.loads(line)
    except ValueError:
        return b'{"erased": true}\n'  # torn by a crash: nobody can say whose it is
    if not isinstance(record, dict) or record.get("to") != number:
        return line
    kept = {"reference": record.get("reference"), "erased": True}
    return json.dumps(kept).encode() + b"\n"
