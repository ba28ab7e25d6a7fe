"""Acts on replies: a STOP suppresses the person, a START lifts their own STOP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from a2pcli.actions.addresses import is_own, own_numbers, people_rows, read_addresses
from a2pcli.actions.audit import PieceByPiece, user
from a2pcli.actions.gateways import check_gateway_named
from a2pcli.actions.optouts import EVERYTHING, Scope
from a2pcli.actions.tables import half_done
from a2pcli.actions.unsubscribing import SOURCE as LINK
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem, UsageError
from a2pcli.ledger.records import now_ms
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.rules.keywords import Meaning, Reply, classify, no_programmes
from a2pcli.rules.reply_text import plain

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.actions.tables import InputTable
    from a2pcli.config.load import LoadedSettings
    from a2pcli.contacts.checked import PeopleRows
    from a2pcli.contacts.message_log import PersonColumns
    from a2pcli.contacts.table import Table
    from a2pcli.ledger.replies import KeptReply
    from a2pcli.ledger.store import Ledger

SOURCE = "reply"
PIECE = 500
"""Replies of a file that are acted on in one transaction: a sender of a SQLite ledger waits for no more than these."""
KEPT_TEXT = 120
"""Characters of a reply that are kept with the entry it makes."""


@dataclass(frozen=True, slots=True)
class HandledReply:
    """A reply and what was done about it. ``changed``: the suppression list is another one now.

    ``line`` is that of its file. ``was_out``: the person had opted out of everything, or of this scope, before.
    """

    number: str
    text: str
    reply: Reply
    done: str
    changed: bool = False
    line: int | None = None
    was_out: bool = False
    scope: Scope = EVERYTHING
    """What a STOP was for."""

    def kept(
        self,
        recipient: str | None = None,
        at: int | None = None,
        gateway: str | None = None,
        id: str | None = None,
    ) -> KeptReply:
        """The reply as the ledger keeps it: whom it was written to, when, by which gateway it came and with which of
        its ids, where that is known."""
        from a2pcli.ledger.replies import KeptReply

        meaning = str(self.reply.meaning)
        return KeptReply(self.number, self.text, meaning, recipient, at, gateway or "", id)


def handle_reply(
    ledger: Ledger,
    number: str,
    text: str,
    scope: Scope,
    *,
    keywords: frozenset[str],
    now: int,
    survey_open: bool = False,
    line: int | None = None,
    written_at: int | None = None,
    is_opt_out: bool = False,
    programmes: Programmes = no_programmes,
    to: Sequence[Scope] = (),
) -> HandledReply:
    """Understand one reply, suppress or lift by it. ``keywords`` mean stop by the law and the project's rules. A STOP
    that names one of the ``programmes`` ends that one alone, whatever ``scope`` is; with another name, everything.

    ``written_at`` (UTC milliseconds) is when it was written, for replies that may come in another order: a START from
    before the person's newest STOP lifts nothing. ``is_opt_out``: it is a STOP, whatever the text is.

    ``to`` are the scopes of the message that it is to, if that is known. Who gets such messages answers them with YES:
    it takes back what kept them away, and no opt-out from others.
    """
    holding = [one for one in ledger.optouts.of(number) if one.holds(now)]
    these = {EVERYTHING.key, scope.key, *(one.key for one in to)}
    is_out = any(Scope.of(one).key in these for one in holding)
    reply = classify(
        text, opted_out=is_out, survey_open=survey_open, keywords=keywords, programmes=programmes
    )
    is_yes = reply.meaning is Meaning.START and classify(text).meaning is Meaning.YES
    if is_opt_out and (reply.meaning is not Meaning.STOP or reply.programme is not None):
        reply = Reply(Meaning.STOP)  # the provider has blocked its sender altogether
    if programmes is not no_programmes and (reply.programme is not None or reply.is_for_all):
        scope = EVERYTHING if reply.programme is None else Scope("programme", reply.programme)
    done, changed = "nothing done", False
    if reply.meaning is Meaning.STOP:
        changed = ledger.optouts.add(
            number,
            scope=scope.kind,
            scope_value=scope.value,
            source=SOURCE,
            reason=text.strip()[:KEPT_TEXT] or None,
            now=now,
        )
        done = f"suppressed for {scope.words}" if changed else "was already on the list"
    elif reply.meaning is Meaning.START:
        stopped = ledger.replies.stopped_at(number) if written_at is not None else None
        if written_at is not None and stopped is not None and stopped > written_at:
            done = "nothing done: it was written before their newest STOP"
        else:
            done, changed = _start(ledger, number, now, these if is_yes else None)
    was_out = any(one.scope == EVERYTHING.kind or Scope.of(one).key == scope.key for one in holding)
    return HandledReply(number, text, reply, done, changed, line, was_out, scope)


Programmes = Callable[[], Mapping[str, str]]
"""Returns the programmes that a STOP may name, by their names in plain letters."""


def programmes_of(settings: LoadedSettings, ledger: Ledger | None) -> Programmes:
    """Return what tells the programmes of the settings and of the ledger's runs, by name and title. A name that two
    programmes have is left out."""

    def found() -> Mapping[str, str]:
        own = settings.settings.programmes
        usual = filter(None, [settings.settings.programme])
        known = dict.fromkeys([*own, *usual, *(() if ledger is None else ledger.runs.programmes())])
        names: dict[str, set[str]] = {}
        for one in known:
            for name in (one, own[one].title if one in own else None):
                if name and plain(name):
                    names.setdefault(plain(name), set()).add(one)
        return {name: min(those) for name, those in names.items() if len(those) == 1}

    return found


def stop_keywords(settings: LoadedSettings) -> frozenset[str]:
    """Words that mean stop by the law and the project's rules; as packaged where the project's are wrong."""
    from a2pcli.rules.law import Law, law_of

    try:
        return law_of(settings).stop_keywords()
    except A2PError:
        return Law.load().stop_keywords()


def _start(
    ledger: Ledger, number: str, now: int, scopes: Collection[tuple[str, str]] | None
) -> tuple[str, bool]:
    """A START takes back what this person did by STOP or by a link, here or at the gateway; not what others said.
    ``scopes`` are the keys of those that it is about, None for all.

    Gives what was done, and whether the list was changed.
    """
    holding = [one for one in ledger.optouts.of(number) if one.holds(now)]
    theirs = [one for one in holding if scopes is None or Scope.of(one).key in scopes]
    own = [one for one in theirs if one.source in (SOURCE, LINK) or one.source.startswith("gateway")]
    for one in own:
        ledger.optouts.lift(
            number, scope=one.scope, scope_value=one.scope_value, by="their reply START", now=now
        )
    if others := len(holding) - len(own):
        return f"still suppressed by {others} other entr{'y' if others == 1 else 'ies'}", bool(own)
    return ("may be messaged again" if own else "was not on the list"), bool(own)


def reply_by(
    project: Project,
    cell: str,
    text: str,
    *,
    scope: Scope = EVERYTHING,
    survey_open: bool = False,
    region: str | None = None,
    gateway: str | None = None,
) -> HandledReply:
    """Act on what one person wrote. Raises ``UsageError`` for what is no number, or a sender of our own, and for a
    ``gateway`` (by which it came) that there is not.

    With ``survey_open`` a question of ours is open: a YES answers it, and is no START. Audit: ``optout.reply``.
    """
    number = read_addresses([cell], region or project.number_settings().settings.region).one()
    settings = project.settings()
    if is_own(number, own_numbers(settings, campaigns=True)):
        hint = "give the number of whoever wrote; `a2pcli optout add` suppresses one of your own numbers"
        raise UsageError(Problem(f"{number} is one of your own senders", hint=hint, code="own-sender"))
    keywords = stop_keywords(settings)
    with project.ledger_to_record() as ledger, ledger.transaction():
        check_gateway_named(project, ledger, gateway)
        now = now_ms()
        done = handle_reply(
            ledger, number, text, scope, keywords=keywords, now=now, survey_open=survey_open,
            programmes=programmes_of(settings, ledger) if scope == EVERYTHING else no_programmes,
        )  # fmt: skip
        kept = done.kept(at=now, gateway=gateway)
        keep_reply(
            ledger, done, kept, scope, f"by hand ({user()})", keep_texts=keeps_texts(settings), now=now
        )
    return done


def keep_reply(
    ledger: Ledger,
    done: HandledReply,
    kept: KeptReply,
    scope: Scope,
    source: str,
    *,
    keep_texts: bool,
    now: int,
    run: str | None = None,
) -> None:
    """Keep a reply that was acted on, in the same transaction. ``run`` is the one that was being sent. Audit:
    ``optout.reply``."""
    ledger.replies.add([kept], source, keep_texts=keep_texts, now=now)
    is_stop = done.reply.meaning is Meaning.STOP
    words = (done.scope if is_stop else scope).words
    detail = {"meaning": str(done.reply.meaning), "scope": words, "done": done.done}
    ledger.audit.add("optout.reply", run, detail, people=[done.number])


@dataclass(slots=True)
class HandledReplies:
    """Every row of a file of replies is in one of these: acted on, by ``meanings``; ``refused``, since its number
    cannot be read; or ``sent`` by us. ``flagged`` are those that a person should read; ``kept`` are in the ledger now
    and were not before."""

    meanings: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    flagged: list[HandledReply] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    sent: int = 0
    kept: int = 0

    def add(self, one: HandledReply) -> None:
        """Count a reply that was acted on."""
        self.meanings[one.reply.meaning] += 1
        self.changed += one.changed
        if one.reply.flagged:
            self.flagged.append(one)


def replies_in(
    project: Project,
    file: InputTable,
    *,
    scope: Scope = EVERYTHING,
    region: str | None = None,
    gateway: str | None = None,
) -> tuple[Table, HandledReplies]:
    """Act on every reply of a file, in its order; gives the table that was read too. ``gateway`` is the name of the one
    by which they came. Audit: ``optout.replies``."""
    table, settings = file.open(), project.settings()
    people, rows = people_rows(table, file.column, settings, region, are_replies=True)
    written, keywords = _written(table, people), stop_keywords(settings)
    done, now = HandledReplies(), now_ms()
    source, keep_texts = f"{file.name} (imported by {user()})", keeps_texts(settings)
    with project.ledger_to_record() as ledger:
        check_gateway_named(project, ledger, gateway)
        programmes = programmes_of(settings, ledger) if scope == EVERYTHING else no_programmes
        entries = PieceByPiece(
            ledger,
            "optout.replies",
            file.name,
            lambda: {**done.meanings, "changed": done.changed, "kept": done.kept},
            changes=("changed", "kept"),
        )
        with half_done(lambda: _acted_on(entries)):
            for piece in _pieces(table, rows, written, done):
                with entries.piece():
                    handled = []
                    for line, number, one in piece:
                        reply = handle_reply(
                            ledger, number, one.text, scope, keywords=keywords, now=now, line=line,
                            programmes=programmes,
                        )  # fmt: skip
                        done.add(reply)
                        handled.append(reply.kept(one.recipient, one.at, gateway))
                    done.kept += ledger.replies.add(handled, source, keep_texts=keep_texts, now=now)
            entries.end()
    return table, done


def keeps_texts(settings: LoadedSettings) -> bool:
    """Whether the ledger keeps what people wrote."""
    return settings.settings.replies.texts == "keep"


def _acted_on(entries: PieceByPiece) -> str | None:
    """What is said beside an error that came after replies had been acted on."""
    count = sum(many for word, many in entries.saved.items() if word not in ("changed", "kept"))
    return f"{count:,} replies were acted on" if count else None


def _pieces(
    table: Table, rows: PeopleRows, written: Iterator[_Written], done: HandledReplies
) -> Iterator[list[tuple[int, str, _Written]]]:
    """The replies that can be acted on (line, address, what), a transaction at a time; the others are counted."""
    names = ("@address", "@reason", "@detail")
    for chunk in rows.chunks():
        piece: list[tuple[int, str, _Written]] = []
        columns = (chunk.columns[name].to_pylist() for name in names)
        for line, number, reason, detail in zip(chunk.lines.tolist(), *columns, strict=True):
            one = next(written)
            if number is not None:
                piece.append((line, number, one))
            elif reason is not None:
                why = detail or SENTENCES[Reason(reason)]
                done.refused.append(Problem(why, path=table.path, line=line, code=reason))
            else:
                done.sent += 1
            if len(piece) == PIECE:
                yield piece
                piece = []
        if piece:
            yield piece


@dataclass(frozen=True, slots=True)
class _Written:
    """What a row says beside who wrote. ``at`` is UTC milliseconds."""

    text: str
    recipient: str | None
    at: int | None


def _written(table: Table, people: PersonColumns) -> Iterator[_Written]:
    """What was written, to whom and when, in the order of the rows."""
    from a2pcli.contacts.message_log import recipient_column, text_column
    from a2pcli.contacts.receipt_file import moment_column, moment_of

    name = text_column(table)
    if name is None:
        hint = "name it with --text-column; text, reply, body, message, content and similar are detected"
        raise InvalidInput(Problem("no column with the replies' texts", path=table.path, hint=hint))
    to = recipient_column(table, people)
    moment = moment_column(table)
    names = [one for one in (name, to, moment) if one is not None]
    for frame in table.chunks(list(dict.fromkeys(names))):
        texts = frame[name].to_pylist()
        empty = [None] * len(texts)
        recipients = frame[to].to_pylist() if to else empty
        moments = frame[moment].to_pylist() if moment else empty
        for text, recipient, at in zip(texts, recipients, moments, strict=True):
            yield _Written(text or "", recipient or None, moment_of(at) if at else None)
