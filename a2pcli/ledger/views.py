"""What ``a2pcli ledger query`` can ask: views of the ledger as people read it, on SQLite and PostgreSQL alike.

Runs have their ids, not numbers; moments are ISO 8601 in UTC; money is decimal text. Their names and columns are a
promise, which the tables behind them are not. ``docs/query.md`` is made from this list.
"""

from __future__ import annotations

from collections.abc import Iterator

from a2pcli.dataclass import dataclass
from a2pcli.ledger.attempt_ids import ATTEMPT_BIT
from a2pcli.ledger.attempt_senders import SENDER_SQL
from a2pcli.ledger.tables import MOST_ROWS, ROWS_PER_RUN, metadata

MESSAGES = "messages"
"""The only one that is not a view of a table: its rows are read from the plans when a query names it."""

TEXT, NUMBER, MOMENT, MONEY = "text", "integer", "moment", "money"


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column: ``source`` is SQL over the view's tables; for ``messages``, a name in ``plan_rows.NAMES``."""

    name: str
    says: str
    source: str = ""
    kind: str = TEXT


@dataclass(frozen=True, slots=True)
class View:
    """A view. ``table`` is its main table, which must exist; ``joined`` follows it in FROM, where ``{main}`` is the
    schema."""

    name: str
    says: str
    columns: tuple[ViewColumn, ...]
    table: str = ""
    joined: str = ""

    def sql(self, dialect: str, schema: str) -> str:
        """Return the SELECT statement of the view for a dialect."""
        columns = ", ".join(f"{_shown(one, dialect)} AS {one.name}" for one in self.columns)
        return f"SELECT {columns} FROM {schema}.{self.table} t {self.joined.format(main=schema)}"


def _shown(column: ViewColumn, dialect: str) -> str:
    source = column.source or f"t.{column.name}"
    if column.kind == MOMENT:
        if dialect == "sqlite":
            return f"strftime('%Y-%m-%dT%H:%M:%SZ', {source} / 1000, 'unixepoch')"
        return f"to_char(to_timestamp({source} / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    if column.kind == MONEY:
        if dialect == "sqlite":
            nano = f"printf('%d.%09d', {source} / 1000000000, {source} % 1000000000)"
            least = f"length(printf('%d', {source} / 1000000000)) + 3"
            short = f"rtrim({nano}, '0')"
            text = f"substr({nano}, 1, max(length({short}), {least}))"
            return f"CASE WHEN {source} IS NOT NULL THEN {text} END"
        exact = f"trim_scale({source} / 1000000000::numeric)"
        return f"CASE WHEN scale({exact}) < 2 THEN round({exact}, 2) ELSE {exact} END::text"
    return source


_RUN_OF = "LEFT JOIN {main}.runs r ON r.number = t.run"

_ROW = f"(t.id & {MOST_ROWS})"

_OF_ROW = (
    ViewColumn("run", "the run's id", "r.id"),
    ViewColumn("row", "row of the plan, from 1", _ROW, NUMBER),
)

_WHAT_HAPPENED = (
    ViewColumn("state", "planned, skipped, submitting, accepted, rejected, unknown, expired or cancelled"),
    ViewColumn("reason", "why it was skipped, is held or has ended"),
    ViewColumn("rule", "the named rule behind the reason"),
    ViewColumn("detail", "details of the reason, or the gateway's answer"),
    ViewColumn("code", "the gateway's code"),
    ViewColumn("gateway_id", "the gateway's id of the message"),
)

_MONEY_OF = (
    ViewColumn("parts", "SMS parts", kind=NUMBER),
    ViewColumn("cost", "price, in units of the currency", "t.cost", MONEY),
    ViewColumn("cost_nano", "the same as an integer of 1e-9 units, to add up exactly", "t.cost", NUMBER),
    ViewColumn("currency", "ISO 4217"),
)

_MOMENTS = (
    ViewColumn("tries", "how often it was submitted to the gateway", kind=NUMBER),
    ViewColumn("due_at", "when it can be sent, if it is held or retried", "nullif(t.due_at, 0)", MOMENT),
    ViewColumn("claimed_at", "when it was submitted to the gateway", kind=MOMENT),
    ViewColumn("settled_at", "when its state was decided", kind=MOMENT),
)

_DELIVERY = (
    ViewColumn("delivery", "delivery status according to receipts"),
    ViewColumn("delivered_at", "when it was delivered", kind=MOMENT),
    ViewColumn("delivery_code", "the code of the receipt"),
)

_ALL = (
    View(
        "runs",
        "Every run and plan.",
        (
            ViewColumn("run", "the run's id", "t.id"),
            ViewColumn("campaign", "the campaign's name"),
            ViewColumn("occurrence", "its occurrence", "o.occurrence"),
            ViewColumn(
                "state", "planning, planned, sending, paused, finished, cancelled, discarded or superseded"
            ),
            ViewColumn("state_reason", "why it is in this state"),
            ViewColumn("campaign_file", "path of the campaign"),
            ViewColumn("contacts_file", "path of the contacts"),
            ViewColumn("gateway", "the gateway's name in the settings"),
            ViewColumn("channel", "sms, whatsapp, email, …"),
            ViewColumn("sender", "the sender of the run"),
            ViewColumn("purpose", "marketing, transactional, otp or emergency"),
            ViewColumn("programme", "what people consent to and opt out of"),
            ViewColumn("subject", "what the campaign is about, for caps"),
            ViewColumn("survey", "the survey whose first question its messages ask"),
            ViewColumn("digest", "digest of the plan"),
            ViewColumn("rows_read", "rows of the contacts file", kind=NUMBER),
            ViewColumn("created_at", "when planning began", kind=MOMENT),
            ViewColumn("planned_at", "when the plan was complete", kind=MOMENT),
            ViewColumn("started_at", "when sending began", kind=MOMENT),
            ViewColumn("finished_at", "when it was finished or cancelled", kind=MOMENT),
            ViewColumn("not_before", "no message is sent before", kind=MOMENT),
            ViewColumn("expires_at", "no message is sent after", kind=MOMENT),
        ),
        "runs",
        "LEFT JOIN {main}.occasions o ON o.number = t.occasion",
    ),
    View(
        MESSAGES,
        "Every row of every plan in its current state, including excluded rows; of several attempts, the last.",
        (
            ViewColumn("run", "the run's id"),
            ViewColumn("row", "row of the plan, from 1", kind=NUMBER),
            ViewColumn("reference", "the reference that was passed to the gateway"),
            ViewColumn("line", "line of the contacts file", "line", NUMBER),
            ViewColumn("address", "phone number, email address or chat id", "address"),
            ViewColumn("cell", "the cell as it was read, if it is not a valid address", "cell"),
            ViewColumn("country", "ISO region of the recipient", "country"),
            *(ViewColumn(one.name, one.says, one.name) for one in _WHAT_HAPPENED),
            ViewColumn("body", "the text", "body"),
            ViewColumn("content", "what the channel sends beside the text, as JSON", "content"),
            ViewColumn("encoding", "GSM-7 or UCS-2", "encoding"),
            ViewColumn("units", "septets or UTF-16 units", "units", NUMBER),
            *(
                ViewColumn(one.name, one.says, one.source.removeprefix("t.") or one.name, one.kind)
                for one in _MONEY_OF
            ),
            ViewColumn("variant", "the variant of the text", "variant"),
            ViewColumn("sender", "the sender, if different from the run's", "sender"),
            ViewColumn("consent", "what the contacts file said of consent", "consent"),
            ViewColumn("tries", "how often it was submitted to the gateway", "attempts", NUMBER),
            *(ViewColumn(one.name, one.says, one.name, one.kind) for one in (*_MOMENTS[1:], *_DELIVERY)),
        ),
    ),
    View(
        "attempts",
        "Every attempt to send a message, and every message that was skipped or returned to the plan while sending.",
        (
            *_OF_ROW,
            ViewColumn(
                "attempt",
                "number of the attempt, from 1",
                f"((t.id % {ROWS_PER_RUN}) >> {ATTEMPT_BIT}) + 1",
                NUMBER,
            ),
            ViewColumn("address", "phone number, email address or chat id"),
            ViewColumn("channel", "the channel", "coalesce(t.channel, r.channel)"),
            ViewColumn("gateway", "the gateway's name in the settings", "coalesce(t.gateway, r.gateway)"),
            ViewColumn("sender", "the sender; empty if the gateway chooses it", SENDER_SQL),
            ViewColumn("country", "ISO region of the recipient"),
            ViewColumn("variant", "the variant of the text"),
            *_MONEY_OF,
            *_WHAT_HAPPENED,
            *_MOMENTS,
            *_DELIVERY,
        ),
        "attempts",
        _RUN_OF,
    ),
    View(
        "receipts",
        "Every delivery receipt, as received.",
        (
            ViewColumn("run", "the run's id; null if no message matches", "r.id"),
            ViewColumn("row", "row of the plan", f"(t.attempt & {MOST_ROWS})", NUMBER),
            ViewColumn("gateway", "the gateway's name in the settings"),
            ViewColumn("gateway_id", "the gateway's id of the message"),
            ViewColumn("reference", "our reference, if the receipt contains it"),
            ViewColumn("status", "the provider's status"),
            ViewColumn("delivery", "delivery status; null if the provider's status is unknown"),
            ViewColumn("code", "the provider's code"),
            ViewColumn("at", "when it happened", kind=MOMENT),
            ViewColumn("received_at", "when the receipt was imported", kind=MOMENT),
            ViewColumn("source", "the file it was imported from"),
            ViewColumn("price", "what the provider bills, in units of the currency", "t.price", MONEY),
            ViewColumn("currency", "ISO 4217"),
            ViewColumn(
                "answer", "the reference of its message in `answers`, if it is one of these", "n.reference"
            ),
        ),
        "receipts",
        f"LEFT JOIN {{main}}.runs r ON r.number = t.attempt / {ROWS_PER_RUN}"
        " LEFT JOIN {main}.answers n ON n.number = t.answer",
    ),
    View(
        "replies",
        "Every reply that `optout reply` and `optout replies` handled, or that came by a gateway.",
        (
            ViewColumn(
                "run", "run of the newest message to the person before it; null if none is known", "r.id"
            ),
            ViewColumn("row", "row of that message", f"(t.attempt & {MOST_ROWS})", NUMBER),
            ViewColumn("gateway", "the gateway's name in the settings, if it is known"),
            ViewColumn("address", "who wrote: phone number, email address or chat id"),
            ViewColumn("recipient", "your sender that it was written to, if it is known"),
            ViewColumn("body", "the text, if the settings keep it (`replies: {texts: keep}`)"),
            ViewColumn("kind", "stop, start, help or another meaning"),
            ViewColumn("at", "when it was written, if it is known", kind=MOMENT),
            ViewColumn("received_at", "when it was handled", kind=MOMENT),
            ViewColumn(
                "source",
                "the file it was in, who entered it, or the gateway and the run it came while sending",
            ),
        ),
        "replies",
        f"LEFT JOIN {{main}}.runs r ON r.number = t.attempt / {ROWS_PER_RUN}",
    ),
    View(
        "answers",
        "Every message outside of a campaign run: confirmations of STOP, answers to replies, messages of agents.",
        (
            ViewColumn("reference", "the reference that was passed to the gateway"),
            ViewColumn("kind", "what it is: stop, start, help, keyword, agent, …"),
            ViewColumn("address", "to whom: phone number, email address or chat id"),
            ViewColumn("channel", "the channel"),
            ViewColumn("gateway", "the gateway's name in the settings"),
            ViewColumn("sender", "the sender; empty if the gateway chooses it"),
            ViewColumn("body", "the text, if the settings keep it (`replies: {texts: keep}`)"),
            ViewColumn("purpose", "marketing, transactional, otp or emergency"),
            ViewColumn("programme", "what the person can opt out of"),
            ViewColumn("state", "planned, submitting, accepted, rejected, unknown, expired or skipped"),
            ViewColumn("reason", "why it was skipped"),
            ViewColumn("tries", "how often it was submitted to the gateway", kind=NUMBER),
            ViewColumn("created_at", "when it was made", kind=MOMENT),
            ViewColumn("until_at", "when it is no longer sent", kind=MOMENT),
            ViewColumn("claimed_at", "when it was submitted to the gateway", kind=MOMENT),
            ViewColumn("settled_at", "when its state was decided", kind=MOMENT),
            ViewColumn("code", "the gateway's code"),
            ViewColumn("detail", "the gateway's answer"),
            ViewColumn("gateway_id", "the gateway's id of the message"),
            ViewColumn("source", "the gateway whose reply it answers, or who wrote it"),
            ViewColumn("delivery", "delivery status according to receipts"),
            ViewColumn("delivered_at", "when that was", kind=MOMENT),
            ViewColumn("delivery_code", "the provider's code, of a message that did not arrive"),
            ViewColumn(
                "billed_cost",
                "what the provider bills, in units of billed_currency, if receipts say so",
                "t.billed_cost",
                MONEY,
            ),
            ViewColumn("billed_currency", "ISO 4217"),
        ),
        "answers",
    ),
    View(
        "conversations",
        "What people wrote that a person has to read: the inbox.",
        (
            ViewColumn("code", "its name in `a2pcli inbox`"),
            ViewColumn("address", "who wrote: phone number, email address or chat id"),
            ViewColumn("channel", "the channel"),
            ViewColumn("gateway", "the gateway's name in the settings"),
            ViewColumn("sender", "your sender that was written to"),
            ViewColumn("programme", "the programme of the newest message to the person"),
            ViewColumn("state", "open or closed"),
            ViewColumn("why", "why a person has to read it"),
            ViewColumn("agents", "the agents who got it"),
            ViewColumn("assignee", "who deals with it"),
            ViewColumn("opened_at", "when it began", kind=MOMENT),
            ViewColumn("heard_at", "when the person last wrote", kind=MOMENT),
            ViewColumn("answered_at", "when an agent last answered", kind=MOMENT),
            ViewColumn("closed_at", "when it was closed", kind=MOMENT),
        ),
        "conversations",
    ),
    View(
        "survey_sessions",
        "People who were asked the questions of a survey, from their first answer on.",
        (
            ViewColumn("number", "identifies it in survey_answers", kind=NUMBER),
            ViewColumn("survey", "the survey's name"),
            ViewColumn("address", "who was asked: phone number, email address or chat id"),
            ViewColumn("channel", "the channel"),
            ViewColumn("gateway", "the gateway's name in the settings"),
            ViewColumn("sender", "your sender that asks; empty if the gateway chooses it"),
            ViewColumn("programme", "what the person can opt out of"),
            ViewColumn("state", "open, finished, stopped, unclear, replaced or late"),
            ViewColumn("question", "the newest question"),
            ViewColumn("asked_at", "when it was asked", kind=MOMENT),
            ViewColumn("until_at", "until when its answer is in time", kind=MOMENT),
            ViewColumn("started_at", "when the first question was asked", kind=MOMENT),
            ViewColumn("ended_at", "when it ended", kind=MOMENT),
        ),
        "survey_sessions",
    ),
    View(
        "survey_answers",
        "What people answered to the questions of surveys.",
        (
            ViewColumn("session", "the number in survey_sessions", kind=NUMBER),
            ViewColumn("question", "the question's name"),
            ViewColumn("address", "who answered"),
            ViewColumn("kind", "choice, number, scale or text"),
            ViewColumn("value", "the option, the number or the text"),
            ViewColumn("at", "when it was answered", kind=MOMENT),
            ViewColumn("late", "1 if it came after its time", kind=NUMBER),
        ),
        "survey_answers",
    ),
    View(
        "bot_usage",
        "What was asked of bots (docs/chat.md), and what that cost, by day (UTC).",
        (
            ViewColumn("bot", "the bot's name in replies.yaml"),
            ViewColumn("day", "days since 1970-01-01", kind=NUMBER),
            ViewColumn("currency", "of its prices; empty without"),
            ViewColumn("asked", "requests", kind=NUMBER),
            ViewColumn("answered", "answers that were taken", kind=NUMBER),
            ViewColumn("handed_over", "replies that were given to a person instead", kind=NUMBER),
            ViewColumn(
                "tokens_in", "tokens that it read; the most possible where it did not tell", kind=NUMBER
            ),
            ViewColumn("tokens_out", "tokens that it made", kind=NUMBER),
            ViewColumn("cost", "in 1e-9 currency units", kind=NUMBER),
        ),
        "bot_usage",
    ),
    View(
        "triggers",
        "Events that other systems reported: `POST /events/NAME`, `a2pcli trigger` and MQTT topics.",
        (
            ViewColumn("code", "its name in the answer to whoever reported it"),
            ViewColumn("name", "its name in events.yaml"),
            ViewColumn("address", "the person; empty if the address cannot be read"),
            ViewColumn("source", "who reported it: a token, a provider, a user or a topic"),
            ViewColumn("state", "waiting, sent (see `answers`), excluded or expired"),
            ViewColumn("reason", "why it was excluded, or what it waits for"),
            ViewColumn("detail", "more about the reason"),
            ViewColumn("answer", "the reference of its message in `answers`"),
            ViewColumn(
                "cost", "the planned price of its message; of a digest, in its last event", kind=MONEY
            ),
            ViewColumn("currency", "the currency of the price"),
            ViewColumn("occurred_at", "when it happened", kind=MOMENT),
            ViewColumn("received_at", "when it was reported", kind=MOMENT),
            ViewColumn("due_at", "when its message may be made", kind=MOMENT),
            ViewColumn("until_at", "when nothing is sent about it any more", kind=MOMENT),
            ViewColumn("settled_at", "when its state was decided", kind=MOMENT),
        ),
        "triggers",
    ),
)


def views() -> Iterator[View]:
    """Yield the views of this version whose tables exist."""
    for view in _ALL:
        if not view.table or view.table in metadata.tables:
            yield view


def messages() -> View:
    """Return the view ``MESSAGES``."""
    return next(view for view in _ALL if view.name == MESSAGES)
