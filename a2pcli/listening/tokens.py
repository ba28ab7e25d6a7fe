"""Who may call: the tokens of the settings with their secrets, which may be changed while the listener runs."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.config import environment
from a2pcli.config.load import load_settings
from a2pcli.config.values import parse_rate
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from a2pcli.config.listen import Token as TokenSettings
    from a2pcli.config.load import LoadedSettings

SHORTEST, MOST_SECRETS = 16, 5
_SECRET = re.compile(rf"[!-~]{{{SHORTEST},500}}")
_HOW_TO = f"at least {SHORTEST} letters and digits, for example from: openssl rand -hex 24"
LARGEST_FILE = 10_000
"""Bytes of a file of secrets."""

DEFAULT_RATE = 100.0
"""Requests a second of a token without a rate of its own."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token. ``rate`` is in requests a second."""

    name: str
    scopes: frozenset[str]
    secrets: tuple[bytes, ...]
    is_signed: bool
    rate: float


class Tokens:
    """The tokens that are valid now. ``refresh`` reads settings, ``.env`` and files again if one of them changed."""

    def __init__(self, settings: LoadedSettings) -> None:
        """Raises ``InvalidInput`` with all that is wrong with the tokens."""
        self._settings = settings
        self._lock = threading.Lock()
        self._seen = self._stamps(settings)
        self._known = read_tokens(settings)

    def __bool__(self) -> bool:
        return bool(self._known)

    def __iter__(self) -> Iterator[Token]:
        return iter(self._known.values())

    def named(self, name: str) -> Token | None:
        """The token of this name."""
        return self._known.get(name)

    def with_secret(self, secret: str) -> Token | None:
        """The token that has this secret. Takes as long whichever it is."""
        given = hashlib.sha256(secret.encode("utf-8", "replace")).digest()
        found = None
        for token in self._known.values():
            for one in token.secrets:
                if hmac.compare_digest(hashlib.sha256(one).digest(), given):
                    found = token
        return found

    def refresh(self, *, anyway: bool = False) -> bool:
        """Read them again if a file changed, or ``anyway``; return whether they differ now.

        Raises ``A2PError``, and the tokens remain as they were, if something is wrong with the new ones.
        """
        with self._lock:
            stamps = self._stamps(self._settings)
            if stamps == self._seen and not anyway:
                return False
            self._seen = stamps
            settings = self._settings
            if settings.path is not None:
                settings = load_settings(settings.path)
            known = read_tokens(settings)
            self._settings, self._seen = settings, self._stamps(settings)
            before, self._known = self._known, known
            return before != known

    @staticmethod
    def _stamps(settings: LoadedSettings) -> Mapping[Path, tuple[int, int, int] | None]:
        files = [settings.folder / one.file for one in settings.settings.listen.tokens.values() if one.file]
        if settings.path is not None:
            files += [settings.path, settings.folder / environment.NAME]
        return {path: stamp(path) for path in files}


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file does; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_tokens(settings: LoadedSettings) -> dict[str, Token]:
    """The tokens of the settings, with their secrets. Raises ``InvalidInput`` with every problem."""
    typed, problems = settings.settings.listen.tokens, list[Problem]()
    found = {name: _token(settings, name, one, problems) for name, one in typed.items()}
    owners: dict[bytes, str] = {}
    for name, token in found.items():
        for secret in token.secrets:
            if owners.setdefault(secret, name) != name:
                message = f"the tokens {owners[secret]} and {name} have the same secret"
                problems.append(_problem(settings, name, message, "give each its own", "listen-token"))
    if problems:
        raise InvalidInput(*problems)
    return found


def _token(settings: LoadedSettings, name: str, typed: TokenSettings, problems: list[Problem]) -> Token:
    secrets: list[str] = []
    if settings.document is not None:
        loc = ("listen", "tokens", name, "secret")
        missing = list(
            environment.reference_problems(list(typed.secret), loc, settings.document, settings.environ)
        )
        problems += missing
        if not missing:
            secrets += [str(environment.filled(one, settings.environ)) for one in typed.secret]
    if typed.file is not None:
        secrets += _in_file(settings, name, typed.file, problems)
    for secret in secrets:
        if not _SECRET.fullmatch(secret):
            message = f"a secret of the token {name} is too short or has spaces or letters beyond ASCII"
            problems.append(_problem(settings, name, message, _HOW_TO, "listen-token"))
    if len(secrets) > MOST_SECRETS:
        message = f"the token {name} has {len(secrets)} secrets"
        problems.append(
            _problem(settings, name, message, f"remove old ones: {MOST_SECRETS} at most", "listen-token")
        )
    rate = parse_rate(typed.rate).per_second if typed.rate else DEFAULT_RATE
    kept = tuple(dict.fromkeys(one.encode() for one in secrets))
    return Token(name, frozenset(typed.scopes), kept, typed.signed, rate)


def _in_file(settings: LoadedSettings, name: str, typed: str, problems: list[Problem]) -> list[str]:
    """The secrets in a file; empty lines and comments are left out."""
    path = settings.folder / typed
    try:
        if not path.is_file():
            raise OSError("there is no such file")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise OSError("it is too large for a file of secrets")
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        message = f"the secrets of the token {name} cannot be read from {typed}: {why}"
        problems.append(_problem(settings, name, message, None, "listen-token", "file"))
        return []
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        message = f"{typed} has no secret of the token {name}"
        problems.append(_problem(settings, name, message, "write one a line", "listen-token", "file"))
    return found


def _problem(
    settings: LoadedSettings, name: str, message: str, hint: str | None, code: str, *more: str
) -> Problem:
    return settings.problem(message, ("listen", "tokens", name, *more), hint=hint, code=code)
