"""Finds the settings and the ledger, for commands that only use the ledger.

Nothing here knows the whole of the settings, so nothing waits for their model, which is slow to build.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from a2pcli.config import environment
from a2pcli.config.document import Document, read_document
from a2pcli.config.environment import environment_at
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem

SETTINGS_NAMES = ("a2pcli.yaml", "a2pcli.yml")


class Typed(Protocol):
    """What the settings say about the ledger."""

    @property
    def ledger(self) -> str:
        """Its path or URL."""
        ...

    @property
    def ledger_key(self) -> str | None:
        """The variable that holds its key."""
        ...


class LedgerSettings(Protocol):
    """Settings, read whole or only as far as the ledger goes."""

    @property
    def settings(self) -> Typed:
        """The validated settings."""
        ...

    @property
    def document(self) -> Document | None:
        """The file; None for the defaults."""
        ...

    @property
    def folder(self) -> Path:
        """The folder of the settings file."""
        ...

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that ``${NAME}`` reads."""
        ...

    def problem(
        self, message: str, loc: tuple[str | int, ...], *, hint: str | None = None, code: str
    ) -> Problem:
        """An error at ``loc``."""
        ...


@dataclass(frozen=True, slots=True)
class _Said:
    ledger: str = ".a2pcli/ledger.db"
    ledger_key: str | None = None


@dataclass(frozen=True, slots=True)
class OnlyLedger:
    """The settings as far as they speak of the ledger."""

    settings: Typed
    document: Document | None
    folder: Path

    @property
    def environ(self) -> Mapping[str, str]:
        """The process's variables, and those of ``.env`` beside the settings."""
        return os.environ if self.document is None else environment_at(self.folder)

    def problem(
        self, message: str, loc: tuple[str | int, ...], *, hint: str | None = None, code: str
    ) -> Problem:
        """An error at ``loc`` of the settings file."""
        if self.document is None:
            return Problem(message, hint=hint, code=code)
        return self.document.problem(message, loc, hint=hint, code=code)


def only_ledger(start: Path) -> OnlyLedger | None:
    """What the settings beside ``start`` or above it say of the ledger; None where only the whole model can tell.

    Raises ``InvalidInput`` for a file that is not even YAML.
    """
    folder = start if start.is_dir() else start.parent
    path = find_settings(folder)
    if path is None:
        return OnlyLedger(_Said(), None, folder)
    document = read_document(path)
    given = {name: document.data[name] for name in ("ledger", "ledger_key") if name in document.data}
    if not all(isinstance(value, str) and value and value == value.strip() for value in given.values()):
        return None
    return OnlyLedger(_Said(**given), document, path.parent)


def find_settings(folder: Path) -> Path | None:
    """``a2pcli.yaml`` in the folder or the nearest one above, named relative to where the user stands."""
    here = folder.resolve()
    for level in (here, *here.parents):
        found = [level / name for name in SETTINGS_NAMES if (level / name).is_file()]
        if len(found) > 1:
            message = f"is beside {SETTINGS_NAMES[1]}; keep only one of them"
            raise InvalidInput(
                Problem(message, shown_path(found[0]), hint="remove the other", code="settings")
            )
        if found:
            return Path(shown_path(found[0]))
    return None


def shown_path(path: Path) -> str:
    """The path as a person at this folder would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(f"..{os.sep}..{os.sep}..") else relative


def ledger_url(loaded: LedgerSettings, environ: Mapping[str, str] | None = None) -> str:
    """The ledger's absolute path, or SQLAlchemy's URL of a server; paths are relative to the settings' folder."""
    environ = loaded.environ if environ is None else environ
    typed = loaded.settings.ledger
    if loaded.document is not None:
        problems = environment.reference_problems(typed, ("ledger",), loaded.document, environ)
        if found := tuple(problems):
            raise InvalidInput(*found)
    place: str = environment.filled(typed, environ)
    scheme, separator, rest = place.partition("://")
    if separator and scheme in ("postgres", "postgresql"):
        return f"postgresql+psycopg://{rest}"
    if separator and scheme.startswith("postgresql+"):
        return place
    if separator and scheme == "sqlite":
        place = rest.removeprefix("/")
    elif separator:
        hint = "a file's path, or postgresql://..."
        raise InvalidInput(
            loaded.problem(f"the ledger cannot be a {scheme} database", ("ledger",), hint=hint, code="ledger")
        )
    return str((loaded.folder / Path(place).expanduser()).resolve())


def ledger_key(loaded: LedgerSettings, environ: Mapping[str, str] | None = None) -> str | None:
    """The key of an encrypted ledger, from the variable that ``ledger_key:`` names; None where it names none.

    Raises ``InvalidInput`` where that variable is not set.
    """
    environ = loaded.environ if environ is None else environ
    typed = loaded.settings.ledger_key
    if typed is None:
        return None
    if not environment.names_variable(typed):  # the model says so too, where the settings are read whole
        message = f"ledger_key {environment.NOT_A_VARIABLE[0]}"
        hint = environment.NOT_A_VARIABLE[1]
        raise InvalidInput(loaded.problem(message, ("ledger_key",), hint=hint, code="bad-reference"))
    if loaded.document is not None:
        problems = environment.reference_problems(typed, ("ledger_key",), loaded.document, environ)
        if found := tuple(problems):
            raise InvalidInput(*found)
    return str(environment.filled(typed, environ))
