"""What the commands of receipts and replies print with ``--json``."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Counts, says


class RefusedReceipt(TypedDict):
    """A row that is no receipt."""

    line: Annotated[int, says("of the file")]
    why: str


class ReceiptsImport(TypedDict):
    """``a2pcli receipts import``. ``new``, ``duplicates`` and ``forgotten`` add up to ``receipts``."""

    file: str
    dry_run: bool
    receipts: Annotated[int, says("receipts in the file; one row of JSON may hold several")]
    new: int
    duplicates: Annotated[int, says("receipts that were in the ledger, or earlier in the file")]
    matched: Annotated[int, says("receipts of the file that are about a message in the ledger")]
    unmatched: Annotated[int, says("receipts about no known message; kept, and matched at a later import")]
    matched_later: Annotated[int, says("receipts of earlier imports whose message is known now")]
    opted_out: Annotated[
        int, says("people suppressed for the sender, since a receipt says that they opted out")
    ]
    invalid: Annotated[
        int, says("addresses suppressed for the channel: a receipt says that they do not exist")
    ]
    forgotten: Annotated[int, says("not kept: the person was erased, or retention removed their data")]
    accepted: Annotated[int, says("messages that were unknown or considered not sent, and are accepted now")]
    statuses: Annotated[Counts, says("receipts by what they say")]
    unknown_statuses: Annotated[Counts, says("unknown statuses; kept, not counted")]
    without_time: Annotated[int, says("receipts with an unreadable time")]
    refused: Annotated[int, says("rows without a message id or a status")]
    refused_rows: Annotated[list[RefusedReceipt], says("the first 1,000 of them")]
    notes: list[str]


class PulledList(TypedDict):
    """A gateway's list as it was read. ``new``, ``known``, ``others`` and ``forgotten`` add up to ``listed``."""

    gateway: str
    since: Annotated[str, says("from when it was read")]
    until: str
    pages: int
    listed: Annotated[int, says("receipts or replies in the list")]
    new: Annotated[int, says("stored now")]
    known: Annotated[int, says("in the ledger before, also by a callback with other words")]
    others: Annotated[int, says("receipts of messages that are not in this ledger; not stored")]
    forgotten: Annotated[int, says("not stored: the person was erased, or retention removed their data")]
    accepted: Annotated[int, says("messages that were unknown or considered not sent, and are accepted now")]
    opted_out: Annotated[int, says("people newly suppressed since they opted out")]
    invalid: Annotated[int, says("addresses newly suppressed since they do not exist")]
    statuses: Annotated[Counts, says("receipts by what they say")]
    unknown_statuses: Annotated[Counts, says("unknown statuses; not counted")]
    problem: Annotated[
        str | None, says("why the list was not read to its end; what was read until then is stored")
    ]


class Pull(TypedDict):
    """``a2pcli receipts pull`` and ``a2pcli replies pull``."""

    list: Annotated[str, says("`receipts` or `replies`")]
    gateways: list[PulledList]
