"""What the commands about opt-outs, replies and consents print with ``--json``."""

from __future__ import annotations

from typing import Annotated, Any

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Consent, Counts, Moment, Suppression, says


class Added(TypedDict):
    """``a2pcli optout add``."""

    added: list[str]
    already: list[str]
    refused: list[str]


class Removed(TypedDict):
    """``a2pcli optout remove``."""

    removed: list[str]
    not_listed: list[str]
    refused: list[str]


class Suppressions(TypedDict):
    """``a2pcli optout list``."""

    count: int
    lists: list[dict[str, Any]]
    suppressions: list[Suppression]


class RefusedRow(TypedDict):
    """A row that could not be read."""

    line: int
    column: Annotated[str | None, says("the further address column; null: the file's first one")]
    cell: str | None
    reason: str


class DoubtfulRow(TypedDict):
    """A number that was suppressed as it stands."""

    line: int
    column: Annotated[str | None, says("the further address column; null: the file's first one")]
    cell: str | None


class OptOutImport(TypedDict):
    """``a2pcli optout import``."""

    file: str
    rows: int
    added: int
    already: int
    also: Annotated[dict[str, int], says("entries added by further address columns of the rows")]
    also_refused: Annotated[dict[str, int], says("addresses in these columns that cannot be read")]
    empty: int
    lifted: int
    missing: Annotated[int, says("numbers from earlier versions of the list that are no longer in it")]
    refused: int
    doubtful: list[DoubtfulRow]
    reasons: Counts
    refused_rows: list[RefusedRow]


class Exported(TypedDict):
    """``a2pcli optout export``."""

    file: str
    entries: int


class OptOutCheck(TypedDict):
    """``a2pcli optout check``."""

    number: str
    suppressed: bool
    asked: list[str]
    scopes: list[str]
    entries: list[Suppression]


class Reply(TypedDict):
    """``a2pcli optout reply``, and a reply that a person should read."""

    line: int | None
    number: str
    text: str
    meaning: str
    flagged: bool
    why: str | None
    done: str


class UnreadReply(TypedDict):
    """A row of a file of replies that could not be read."""

    line: int
    reason: str


class Replies(TypedDict):
    """``a2pcli optout replies``."""

    file: str
    rows: int
    outbound: Annotated[int, says("rows that we sent")]
    meanings: Counts
    flagged: list[Reply]
    refused: list[UnreadReply]


class ConsentRecorded(TypedDict):
    """``a2pcli consent record``."""

    recorded: list[str]
    already: list[str]
    expires: dict[str, Moment | None]
    refused: list[str]


class FurtherConsents(TypedDict):
    """Consents of the addresses in a further column."""

    recorded: int
    already: int
    withdrawn: int
    refused: int


class ConsentImport(TypedDict):
    """``a2pcli consent import``."""

    file: str
    rows: int
    recorded: int
    already: int
    said_no: int
    withdrawn: int
    unconfirmed: int
    empty: int
    refused: int
    reasons: Counts
    refused_rows: list[dict[str, Any]]
    also: Annotated[
        dict[str, FurtherConsents],
        says("further address columns of the rows, and what was recorded of their addresses"),
    ]


class ConsentShown(TypedDict):
    """``a2pcli consent show``."""

    number: str
    programme: str | None
    channel: str
    allowed: bool
    allowing: Consent | None
    records: list[Consent]


class ConsentKind(TypedDict):
    """Records of one kind."""

    programme: str | None
    channel: str | None
    basis: str
    state: str
    records: int


class Consents(TypedDict):
    """``a2pcli consent list``."""

    count: int
    consents: list[ConsentKind]


class ConsentsExported(TypedDict):
    """``a2pcli consent export``."""

    file: str
    records: int


class ConsentRevoked(TypedDict):
    """``a2pcli consent revoke``."""

    revoked: Annotated[Counts, says("records that ended, by number")]
    refused: list[str]
