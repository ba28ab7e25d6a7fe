"""What ``a2pcli people`` does: collect everything about one number, or take it away everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.audit import exported_files
from a2pcli.cli.ledger_option import ledger_file, settings_from
from a2pcli.cli.optout_work import policy
from a2pcli.cli.run_choice import existing_ledger
from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.output import print_json, printable, say
from a2pcli.contacts.any_number import DOUBTFUL, SHORT_CODE, any_number
from a2pcli.contacts.same_phone import same_phone_forms
from a2pcli.errors import A2PError, LedgerError, LedgerUnavailable, Problem, RunBusy, UsageError, is_no_room
from a2pcli.gateways.outbox import draft_of
from a2pcli.gateways.outbox_forget import forget_in_outbox, outbox_file
from a2pcli.ledger.copies import drafts, other_copies, remove_drafts
from a2pcli.ledger.erasure import Erasure, Person
from a2pcli.ledger.records import MONEY_UNITS
from a2pcli.reasons import SENTENCES
from a2pcli.reporting.forgetting import forget_in
from a2pcli.reporting.values import iso

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger


PATIENCE = 30.0
"""Seconds to wait for the answer to a message that is on its way to the person."""


def person_of(cell: str, region: str | None) -> Person:
    """The person a number is of. Raises ``UsageError`` for what is no number."""
    import phonenumbers

    asked = policy(region)
    found = any_number(cell, asked.region)
    if found.number is None or found.detail == DOUBTFUL:
        why = found.detail or (SENTENCES[found.reason] if found.reason else "not a number")
        hint = None
        if asked.region is None and not cell.strip().startswith("+"):
            hint = "write it with + and the country's code, or give --region"
        raise UsageError(Problem(f"…{printable(cell.strip()[-4:])}: {why}", hint=hint, code="number"))
    if found.type == SHORT_CODE:
        return Person(found.number, (found.number,))
    nationals = (
        phonenumbers.national_significant_number(phonenumbers.parse(form, None))
        for form in same_phone_forms(found.number)
    )
    cells = tuple(dict.fromkeys(national for national in nationals if len(national) >= 7))
    return Person(found.number, cells or (found.number.lstrip("+"),))


def export_person(cell: str, region: str | None, ledger: str | None) -> None:
    """Print the document."""
    person = person_of(cell, region)
    with existing_ledger(ledger) as store:
        held: dict[str, Any] = {"number": person.address, "erased": False}
        if store is not None:
            held = store.export_person(person)
            store.record("people.export", None, _counts(held), people=[person.address])
    print_json(_document(held))
    if held["erased"]:
        say("this number was erased: of it only a keyed hash is held, so that it is not messaged again")


def _counts(held: dict[str, Any]) -> dict[str, int]:
    return {name: len(rows) for name, rows in held.items() if isinstance(rows, list)}


def _document(held: dict[str, Any]) -> dict[str, Any]:
    tables = ("messages", "suppressions", "consents", "contacted")
    only_hash = "only a keyed hash is held, which keeps the number on the suppression list"
    return {
        "number": held["number"],
        "erased": held["erased"],
        **({"note": only_hash} if held["erased"] else {}),
        **{name: [_row(row) for row in held.get(name, ())] for name in tables},
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as people read it: moments in ISO 8601, money as decimal text, and nothing of the database's own."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if name in ("number", "occasion", "run") and isinstance(value, int):
            continue
        if name == "cost" and value is not None:
            value = f"{value / MONEY_UNITS:.9f}".rstrip("0")
        elif (name in ("at", "as_of") or name.endswith(("_at", "_until"))) and isinstance(value, int):
            value = iso(value)
        elif name == "events":
            value = [_row(event) for event in value]
        shown["run" if name == "run_id" else name] = value
    return shown


@dataclass(slots=True)
class _Files:
    """What became of the files: rows blanked by file, files that are gone, and problems."""

    rewritten: dict[str, int] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    kind: type[LedgerError] = LedgerError

    def rewrite(self, path: Path, work: Callable[[Path], int]) -> None:
        """Do one file; what goes wrong is told at the end, and the other files are done all the same."""
        try:
            if count := work(path):
                self.rewritten[str(path)] = count
        except FileNotFoundError:
            self.gone.append(str(path))
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and is_no_room(error):
                self.kind = LedgerUnavailable
            why = (getattr(error, "strerror", None) or str(error)).lower()
            hint = "the person may still be in it: mend that and erase again, or delete the file"
            self.problems.append(
                Problem(f"could not be rewritten: {why}", path=str(path), hint=hint, code="not-erased")
            )


def erase_person(cell: str, region: str | None, ledger: str | None, *, yes: bool, as_json: bool) -> None:
    """Erase; raises for what could not be erased after everything else is."""
    person = person_of(cell, region)
    with existing_ledger(ledger) as store:
        if store is None:
            raise UsageError("there is no ledger here, and so nobody to erase")
        if not yes:
            confirm(
                f"Erase {person.address} for good?",
                refused="nothing was erased",
                without_terminal="--yes erases without asking",
            )
        receipt = store.erase_person(person, patience=PATIENCE)
        files = _Files()
        _rewrite_files(store, person, files)
        _look_for_copies(store, files)
        try:
            store.rewrite()
        except LedgerError as error:
            files.problems += error.problems
            files.kind = type(error)
        rows = sum(files.rewritten.values())
        store.record("people.erase-files", receipt.hash, {"files": len(files.rewritten), "rows": rows})
    if as_json:
        print_json(_receipt(receipt, files))
    else:
        for line in _sentences(receipt, files):
            print(printable(line))
    if receipt.in_flight:
        raise RunBusy(_still_flying(receipt.in_flight), *files.problems)
    if files.problems:
        raise files.kind(*files.problems)


def _still_flying(count: int) -> Problem:
    what = "1 message of this person is" if count == 1 else f"{count:,} messages of this person are"
    text = f"{what} with the gateway just now and not erased yet; no other message goes to them any more"
    return Problem(text, hint="run the same command again in a minute", code="run-busy")


def _rewrite_files(store: Ledger, person: Person, files: _Files) -> None:
    for path in exported_files(store):
        files.rewrite(path, lambda path: forget_in(path, person))
    for path in _outboxes(store):
        if path.exists() or draft_of(path).exists():
            files.rewrite(path, lambda path: forget_in_outbox(path, *person.forms))


def _look_for_copies(store: Ledger, files: _Files) -> None:
    """Copies of the ledger that interrupted commands left go; others beside it are the user's, and are named."""
    path = ledger_file(store)
    if path is None:
        return
    files.removed = [str(one) for one in (*store.removed, *remove_drafts(path))]
    for draft in drafts(path):
        hint = "the person is still in it: delete it"
        text = "this copy of the ledger, left by an interrupted command, could not be removed"
        files.problems.append(Problem(text, path=str(draft), hint=hint, code="not-erased"))
    files.copies = [str(one) for one in other_copies(path) if one not in drafts(path)]


def _outboxes(store: Ledger) -> list[Path]:
    """The files of every outbox that the settings here, or beside a run's campaign, describe."""
    starts = {Path.cwd()} | {Path(run.campaign_file) for run in store.runs() if run.campaign_file}
    found: dict[Path, None] = {}
    folders: set[Path] = set()
    for start in sorted(starts):
        folder = start if start.is_dir() else start.parent
        if folder in folders or not folder.exists():
            continue
        folders.add(folder)
        try:
            settings = settings_from(start)
        except A2PError:
            continue  # broken since: `check` tells about it
        found |= dict.fromkeys(_of(settings))
    return list(found)


def _of(settings: LoadedSettings) -> Iterator[Path]:
    blocks: dict[str, dict[str, Any]] = {"outbox": {}, **settings.settings.gateways}
    for name, block in blocks.items():
        path = outbox_file(name, {"type": name, **block, "folder": settings.folder})
        if path is not None:
            yield path.resolve()


def _receipt(receipt: Erasure, files: _Files) -> dict[str, Any]:
    return {
        "erased": not receipt.nothing or bool(files.rewritten),
        "rows": receipt.changed,
        "skipped": receipt.skipped,
        "runs": list(receipt.runs),
        "files": files.rewritten,
        "files_gone": files.gone,
        "copies_removed": files.removed,
        "copies": files.copies,
        "contacts_files": list(receipt.contacts_files),
        "problems": [str(problem) for problem in files.problems],
        "in_flight": receipt.in_flight,
        "hash": receipt.hash,
    }


_TABLES = {
    "messages": ("message", "messages", ": number, text and answers removed, the rows stay for the counts"),
    "events": ("event", "events", " of these messages: details removed"),
    "contacted": ("entry", "entries", " that counted for frequency caps removed"),
    "consents": ("consent", "consents", " removed"),
    "suppressions": ("opt-out", "opt-outs", " removed; a keyed hash stands in its place"),
    "sentences": ("sentence", "sentences", " elsewhere that held the number removed"),
    "runs": ("run", "runs", ": samples and notes about the person removed"),
}
"""What was changed in each table: one, several, and what became of them."""


def _sentences(receipt: Erasure, files: _Files) -> Iterator[str]:
    if receipt.nothing and not files.rewritten:
        yield "the ledger held nothing of this number; it is on the suppression list now, as a keyed hash"
    else:
        yield "erased; of the number a keyed hash stays on the suppression list"
    for table, (one, several, what) in _TABLES.items():
        if receipt.changed.get(table):
            count = receipt.changed[table]
            yield f"  {count:,} {one if count == 1 else several}{what}"
    if receipt.in_flight:
        yield f"  {receipt.in_flight:,} on its way just now: not erased yet"
    if receipt.skipped:
        were = "was" if receipt.skipped == 1 else "were"
        yield f"  {receipt.skipped:,} of the messages {were} not sent yet, and never will be"
    for path, count in files.rewritten.items():
        yield f"  {path}: rewritten, {count:,} row{'' if count == 1 else 's'} made blank"
    for path in files.gone:
        yield f"  {path}: is not there any more; if it was moved, the person is still in it"
    for path in files.removed:
        yield f"  {path}: removed, a copy of the ledger that an interrupted command had left"
    for path in files.copies:
        yield f"  not touched: {path} (looks like a copy of the ledger; the person is still in it)"
    for path in receipt.contacts_files:
        yield f"  not touched: {path} (yours; remove the person there)"
