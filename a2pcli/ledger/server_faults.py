"""What PostgreSQL and its client library say when they fail, by kind: what it is, and what to do about it.

An error of a statement carries its SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). One of
connecting has only words, in the server's language where the server said them; they are looked for in a few languages,
and what is not understood counts as "no connection", never shown.
"""

from __future__ import annotations

import re

from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of failure. ``passes``: waiting may help, so the same command can be run again."""

    message: str
    hint: str
    code: str
    passes: bool = True


_AGAIN = "then run the same command again"

NO_ANSWER = FaultKind(
    "the server does not answer",
    f"check the host and port in the ledger's URL, and that the server is running; {_AGAIN}",
    "ledger-no-server",
)
NO_HOST = FaultKind(
    "unknown host name: the server's address could not be looked up",
    f"check the host in the ledger's URL, and that name resolution (DNS) works here; {_AGAIN}",
    "ledger-no-host",
)
STARTING = FaultKind(
    "the server is starting up, shutting down or recovering",
    "wait until it is ready; then run the same command again",
    "ledger-server-restarts",
)
ENDED = FaultKind(
    "the server closed the connection: it is restarting, or an administrator, a proxy or a time limit closed it",
    "run the same command again",
    "ledger-disconnected",
)
TOO_MANY = FaultKind(
    "the server has no free connection for this user (max_connections and its reserved slots)",
    f"close other programs that use it, or raise max_connections; {_AGAIN}",
    "ledger-too-many-connections",
)
ROLE_LIMIT = FaultKind(
    "the database user reached its connection limit (CONNECTION LIMIT of the role)",
    f"close other programs that use it, or raise the limit (ALTER ROLE ... CONNECTION LIMIT); {_AGAIN}",
    "ledger-too-many-connections",
)
DATABASE_LIMIT = FaultKind(
    "the database reached its connection limit (CONNECTION LIMIT of the database)",
    f"close other programs that use it, or raise the limit (ALTER DATABASE ... CONNECTION LIMIT); {_AGAIN}",
    "ledger-too-many-connections",
)
CLOSED = FaultKind(
    "the database does not accept connections now",
    "ask the server's administrator, then run the same command again",
    "ledger-closed",
)
STANDBY = FaultKind(
    "the server is read-only: it is a standby, is recovering, or was set to read-only",
    "use the primary in the ledger's URL; during a failover, wait and run the same command again",
    "ledger-server-reads-only",
)
FULL = FaultKind(
    "the server's disk is full; the last change was not saved",
    f"free some space, {_AGAIN}",
    "ledger-disk-full",
)
MEMORY = FaultKind(
    "the server is out of memory or other resources",
    f"check the server, {_AGAIN}",
    "ledger-server-resources",
)
DISK = FaultKind(
    "the server's disk failed while the ledger was read or written",
    f"check the server's disk, {_AGAIN}",
    "ledger-disk",
)
LOCKED = FaultKind(
    "another program is using the ledger and did not finish in time",
    "wait for it, then run the same command again",
    "ledger-locked",
)
TOO_SLOW = FaultKind(
    "the server cancelled a statement that exceeded its statement_timeout",
    "raise it for the ledger's user (ALTER ROLE ... SET statement_timeout = 0), or run the same command again when the"
    " server is less busy",
    "ledger-statement-timeout",
)
CANCELLED = FaultKind(
    "a statement was cancelled on the server",
    "ask the server's administrator, then run the same command again",
    "ledger-statement-cancelled",
)
IDLE = FaultKind(
    "the server ended a transaction that exceeded its idle_in_transaction_session_timeout or"
    " transaction_timeout",
    "raise it for the ledger's user (ALTER ROLE ... SET ...), or run the same command again",
    "ledger-transaction-timeout",
)
CONFLICT = FaultKind(
    "two programs changed the same rows at once", "run the same command again", "ledger-locked"
)
PASSWORD = FaultKind(
    "the server refused the user or the password",
    "check the user and the password in the ledger's URL",
    "ledger-refused",
    passes=False,
)
NOT_ADMITTED = FaultKind(
    "the server does not accept this user from this machine",
    "ask the server's administrator for an entry in pg_hba.conf",
    "ledger-refused",
    passes=False,
)
WANTS_SSL = FaultKind(
    "the server accepts only encrypted connections from this machine",
    "add ?sslmode=require to the ledger's URL, or ask the server's administrator for an entry in pg_hba.conf",
    "ledger-ssl",
    passes=False,
)
SSL = FaultKind(
    "could not establish an encrypted connection to the server",
    "check sslmode, sslrootcert and the certificates in the ledger's URL",
    "ledger-ssl",
    passes=False,
)
NO_DATABASE = FaultKind(
    "the database does not exist on the server",
    "create it (`createdb NAME`), or check its name in the ledger's URL",
    "ledger-no-database",
    passes=False,
)
NO_SCHEMA = FaultKind(
    "the schema for the ledger's tables does not exist",
    "create it (CREATE SCHEMA), or check search_path",
    "ledger-no-schema",
    passes=False,
)
NO_RIGHTS = FaultKind(
    "the database user lacks privileges that the ledger needs",
    "grant the user privileges on the schema and its tables, or choose another ledger",
    "ledger-read-only",
    passes=False,
)
URL_OPTION = FaultKind(
    "the ledger's URL contains an option that the server or its client library does not accept",
    "check the part after `?`; a connection pooler may need to allow `options` (pgbouncer: ignore_startup_parameters)",
    "ledger-url",
    passes=False,
)
NO_TABLES = FaultKind(
    "tables of the ledger are missing or have a different structure",
    "check that the ledger's URL names the right database and search_path, or restore a backup",
    "ledger-damaged",
    passes=False,
)
DAMAGED = FaultKind(
    "the server found damaged data in the ledger",
    "ask the server's administrator, and restore a backup",
    "ledger-damaged",
    passes=False,
)

_BY_STATE: dict[str, FaultKind] = {
    "28P01": PASSWORD,
    "28000": NOT_ADMITTED,
    "3D000": NO_DATABASE,
    "3F000": NO_SCHEMA,
    "42501": NO_RIGHTS,
    "42P01": NO_TABLES,
    "42703": NO_TABLES,
    "25006": STANDBY,
    "25P03": IDLE,
    "25P04": IDLE,
    "53100": FULL,
    "53200": MEMORY,
    "53300": TOO_MANY,
    "53000": MEMORY,
    "53400": MEMORY,
    "55P03": LOCKED,
    "55000": CLOSED,
    "57014": TOO_SLOW,
    "57P01": ENDED,
    "57P02": ENDED,
    "57P03": STARTING,
    "57P04": NO_DATABASE,
    "57P05": ENDED,
    "58030": DISK,
    "40001": CONFLICT,
    "40P01": CONFLICT,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
    "08P01": URL_OPTION,
}

_GONE = (
    "connection refused|timeout expired|timed out|connection timeout|no route to host|network is unreachable"
    "|no such file or directory"
)
_HUNG_UP = (
    "server closed the connection|connection reset|ssl syscall error|ssl connection has been closed"
    "|terminating connection|connection is lost|connection is closed"
)
_URL_OPTIONS = (
    "unrecognized configuration parameter|startup parameter|permission denied to set parameter|invalid uri"
    "|invalid connection option|invalid sslmode|invalid value for parameter|invalid port|invalid integer value"
    '|invalid channel_binding|invalid target_session_attrs|missing "=" after'
)
_LOGIN = (
    "password|authentication|passwort|authentifizierung|mot de passe|authentification|contraseña|autentificación"
    "|autenticación|senha|autenticação|парол|аутентификац|密码|認証|パスワード|비밀번호"
)

# For errors without a state, and to distinguish those that share one; in lower case. The first match wins.
_BY_WORDS: tuple[tuple[FaultKind, str], ...] = (
    (NO_ANSWER, _GONE),
    (ENDED, _HUNG_UP),
    (ROLE_LIMIT, "too many connections for role"),
    (DATABASE_LIMIT, "too many connections for database"),
    (TOO_MANY, "too many clients|slots are reserved|too many connections|no more connections allowed"),
    (NO_HOST, "failed to resolve|could not translate host|name or service not known|name resolution"),
    (CLOSED, "not currently accepting connections"),
    (
        STARTING,
        "starting up|shutting down|recovery mode|recovery state|not yet accepting|not accepting connections",
    ),
    (STANDBY, "session is read-only|session is not read-only|hot standby|read-only transaction"),
    (WANTS_SSL, "no encryption|ssl off"),
    (NOT_ADMITTED, "pg_hba.conf|not permitted to log in"),
    (URL_OPTION, _URL_OPTIONS),
    (SSL, "ssl|certificate|tls"),
    (PASSWORD, _LOGIN),
    (NO_DATABASE, 'database ""|datenbank|base de données|base de datos|banco de dados|база данных'),
    (PASSWORD, 'role ""|user ""'),
    (FULL, "no space left"),
)
_QUOTED = re.compile('"[^"]*"')
"""Names of hosts, databases and users, which could contain any of the words."""

_EXISTS_NOT = (
    "does not exist",
    "existiert nicht",
    "n'existe pas",
    "no existe",
    "não existe",
    "не существует",
)


def kind_of(state: str, text: str) -> FaultKind | None:
    """Return the kind of an error by SQLSTATE (empty for a connection error) and text; None if unknown."""
    words = _QUOTED.sub('""', text.lower())
    if state:
        if state == "57014" and "statement timeout" not in words and "user request" in words:
            return CANCELLED
        if state == "28000" and ("no encryption" in words or "ssl off" in words):
            return WANTS_SSL
        if state == "55000":
            return CLOSED if "accepting connections" in words else None
        if state == "53300":
            return _by_words(words) or TOO_MANY
        return _BY_STATE.get(state) or (NO_ANSWER if state.startswith("08") else None)
    found = _by_words(words)
    if found is NO_DATABASE and not any(one in words for one in _EXISTS_NOT):
        return NO_ANSWER
    return found or NO_ANSWER


def _by_words(words: str) -> FaultKind | None:
    return next((kind for kind, signs in _BY_WORDS if re.search(signs, words)), None)
