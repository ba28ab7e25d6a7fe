"""An open database with the ledger's schema: opening, closing, and the three kinds of transaction."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.engine import URL, Connection, Engine

from a2pcli.errors import LedgerError, Problem
from a2pcli.lazy import lazily
from a2pcli.ledger import cipher, migrate
from a2pcli.ledger.database import READ, connect, is_there, ledger_url, missing, new_file
from a2pcli.ledger.faults import plainly, shown
from a2pcli.ledger.files import RESCUED, remove_drafts
from a2pcli.ledger.records import Run
from a2pcli.ledger.watch import FileWatch

if TYPE_CHECKING:
    from a2pcli.ledger import about, lock, reading_only
    from a2pcli.ledger.holds import Hold
    from a2pcli.ledger.store import Ledger
else:
    about, lock, reading_only = lazily("a2pcli.ledger", "about", "lock", "reading_only")


BUSY_SECONDS = 30.0
"""Seconds to wait for another process's write before reporting that the ledger is locked."""


def make(
    url: URL,
    key: cipher.LedgerKey | None,
    busy_seconds: float = BUSY_SECONDS,
    created: Callable[[Connection], None] = lambda _connection: None,
) -> None:
    """Create a new SQLite ledger at ``url`` unless there is one. A file of zero bytes is replaced. ``created``
    writes into it in the transaction that creates it."""
    with new_file(url) as place:
        if place == url:
            return
        engine = connect(place, busy_seconds=busy_seconds, key=key)
        try:
            migrate.prepare(engine, create=True, created=created)
        finally:
            engine.dispose()


def make_on_server(url: URL, created: Callable[[Connection], None]) -> None:
    """Create a ledger in an empty PostgreSQL database; ``created`` writes into it in the same transaction."""
    with plainly(url):
        engine = connect(url, busy_seconds=BUSY_SECONDS)
        try:
            migrate.prepare(engine, create=True, created=created)
        finally:
            engine.dispose()


def _watch(url: URL) -> FileWatch | None:
    """Return the watch over a SQLite ledger's file; None for a server, or on systems without POSIX files."""
    if url.get_backend_name() != "sqlite" or os.name != "posix":
        return None
    try:
        return FileWatch(Path(url.database or ""))
    except OSError:
        return None  # opening the database will report the cause


class OpenTransaction:
    """The state of ``Ledger.transaction``: its connection, and the holds checked in it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.held: list[Hold] = []
        self.is_recorded = False

    def check(self, hold: Hold | None, run: Run, *, alone: bool) -> None:
        """Check the hold like at the beginning of a transaction of the run's holder."""
        if hold is None:
            if alone:
                lock.refuse_if_held(self.connection, run)
        elif hold not in self.held:
            self.held.append(hold)
            hold.check(self.connection)


class LedgerCore:
    """An open database with the ledger's schema."""

    def __init__(
        self,
        url: URL,
        engine: Engine,
        busy_seconds: float,
        key: cipher.LedgerKey | None = None,
        watch: FileWatch | None = None,
    ) -> None:
        self.url = url
        self.engine = engine
        self.busy_seconds = busy_seconds
        self.key = key
        self.watch = watch
        self.sending_lock = threading.RLock()
        self._sending: Connection | None = None
        self._turn = threading.RLock() if url.get_backend_name() == "sqlite" else None
        self.own = threading.local()
        self.holds: dict[int, Hold] = {}
        self._held = ExitStack()
        self.removed: list[Path] = []
        """Copies of the ledger left by an interrupted command, which were removed."""
        self.troubled: Callable[[LedgerError], None] = lambda _error: None
        """Called, on the thread that writes, with each error of a transaction that was to write."""

    @classmethod
    def open(
        cls, url: str, *, create: bool = True, busy_seconds: float = BUSY_SECONDS, key: str | None = None
    ) -> Self:
        """Open the ledger at a path or URL, and migrate its schema.

        ``key`` opens or creates an encrypted ledger; the default is ``A2PCLI_LEDGER_KEY``. Raises ``LedgerError`` if
        that fails; passwords are never shown.
        """
        secret = cipher.key_from(key) or cipher.from_environment()
        return cls.open_with(url, secret, create=create, busy_seconds=busy_seconds)

    @classmethod
    def open_with(
        cls,
        url: str,
        secret: cipher.LedgerKey | None,
        *,
        create: bool = True,
        busy_seconds: float = BUSY_SECONDS,
    ) -> Self:
        """Like ``open``, with exactly this key or none, regardless of the environment."""
        parsed = ledger_url(url)
        if parsed.get_backend_name() == "sqlite" and not is_there(parsed):
            if not create:
                raise missing(parsed)
            make(parsed, secret, busy_seconds)
        if reading_only.must_be(parsed):
            raise reading_only.cannot_write(parsed)
        cipher.examine(parsed, secret)
        watch = _watch(parsed)
        engine = connect(parsed, busy_seconds=busy_seconds, key=secret, watch=watch)
        try:
            with plainly(parsed):
                migrate.prepare(engine, create=create and parsed.get_backend_name() != "sqlite")
        except BaseException:
            engine.dispose()
            if watch is not None:
                watch.close()
            raise
        opened = cls(parsed, engine, busy_seconds, secret, watch)
        if parsed.get_backend_name() == "sqlite":
            opened.removed = remove_drafts(Path(parsed.database or ""))
        return opened

    @classmethod
    def open_to_read(cls, url: str, *, busy_seconds: float = BUSY_SECONDS, key: str | None = None) -> Self:
        """Open an existing ledger for reading. The file is not changed, except that an older version is migrated
        first.

        Writing raises ``LedgerError`` (code ``ledger-read-only``).
        """
        parsed = ledger_url(url)
        secret = cipher.key_from(key) or cipher.from_environment()
        if parsed.get_backend_name() != "sqlite":
            return cls._open_server_to_read(parsed, busy_seconds)
        if not is_there(parsed):
            raise missing(parsed)
        cipher.examine(parsed, secret)
        may_write = not reading_only.must_be(parsed)
        with ExitStack() as held, plainly(parsed):
            engine = held.enter_context(reading_only.opened(parsed, secret, busy_seconds))
            if migrate.is_older(engine):
                held.close()
                if not may_write:
                    raise reading_only.too_old(parsed)
                cls.open_with(url, secret, create=False, busy_seconds=busy_seconds).close()
                engine = held.enter_context(reading_only.opened(parsed, secret, busy_seconds))
            opened = cls(parsed, engine, busy_seconds, secret)
            opened._held = held.pop_all()
        if may_write:
            opened.removed = remove_drafts(Path(parsed.database or ""))
        return opened

    @classmethod
    def _open_server_to_read(cls, url: URL, busy_seconds: float) -> Self:
        engine = connect(url, busy_seconds=busy_seconds, reads=True)
        try:
            with plainly(url):
                if migrate.is_older(engine):
                    migrating = connect(url, busy_seconds=busy_seconds)
                    try:
                        migrate.prepare(migrating)
                    finally:
                        migrating.dispose()
        except BaseException:
            engine.dispose()
            raise
        return cls(url, engine, busy_seconds)

    def last_words(self) -> None:
        """Write further results into the file that was opened, even if it was moved."""
        if self.watch is not None:
            self.watch.forgiving = True

    def rescue(self, run: Run) -> Problem | None:
        """After ``last_words``: complete the ledger in the file that was opened; copy it if the file was deleted.

        Returns a problem that names the copy; None if no copy was needed.
        """
        if self.watch is None or self._sending is None:
            return None
        with plainly(self.url), self.sending_lock:
            self._empty_log()
            if not self.watch.is_deleted or self.key is not None:
                return None
            copy = Path(f"{self.watch.path}.{RESCUED}-{run.id}")
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            driver: Any = self._sending.connection.driver_connection
            driver.execute("VACUUM INTO ?", (str(copy),))
        text = "this process saved a complete copy of the ledger, including the latest outcomes"
        hint = f"if the ledger was deleted: mv {shlex.quote(str(copy))} {shlex.quote(str(self.watch.path))}"
        return Problem(text, path=str(copy), hint=hint, code="ledger-rescued")

    def _empty_log(self) -> None:
        """Move the write-ahead log into the file that was opened."""
        if self._sending is not None:
            driver: Any = self._sending.connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close all connections and locks; safe to call twice."""
        with plainly(self.url), self.sending_lock:
            if self._sending is not None:
                if self.watch is not None and self.watch.forgiving:
                    self._empty_log()
                self._sending.close()
                self._sending = None
            self.engine.dispose()
            if self.watch is not None:
                self.watch.close()
            self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The ledger's path, or its URL without the password."""
        return shown(self.url)

    def identify(self) -> str:
        """Return the ledger's id, unique among all ledgers; created if an old ledger has none yet."""
        with self.reading() as connection:
            found = about.id_of(connection)
        if found is not None:
            return found
        with self.writing() as connection:
            return about.give_id(connection)

    def has_id(self) -> bool:
        """Return whether the ledger has an id."""
        with self.reading() as connection:
            return about.id_of(connection) is not None

    @property
    def open_transaction(self) -> OpenTransaction | None:
        """This thread's open transaction; see ``Ledger.transaction``."""
        found: OpenTransaction | None = getattr(self.own, "open", None)
        return found

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read-only transaction: this thread's open one, or a new one.

        Database errors are raised as ``LedgerError``, like in ``writing``.
        """
        with plainly(self.url):
            if self.open_transaction is not None:
                yield self.open_transaction.connection
                return
            with self.engine.connect().execution_options(**READ) as connection, connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A durable transaction: this thread's open one, or a new one."""
        with self.telling(), plainly(self.url):
            if self.open_transaction is not None:
                yield self.open_transaction.connection
                return
            with self.turn(), self.engine.begin() as connection:
                yield connection

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other thread of this process writes. SQLite would let this one ask again and again, ever less
        often, and others that come meanwhile go first."""
        if self._turn is None:
            yield
            return
        is_mine = self._turn.acquire(timeout=self.busy_seconds)
        try:
            yield
        finally:
            if is_mine:
                self._turn.release()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Call ``troubled`` with an error of the ledger in this block."""
        try:
            yield
        except LedgerError as error:
            self.troubled(error)
            raise

    @contextmanager
    def sending(self, run: Run, *, alone: bool = True) -> Iterator[Connection]:
        """One durable transaction of the run's holder, on the connection reserved for sending.

        Raises ``SenderLost`` if another process took the run over. If this ledger does not hold the run and a living
        process does, raises ``RunBusy``, unless the work may run beside a sender (``alone`` is False). Other errors
        are the database's own, so the caller can retry.
        """
        if self.open_transaction is not None:
            self.open_transaction.check(self.holds.get(run.number), run, alone=alone)
            yield self.open_transaction.connection
            return
        with self.sending_lock:
            is_new = self._sending is None or self._sending.invalidated
            if self._sending is None or self._sending.invalidated:
                self._sending = self.engine.connect()
            hold = self.holds.get(run.number)
            try:
                with self.turn(), self._sending.begin():
                    if hold is not None:
                        hold.check(self._sending)
                    elif alone:
                        lock.refuse_if_held(self._sending, run)
                    if self.watch is not None:
                        self.watch.check_logs(anew=is_new)
                    yield self._sending
                    if self.watch is not None:
                        self.watch.check()  # checked again before claims can be handed over
            except BaseException:
                if hold is not None:
                    hold.doubt()
                raise
            if hold is not None:
                hold.confirm()


class SubStore:
    """A part of an open ledger with one subject."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def url(self) -> URL:
        """The ledger's URL."""
        return self._ledger.url
