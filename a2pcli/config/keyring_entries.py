"""Secrets in the keyring of the operating system (library ``keyring``, extra ``a2pcli[keyring]``).

A keyring may ask its owner for a password, and may wait for that for ever where nobody sits: it is asked once for each
entry, and given up on after a while. What was found is kept in memory only, for as long as the process lives.
"""

from __future__ import annotations

import shlex
import threading
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.errors import how_to_install

LONGEST_WAIT = 60.0
"""Seconds that a keyring may take, a person's typing included."""

_INSTEAD = "or use an environment variable there, ${NAME}, which .env beside the settings can hold"


@dataclass(frozen=True, slots=True)
class Entry:
    """A secret, or why there is none and what to do about it."""

    value: str | None
    message: str = ""
    hint: str = ""


_read: dict[tuple[int, str, str], Entry] = {}


def keyring_entry(service: str, name: str) -> Entry:
    """The entry ``name`` of ``service``. Never raises; no message has anything of the secret."""
    try:
        import keyring
    except ImportError:
        message = "reading a secret from the keyring needs an extra that is not installed"
        return Entry(None, message, how_to_install("keyring"))
    try:
        backend: Any = keyring.get_keyring()
    except Exception as error:
        return _failed(error)
    key = (id(backend), service, name)
    if key not in _read:
        _read[key] = _in_time(backend, service, name)
    return _read[key]


def _in_time(backend: Any, service: str, name: str) -> Entry:
    found: list[Entry] = []
    reader = threading.Thread(target=lambda: found.append(_asked(backend, service, name)), daemon=True)
    reader.start()
    reader.join(LONGEST_WAIT)
    if found:
        return found[0]
    message = f"the keyring did not answer within {LONGEST_WAIT:g} seconds; it may be locked and waiting for a password"
    return Entry(None, message, f"unlock it first, {_INSTEAD}")


def _asked(backend: Any, service: str, name: str) -> Entry:
    try:
        value = backend.get_password(service, name)
    except Exception as error:
        return _failed(error)
    if isinstance(value, str) and value:
        return Entry(value)
    what = "has no entry" if value is None else "has an empty entry"
    command = f"keyring set {shlex.quote(service)} {shlex.quote(name)}"
    return Entry(None, f"the keyring {what} {service}/{name}", f"{command} stores it")


def _failed(error: Exception) -> Entry:
    """Told by the kind of the error: its own text could hold anything."""
    from keyring.errors import KeyringLocked, NoKeyringError

    if isinstance(error, NoKeyringError):
        message = "this process has no keyring, as under cron, in a container or over SSH"
        return Entry(None, message, f"run it in a desktop session, {_INSTEAD}")
    if isinstance(error, KeyringLocked):
        return Entry(None, "the keyring is locked", f"unlock it, {_INSTEAD}")
    return Entry(
        None, f"the keyring cannot be read ({type(error).__name__})", f"try: keyring diagnose; {_INSTEAD}"
    )
