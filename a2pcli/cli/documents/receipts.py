"""What ``a2pcli receipts`` prints with ``--json``."""

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
    forgotten: Annotated[int, says("not kept: the person was erased, or retention removed their data")]
    accepted: Annotated[int, says("messages that were unknown or considered not sent, and are accepted now")]
    statuses: Annotated[Counts, says("receipts by what they say")]
    unknown_statuses: Annotated[Counts, says("unknown statuses; kept, not counted")]
    without_time: Annotated[int, says("receipts with an unreadable time")]
    refused: Annotated[int, says("rows without a message id or a status")]
    refused_rows: Annotated[list[RefusedReceipt], says("the first 1,000 of them")]
    notes: list[str]
