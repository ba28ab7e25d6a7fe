"""What the commands about files, people, gateways and the ledger print with ``--json``."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Counts, Moment, says


class Init(TypedDict):
    """``a2pcli init``."""

    folder: str
    created: list[str]
    kept: list[str]
    next: Annotated[list[str], says("suggested next commands")]


class Count(TypedDict):
    """``a2pcli count``."""

    encoding: str
    units: int
    parts: int
    texts: Annotated[list[str], says("the text of each part")]
    per_part: int
    left: Annotated[int, says("units left in the last part")]
    characters: Annotated[list[dict[str, Any]], says("characters that force UCS-2")]
    composed: Any
    smart: Any


class CountCharacters(TypedDict):
    """``a2pcli count --channel`` for a channel that counts characters."""

    channel: str
    characters: Annotated[int, says("UTF-16 units: an emoji counts two")]
    limits: Annotated[list[dict[str, Any]], says("what, most, left, fits; empty where the channel sets none")]


class Gateway(TypedDict):
    """A gateway of the settings."""

    name: str
    type: str
    default: bool
    configured: bool
    ready: bool
    variables: Annotated[
        dict[str, bool], says("environment variables it refers to, and whether they are set")
    ]
    capabilities: dict[str, Any] | None
    rate: str | None
    quotas: list[str]
    sender: str | None
    problems: list[str]


class Route(TypedDict):
    """A route of the settings: gateways that share messages and stand in for each other."""

    name: str
    default: bool
    gateways: list[str]
    rules: Annotated[dict[str, Any], says("by place: how gateways are put in order, and which")]
    rules_in_words: dict[str, str]


class GatewayType(TypedDict):
    """A type that is installed."""

    type: str
    target: str
    summary: str
    package: str | None


class Gateways(TypedDict):
    """``a2pcli gateways``."""

    settings: str | None
    default: str
    gateways: list[Gateway]
    routes: list[Route]
    types: list[GatewayType]


class GatewayKey(TypedDict):
    """A key of a gateway's block."""

    key: Annotated[str, says("its path; `a.b` is a key within a, `a[].b` within each item of the list a")]
    type: str
    required: bool
    default: Annotated[str | None, says("null if there is none")]
    meaning: str
    shared: Annotated[bool, says("whether every gateway takes it")]


class GatewayShown(TypedDict):
    """``a2pcli gateways show``."""

    name: str
    type: str
    summary: str
    configured: bool
    place: Annotated[str | None, says("file, line and column of the block")]
    capabilities: Annotated[
        dict[str, Any] | None, says("null if they are not known without its settings or its extra")
    ]
    keys: list[GatewayKey]
    example: Annotated[str, says("YAML, below `gateways:`")]
    variables: Annotated[
        dict[str, bool], says("environment variables of the block, else of the example; whether they are set")
    ]
    limits: list[str]
    docs: str
    problems: list[str]


class GatewayAdded(TypedDict):
    """``a2pcli gateways add``."""

    name: str
    type: str
    file: str
    created: Annotated[bool, says("whether the file is new")]
    block: Annotated[str, says("YAML, as it was written below `gateways:`")]
    variables: Annotated[
        dict[str, bool], says("environment variables that it reads, and whether they are set")
    ]
    docs: str


class GatewayHealth(TypedDict):
    """The answer to a check of a gateway."""

    ok: bool
    detail: str


class GatewayTest(TypedDict):
    """``a2pcli gateways test``."""

    name: str
    ok: bool
    delivers: Annotated[bool | None, says("whether messages are sent to a provider; null if unknown")]
    instead: Annotated[str | None, says("what happens to them instead, like: written to a file")]
    check: GatewayHealth
    message: dict[str, Any] | None


class ContactRow(TypedDict):
    """A row of a contacts file."""

    line: int
    cell: str | None
    number: str | None
    reason: str | None
    detail: str | None
    type: str | None
    country: str | None
    repairs: list[str]
    duplicate_of: NotRequired[Annotated[int, says("the earlier line with the same number")]]


class ContactsSummary(TypedDict):
    """Counts over all rows."""

    rows: int
    ok: int
    refused: int
    blank_rows: int
    duplicates: int
    reasons: Counts
    countries: Counts
    types: Counts
    repairs: Counts


class FurtherColumn(TypedDict):
    """Counts of another column with addresses."""

    rows: int
    ok: int
    refused: Annotated[int, says("including rows without an address in this column")]
    duplicates: int
    reasons: Counts


class ContactsCheck(TypedDict):
    """``a2pcli contacts check``."""

    rows: list[ContactRow]
    file: str
    format: str
    encoding: str | None
    encoding_guessed: bool
    delimiter: str | None
    column: Annotated[str, says("the column of the numbers")]
    read_as: dict[str, list[str]]
    region: str | None
    summary: ContactsSummary
    further: Annotated[
        dict[str, FurtherColumn], says("other columns with addresses; empty if a column or channel was named")
    ]
    warnings: list[str]


class AuditEntry(TypedDict):
    """An entry of the audit trail."""

    number: int
    at: Moment
    who: str
    host: str
    action: str
    subject: str | None
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditList(TypedDict):
    """``a2pcli audit list``."""

    entries: list[AuditEntry]


class BrokenEntry(TypedDict):
    """An entry that does not hold."""

    entry: int
    problem: str


class AuditVerified(TypedDict):
    """``a2pcli audit verify``."""

    sound: bool
    entries: int
    head: str | None
    number: int | None
    broken: list[BrokenEntry]


class PrunedRun(TypedDict):
    """What was removed of a run."""

    run: str
    campaign: str
    what: str
    rows: int


class Pruned(TypedDict):
    """``a2pcli prune``."""

    dry_run: bool
    runs: list[PrunedRun]
    contacted: int
    receipts: Annotated[int, says("delivery receipts without a known message")]
    replies: Annotated[int, says("replies of people")]
    answers: Annotated[int, says("messages outside of campaigns")]
    codes: Annotated[int, says("one-time passwords")]
    answer_texts: Annotated[int, says("texts of such messages")]
    conversations: Annotated[int, says("closed conversations of the inbox")]
    survey_sessions: Annotated[int, says("people who were asked in surveys")]
    survey_answers: int
    triggers: Annotated[int, says("events that were reported")]
    reachability: Annotated[int, says("answers about whom a channel reaches")]
    busy: Annotated[list[str], says("runs that are being sent; skipped")]


class PersonExported(TypedDict):
    """``a2pcli people export``."""

    number: str
    erased: bool
    note: NotRequired[str]
    messages: list[dict[str, Any]]
    suppressions: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    contacted: list[dict[str, Any]]
    replies: list[dict[str, Any]]
    answers: Annotated[list[dict[str, Any]], says("messages to the person outside of campaigns")]
    conversations: list[dict[str, Any]]
    codes: Annotated[list[dict[str, Any]], says("one-time passwords sent to the person, without the codes")]
    verified: Annotated[list[dict[str, Any]], says("addresses that the person verified with a code")]
    survey_sessions: list[dict[str, Any]]
    survey_answers: list[dict[str, Any]]
    triggers: Annotated[list[dict[str, Any]], says("events about the person that were reported")]
    reachability: Annotated[
        list[dict[str, Any]], says("what gateways said of whether a channel reaches the person")
    ]


class PersonErased(TypedDict):
    """``a2pcli people erase``."""

    erased: bool
    rows: Annotated[Counts, says("changed rows by table")]
    skipped: Annotated[int, says("planned messages that will not be sent")]
    runs: list[str]
    files: Annotated[Counts, says("changed rows by file")]
    files_gone: list[str]
    copies_removed: Annotated[list[str], says("copies of the ledger left by an interrupted command")]
    copies: Annotated[list[str], says("other copies of the ledger, which may still contain the person")]
    contacts_files: Annotated[list[str], says("files that may still contain the person")]
    problems: list[str]
    in_flight: Annotated[int, says("messages in flight")]
    hash: str


class SchemaWritten(TypedDict):
    """``a2pcli schema --out``; without ``--out`` the schema itself is printed."""

    file: str


class LedgerFinding(TypedDict):
    """Something wrong in a ledger."""

    code: Annotated[str, says("stable code of the kind of problem")]
    run: str | None
    problem: str
    advice: Annotated[str, says("what to do")]


class LedgerChecked(TypedDict):
    """``a2pcli ledger check``."""

    ledger: str
    sound: bool
    runs: int
    chunks: Annotated[int, says("chunks in which plans are stored")]
    chunks_read: int
    rows: Annotated[int, says("rows in those chunks")]
    rows_read: int
    attempts: int
    audit_entries: int
    sample: Annotated[str | None, says("requested share of the chunks; null for all")]
    seed: Annotated[int | None, says("--seed that chooses the same chunks again")]
    notes: Annotated[list[str], says("what could not be checked from here")]
    findings: list[LedgerFinding]


class LedgerView(TypedDict):
    """A view that can be queried."""

    name: str
    says: str
    columns: dict[str, str]


class LedgerViews(TypedDict):
    """``a2pcli ledger query`` without a query."""

    views: list[LedgerView]


class LedgerAnswer(TypedDict):
    """``a2pcli ledger query SQL``."""

    columns: list[str]
    rows: Annotated[list[list[Any]], says("the cells of each row, in the order of the columns")]


class LedgerChanged(TypedDict):
    """``a2pcli ledger create``, ``accept``, ``encrypt``, ``decrypt`` and ``rekey``."""

    ledger: str
    done: Annotated[str, says("created, accepted, encrypted, decrypted or rekeyed")]
