"""What ``a2pcli listen`` says when it starts and when it stops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from a2pcli.actions.callback_doors import Proof
from a2pcli.cli.screens.bubble import many

if TYPE_CHECKING:
    from a2pcli.actions.callback_doors import CallbackDoor, Doors
    from a2pcli.actions.heard import HeardCounts


def address_of(host: str, port: int) -> str:
    """The URL of the listener on this machine."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def start_lines(here: str, ledger: str, doors: Doors, secrets: Mapping[str, str]) -> Iterator[str]:
    """The address, the ledger, and each gateway's URL as the provider must call it."""
    yield f"listening on {here}, ledger {ledger}"
    width = max(map(len, doors.doors), default=0)
    for name, door in sorted(doors.doors.items()):
        yield f"  {name:<{width}}  {_url(door, secrets.get(name, ''))}  ({_proof(door)})"


def _url(door: CallbackDoor, secret: str) -> str:
    """The URL; a secret is named, never shown."""
    return f"{door.url}/{secret}" if door.proof is Proof.SECRET else door.url


def _proof(door: CallbackDoor) -> str:
    return {
        Proof.SIGNATURE: "signature checked",
        Proof.STANDARD: "signature checked (Standard Webhooks)",
        Proof.SECRET: "secret in the URL checked",
        Proof.ADDRESS: "network address checked",
        Proof.NOTHING: "NOT verified: anybody can invent receipts and replies",
        Proof.REFUSED: "everything is refused",
    }[door.proof]


def stop_line(counts: HeardCounts) -> str:
    """What was stored."""
    replies = "1 reply" if counts.replies == 1 else f"{counts.replies:,} replies"
    before = f"; {counts.duplicates:,} had come before" if counts.duplicates else ""
    out = f"; {counts.opted_out:,} opted out" if counts.opted_out else ""
    return f"stopped; stored {many(counts.receipts, 'receipt')} and {replies}{out}{before}"
