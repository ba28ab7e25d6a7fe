"""``a2pcli optout reply`` and ``replies``: what people wrote back, acted on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.cli.ledger_option import ledger_to_record, settings_from
from a2pcli.cli.optout_work import ScopeOptions, read_numbers
from a2pcli.cli.own_senders import is_own, own_numbers
from a2pcli.cli.scopes import Scope, scope_of
from a2pcli.cli.terminal.output import print_json, printable, say
from a2pcli.cli.terminal.problems import show_problems
from a2pcli.contacts.checked import PeopleRows
from a2pcli.contacts.message_log import person_columns, text_column
from a2pcli.contacts.table import ReadOptions, Table, open_table
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.records import now_ms
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.rules.keywords import Meaning, Reply, classify

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

SOURCE = "reply"
SHOWN = 20
KEPT_TEXT = 120
"""Characters of a reply that are kept with the entry it makes."""


@dataclass(frozen=True, slots=True)
class Acted:
    """A reply and what was done about it."""

    number: str
    text: str
    reply: Reply
    done: str
    line: int | None = None


def act(
    store: Ledger, number: str, text: str, scope: Scope, survey_open: bool, now: int, keywords: frozenset[str]
) -> Acted:
    """Understand one reply, suppress or lift by it. ``keywords`` mean stop by the law and the project's rules."""
    held = [one for one in store.suppressions_of(number) if one.holds(now)]
    reply = classify(text, opted_out=bool(held), survey_open=survey_open, keywords=keywords)
    if reply.meaning is Meaning.STOP:
        new = store.suppress(
            number,
            scope=scope.kind,
            scope_value=scope.value,
            source=SOURCE,
            reason=text.strip()[:KEPT_TEXT] or None,
            now=now,
        )
        return Acted(
            number, text, reply, f"suppressed for {scope.words}" if new else "was on the list already"
        )
    if reply.meaning is Meaning.START:
        return Acted(number, text, reply, _start(store, number, now))
    return Acted(number, text, reply, "nothing done")


def _keywords(settings: LoadedSettings) -> frozenset[str]:
    """Words that mean stop by the law and the project's rules; as packaged where the project's are wrong."""
    from a2pcli.rules.law import Law, law_of

    try:
        return law_of(settings).stop_keywords()
    except A2PError:
        return Law.load().stop_keywords()


def _start(store: Ledger, number: str, now: int) -> str:
    """A START takes back what this person's own STOP did, here or at the gateway; not what lists and people said."""
    mine, others = [], 0
    for one in store.suppressions_of(number):
        if one.holds(now):
            if one.source == SOURCE or one.source.startswith("gateway"):
                mine.append(one)
            else:
                others += 1
    for one in mine:
        store.lift(number, scope=one.scope, scope_value=one.scope_value, by="their reply START", now=now)
    if others:
        return f"still suppressed by {others} other entr{'y' if others == 1 else 'ies'}"
    return "may be messaged again" if mine else "was not on the list"


def reply_of(
    cell: str,
    text: str,
    scope_options: ScopeOptions,
    region: str | None,
    ledger: str | None,
    *,
    survey_open: bool,
    as_json: bool,
) -> None:
    """Act on one reply."""
    scope = scope_of(*scope_options)
    numbers, problems = read_numbers([cell], region)
    if problems:
        raise UsageError(*problems)
    settings = settings_from(Path.cwd())
    if is_own(numbers[0], own_numbers(settings, campaigns=True)):
        hint = "name who wrote; `a2pcli optout add` suppresses a number of your own"
        raise UsageError(Problem(f"{numbers[0]} is a sender of your own", hint=hint, code="own-sender"))
    with ledger_to_record(ledger, Path.cwd()) as store:
        acted = act(store, numbers[0], text, scope, survey_open, now_ms(), _keywords(settings))
    if as_json:
        print_json(_document(acted))
        return
    print(f"{acted.number}: {acted.reply.meaning}, {acted.done}")
    if acted.reply.flagged:
        say(f"please read it: {acted.reply.why}")


def _document(acted: Acted) -> dict[str, Any]:
    reply = acted.reply
    return {
        "line": acted.line,
        "number": acted.number,
        "text": acted.text,
        "meaning": str(reply.meaning),
        "flagged": reply.flagged,
        "why": reply.why or None,
        "done": acted.done,
    }


def replies_of(
    file: str,
    scope_options: ScopeOptions,
    region: str | None,
    columns: tuple[str | None, str | None],
    ledger: str | None,
    *,
    as_json: bool,
) -> int:
    """Act on every reply of a file, in its order; gives the exit status."""
    scope = scope_of(*scope_options)
    named = {name: column for name, column in zip(("phone", "text"), columns, strict=True) if column}
    table = open_table(file, options=ReadOptions(columns=named))
    settings = settings_from(Path.cwd())
    own = own_numbers(settings, campaigns=True)
    people = person_columns(table, columns[0], are_replies=True, own=own)
    rows = PeopleRows(table, people, region or settings.settings.region, own)
    texts, keywords = _texts(table), _keywords(settings)
    meanings: Counter[str] = Counter()
    flagged: list[Acted] = []
    refused: list[Problem] = []
    now, sent = now_ms(), 0
    with ledger_to_record(ledger, Path.cwd()) as store:
        for chunk in rows.chunks():
            reasons = (chunk.columns["@reason"].to_pylist(), chunk.columns["@detail"].to_pylist())
            for line, number, reason, detail in zip(
                chunk.lines.tolist(), chunk.columns["@number"].to_pylist(), *reasons, strict=True
            ):
                text = next(texts)
                if number is None and reason is None:
                    sent += 1
                    continue
                if number is None:
                    why = detail or SENTENCES[Reason(reason)]
                    refused.append(Problem(why, path=table.path, line=line, code=reason))
                    continue
                acted = act(store, number, text, scope, False, now, keywords)
                meanings[acted.reply.meaning] += 1
                if acted.reply.flagged:
                    flagged.append(Acted(number, text, acted.reply, acted.done, line))
        store.record("optout.replies", Path(file).name, dict(meanings))
    _show(table, meanings, flagged, refused, sent, as_json=as_json)
    return int(ExitStatus.INVALID if refused else ExitStatus.OK)


def _texts(table: Table) -> Iterator[str]:
    """What was written, row by row."""
    name = text_column(table)
    if name is None:
        hint = "name it with --text-column; text, reply, body, message, content and the like are found"
        raise InvalidInput(Problem("no column with what people wrote", path=table.path, hint=hint))
    return (text or "" for frame in table.chunks([name]) for text in frame[name].to_pylist())


def _show(
    table: Table,
    meanings: Counter[str],
    flagged: list[Acted],
    refused: list[Problem],
    sent: int,
    *,
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            {
                "file": table.path,
                "rows": meanings.total() + len(refused) + sent,
                "outbound": sent,
                "meanings": dict(meanings.most_common()),
                "flagged": [_document(acted) for acted in flagged],
                "refused": [{"line": one.line, "reason": one.code} for one in refused],
            }
        )
        return
    show_problems(refused[:SHOWN])
    counts = [f"{count:,} {meaning}" for meaning, count in meanings.most_common()]
    counts += [f"{len(refused):,} refused: nothing was done for them"] if refused else []
    many = meanings.total() + len(refused)
    print(f"{many:,} repl{'y' if many == 1 else 'ies'}: {', '.join(counts) or 'none'}")
    if sent:
        print(f"{sent:,} message{'' if sent == 1 else 's'} that you sent, left alone")
    if flagged:
        print(f"{len(flagged):,} for a person to read:")
    for acted in flagged[:SHOWN]:
        text = printable(" ".join(acted.text.split()))[:KEPT_TEXT]
        print(f"  line {acted.line}  {acted.number}  {acted.reply.meaning}, {acted.done}: {text}")
    if len(flagged) > SHOWN:
        say(f"… and {len(flagged) - SHOWN:,} more; --json has every one")
