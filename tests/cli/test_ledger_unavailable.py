"""A ledger that cannot be used right now ends every command with its own exit code, and in our words alone."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import readykit
from clikit import Project, Ran

from a2pcli.errors import ExitStatus
from a2pcli.ledger import database as engine
from a2pcli.ledger import server_faults as kinds
from a2pcli.ledger.database import ledger_url
from a2pcli.ledger.faults import plainly, shown

SECRET = "s3cret-word"
DRIVER_WORDS = re.compile(
    r"psycopg|sqlalchemy|sqlite3|Traceback|FATAL|OperationalError|connection to server|\(Background|libpq|Exception",
    re.I,
)

WRITING: tuple[tuple[str, ...], ...] = (
    ("plan", "sale.yaml"),
    ("send", "sale.yaml", "--yes"),
    ("optout", "add", "+447911123456"),
    ("consent", "revoke", "+447911123456"),
    ("people", "erase", "+447911123456", "--yes"),
)
READING: tuple[tuple[str, ...], ...] = (
    ("runs",),
    ("reconcile", "r2222222", "--as", "sent", "--yes"),
    ("report",),
    ("explain", "+447911123456"),
    ("optout", "list"),
    ("audit", "verify"),
    ("preview", "sale.yaml"),
)


def in_our_words(ran: Ran) -> str:
    """What a command wrote to stderr, which holds no word of a driver and no secret."""
    assert not DRIVER_WORDS.search(ran.err), ran.err
    assert SECRET not in ran.err + ran.out
    return ran.err


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits half a minute for a lock, nor for a ledger that fails while it sends."""
    from a2pcli.ledger import core, plans

    monkeypatch.setattr(
        core, "connect", lambda url, **more: engine.connect(url, **{**more, "busy_seconds": 0.1})
    )
    monkeypatch.setattr(plans, "connect", core.connect)
    monkeypatch.setattr("a2pcli.sending.insisting.LEDGER_PAUSES", (0.05,))
    monkeypatch.setattr("a2pcli.sending.timing.LEDGER_PAUSES", (0.05,))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture
def sql(server: Any) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        yield connection.execute


def as_user(server: Any, user: str, database: str = "postgres") -> str:
    uri = str(server.get_uri())
    return uri.replace("postgres:@", f"{user}:{SECRET}@").replace("/postgres?", f"/{database}?")


@pytest.mark.parametrize("arguments", WRITING, ids=lambda words: words[0])
def test_a_ledger_that_another_program_keeps_locked_ends_with_a_code_of_its_own(
    project: Project, impatient: None, arguments: tuple[str, ...]
) -> None:
    project.starter()
    assert project.run("send", "sale.yaml", "--yes").status in (0, 4)
    with locked(project.folder / ".a2pcli" / "ledger.db"):
        ran = project.run(*arguments)
    assert ran.status == ExitStatus.LEDGER_UNAVAILABLE, ran
    assert "another program is writing to the ledger" in in_our_words(ran)
    assert "run the same command again" in ran.err


@pytest.mark.parametrize("arguments", [*WRITING, *READING], ids=lambda words: "-".join(words[:2]))
def test_a_server_that_is_down_ends_every_command_with_that_code(
    project: Project, arguments: tuple[str, ...]
) -> None:
    project.starter()
    ran = project.run(*arguments, A2PCLI_LEDGER=f"postgresql://ann:{SECRET}@127.0.0.1:1/campaigns")
    assert ran.status == ExitStatus.LEDGER_UNAVAILABLE, ran
    assert "the server does not answer" in in_our_words(ran)


def limits(server: Any, sql: Any) -> dict[str, tuple[str, kinds.Kind]]:
    """URLs that this server refuses, each in its own way."""
    for statement in (
        "DROP DATABASE IF EXISTS closed",
        "DROP DATABASE IF EXISTS narrow",
        "DROP ROLE IF EXISTS few, nologin, ann",
        "CREATE ROLE few LOGIN CONNECTION LIMIT 0",
        "CREATE ROLE nologin NOLOGIN",
        "CREATE ROLE ann LOGIN",
        "CREATE ROLE reader LOGIN",
        "CREATE DATABASE closed ALLOW_CONNECTIONS false",
        "CREATE DATABASE narrow CONNECTION LIMIT 0",
        "ALTER ROLE reader SET default_transaction_read_only = on",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO reader",
    ):
        sql(statement)
    uri = str(server.get_uri())
    host = f"postgresql://ann:{SECRET}@"
    return {
        "role-limit": (as_user(server, "few"), kinds.ROLE_LIMIT),
        "database-limit": (as_user(server, "ann", "narrow"), kinds.DATABASE_LIMIT),
        "closed": (as_user(server, "ann", "closed"), kinds.CLOSED),
        "no-login": (as_user(server, "nologin"), kinds.NOT_ADMITTED),
        "no-user": (as_user(server, "nobody"), kinds.PASSWORD),
        "no-database": (as_user(server, "ann", "password"), kinds.NO_DATABASE),
        "no-rights": (as_user(server, "ann"), kinds.NO_RIGHTS),
        "read-only": (as_user(server, "reader"), kinds.STANDBY),
        "no-host": (f"{host}ssl.password.invalid/campaigns", kinds.NO_HOST),
        "no-server": (f"{host}127.0.0.1:1/campaigns", kinds.NO_ANSWER),
        "sslmode": (f"{uri}&sslmode=bogus", kinds.URL_OPTION),
        "option": (f"{uri}&nonsense={SECRET}", kinds.URL_OPTION),
        "setting": (f"{uri}&options=-c%20nonsense%3D1", kinds.URL_OPTION),
        "query-password": (f"postgresql://127.0.0.1:1/x?user=ann&password={SECRET}", kinds.NO_ANSWER),
    }


def test_every_way_in_which_a_server_refuses_is_named_and_told_with_what_to_do(
    project: Project, server: Any, sql: Any
) -> None:
    project.starter()
    assert project.run("plan", "sale.yaml", A2PCLI_LEDGER=server.get_uri()).status == 0
    wrong = {}
    for name, (url, kind) in limits(server, sql).items():
        ran = project.run("optout", "add", "+447911123456", A2PCLI_LEDGER=url)
        err = " ".join(in_our_words(ran).split())
        status = ExitStatus.LEDGER_UNAVAILABLE if kind.passes else ExitStatus.INVALID
        if ran.status != status or kind.message not in err or kind.hint not in err:
            wrong[name] = (ran.status, err)
    assert not wrong


def test_a_server_that_is_full_of_other_programs_says_so(project: Project, server: Any, sql: Any) -> None:
    import psycopg

    project.starter()
    sql("DROP ROLE IF EXISTS guest")
    sql("CREATE ROLE guest LOGIN")
    with ExitStack() as others:
        for _ in range(200):
            try:
                others.enter_context(psycopg.connect(as_user(server, "guest")))
            except psycopg.OperationalError:
                break
        ran = project.run("runs", A2PCLI_LEDGER=as_user(server, "guest"))
        assert ran.status == ExitStatus.LEDGER_UNAVAILABLE
        assert kinds.TOO_MANY.message in in_our_words(ran)


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("statement_timeout%3D50ms", kinds.TOO_SLOW),
        ("lock_timeout%3D50ms", kinds.LOCKED),
        ("idle_in_transaction_session_timeout%3D200ms", kinds.IDLE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_limit_that_the_server_keeps_is_named(
    project: Project, server: Any, sql: Any, setting: str, kind: kinds.Kind
) -> None:
    import psycopg

    sql("DROP SCHEMA IF EXISTS limited CASCADE")
    sql("CREATE SCHEMA limited")
    url = f"{server.get_uri()}&options=-csearch_path%3Dlimited"
    project.starter()
    assert project.run("plan", "sale.yaml", A2PCLI_LEDGER=url).status == 0
    with psycopg.connect(server.get_uri()) as other:
        other.execute("LOCK TABLE limited.suppressions IN EXCLUSIVE MODE")
        if kind is kinds.IDLE:
            in_ours(project, url, setting, kind)
            return
        ran = project.run("optout", "add", "+447911123456", A2PCLI_LEDGER=f"{url}%20-c%20{setting}")
    assert ran.status == ExitStatus.LEDGER_UNAVAILABLE, ran
    assert kind.message in " ".join(in_our_words(ran).split())


def in_ours(project: Project, url: str, setting: str, kind: kinds.Kind) -> None:
    """A transaction of ours that is idle for longer than the server lets it."""
    from sqlalchemy import text

    from a2pcli.errors import LedgerUnavailable
    from a2pcli.ledger.store import Ledger

    def dawdle(ledger: Ledger) -> None:
        with plainly(ledger.url), ledger.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            time.sleep(0.6)
            connection.execute(text("SELECT 1"))

    with Ledger.open(f"{url}%20-c%20{setting}") as ledger, pytest.raises(LedgerUnavailable) as caught:
        dawdle(ledger)
    assert caught.value.problems[0].message in (kind.message, kinds.ENDED.message)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "ann", database "x", no encryption',
            kinds.WANTS_SSL,
        ),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "ann", database "x", SSL encryption',
            kinds.NOT_ADMITTED,
        ),
        ("server does not support SSL, but SSL was required", kinds.SSL),
        ("SSL error: certificate verify failed", kinds.SSL),
        ("SSL connection has been closed unexpectedly", kinds.ENDED),
        ("SSL SYSCALL error: EOF detected", kinds.ENDED),
        ("FATAL:  the database system is starting up", kinds.STARTING),
        ("FATAL:  the database system is shutting down", kinds.STARTING),
        ("FATAL:  the database system is not yet accepting connections", kinds.STARTING),
        (
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            kinds.TOO_MANY,
        ),
        ("FATAL:  sorry, too many clients already", kinds.TOO_MANY),
        ('FATAL:  Passwort-Authentifizierung für Benutzer "ann" fehlgeschlagen', kinds.PASSWORD),
        ("FATAL:  la base de données « x » n'existe pas", kinds.NO_DATABASE),
        ("fe_sendauth: no password supplied", kinds.PASSWORD),
        ("session is read-only", kinds.STANDBY),
        (
            "failed to resolve host 'tls.example': [Errno -3] Temporary failure in name resolution",
            kinds.NO_HOST,
        ),
        ("connection timeout expired", kinds.NO_ANSWER),
        ("eine Meldung, die niemand kennt", kinds.NO_ANSWER),
    ],
)
def test_what_a_server_says_while_connecting_is_understood(text: str, kind: kinds.Kind) -> None:
    assert kinds.kind_of("", f"connection failed: {text}") is kind


def test_a_url_is_shown_without_any_of_its_secrets() -> None:
    url = ledger_url(f"postgresql://ann:{SECRET}@db/x?password={SECRET}&sslpassword={SECRET}&sslmode=require")
    assert SECRET not in shown(url)
    assert "sslmode=require" in shown(url)


def test_a_server_that_restarts_while_a_command_runs_leaks_no_words_of_a_driver(
    project: Project, server: Any, sql: Any
) -> None:
    """All its sessions are ended again and again; whatever the command does then, it says it in our words."""
    project.starter(
        people="mobile,first_name,plan\n" + "".join(f"0791112{n:04d},P{n},gold\n" for n in range(3000))
    )
    sql("DROP SCHEMA IF EXISTS restarts CASCADE")
    sql("CREATE SCHEMA restarts")
    url = f"{server.get_uri()}&options=-csearch_path%3Drestarts"
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'a2pcli %' AND pid <> pg_backend_pid()"
    )
    for pause in (0.0, 0.05, 0.1):
        with readykit.begin(
            "send",
            "sale.yaml",
            "--yes",
            cwd=project.folder,
            env={**os.environ, "A2PCLI_LEDGER": url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            while process.poll() is None:
                sql(kill)
                time.sleep(pause)
            out, err = process.communicate()
        assert process.returncode in (ExitStatus.OK, ExitStatus.LEDGER_UNAVAILABLE), err
        in_our_words(Ran(process.returncode, out, err))


FULL = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pathlib import Path
size = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + int(sys.argv[2]),) * 2)
import a2pcli.sending.engine
a2pcli.sending.insisting.LEDGER_PAUSES = a2pcli.sending.timing.LEDGER_PAUSES = (0.05,)
sys.argv = ["a2pcli", *sys.argv[3:]]
runpy.run_module("a2pcli", run_name="__main__")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a file's size as on Linux")
def test_a_disk_that_fills_up_while_sending_ends_with_that_code_and_the_next_send_goes_on(
    project: Project,
) -> None:
    people = "mobile,first_name,plan\n" + "".join(f"0791112{n:04d},P{n},gold\n" for n in range(4000))
    project.starter(people=people)
    assert project.run("plan", "sale.yaml").status == 0
    ledger = project.folder / ".a2pcli" / "ledger.db"
    plan = project.run("runs", "--json").json["runs"][0]["run"]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(ledger), "300000", "send", "--plan", plan],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    ran = Ran(done.returncode, done.stdout, done.stderr)
    assert ran.status == ExitStatus.LEDGER_UNAVAILABLE, ran
    assert "the disk" in in_our_words(ran)
    assert "sending stopped" in ran.err
    again = project.run("send", "--plan", plan)
    assert again.status in (ExitStatus.OK, ExitStatus.FINISHED_WITH_FAILURES)
    lines = (project.folder / ".a2pcli" / "outbox.jsonl").read_text().splitlines()
    numbers = [json.loads(line)["to"] for line in lines]
    assert len(numbers) == len(set(numbers))
    states = project.run("report", plan, "--json").json["states"]
    assert sum(states.values()) == 4000
