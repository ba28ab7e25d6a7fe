"""``a2pcli ledger``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from a2pcli.cli.options import Json, Ledger

if TYPE_CHECKING:
    from a2pcli.actions.project import Project


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(ledger)
    commands.command("create")(create)
    commands.command("accept")(accept)
    commands.command("encrypt")(encrypt)
    commands.command("decrypt")(decrypt)
    commands.command("rekey")(rekey)
    app.add_typer(commands, name="ledger")


def ledger() -> None:
    """Create a ledger, or encrypt it at rest.

    A project's first plan creates its ledger, so `create` is rarely needed. The project remembers its ledger in
    .a2pcli-ledger.json beside the settings: if that ledger is missing, or a different or older one is found, nothing
    is planned or sent until a person decides.

    Encryption is for SQLite ledgers, with SQLCipher: pip install 'a2pcli[encryption]'. The key is in the variable
    A2PCLI_LEDGER_KEY, or the one named by ledger_key: in the settings. Without the key the ledger cannot be opened:
    keep it apart from the backups. A new ledger is encrypted if a key is set.

    Example:  a2pcli ledger encrypt
    """


def create(ledger: Ledger = None, as_json: Json = False) -> None:
    """Create a new, empty ledger, even if the project's ledger is missing.

    A new ledger knows neither who was messaged nor who opted out: restore the old one if you can.

    Example:  a2pcli ledger create
    """
    from a2pcli.actions.ledgers import create_ledger
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import say

    _do(create_ledger, ledger, "created", "created ledger {0}", as_json)
    if project_at(ledger).known_ledgers() is None:
        say("no settings here name this ledger: use --ledger, or set A2PCLI_LEDGER")


def accept(ledger: Ledger = None, as_json: Json = False) -> None:
    """Use the ledger found here, although the project knew a different one or a newer state of it.

    Use it after restoring a backup, or after moving to another ledger on purpose. What the other ledger knew (who was
    messaged, who opted out) is not in this one.

    Example:  a2pcli ledger accept
    """
    from a2pcli.actions.ledgers import accept_ledger

    _do(accept_ledger, ledger, "accepted", "{0} is now this project's ledger", as_json)


def encrypt(ledger: Ledger = None, as_json: Json = False) -> None:
    """Encrypt an existing ledger with the key.

    64 hex digits are used as the key itself (`openssl rand -hex 32`), anything else as a passphrase. The file is
    rewritten; blocks of the old file stay on the disk until they are reused.

    Example:  a2pcli ledger encrypt
    """
    from a2pcli.actions.ledgers import encrypt_ledger

    _do(
        encrypt_ledger,
        ledger,
        "encrypted",
        "{0} is encrypted: every command now needs the key",
        as_json,
    )


def decrypt(ledger: Ledger = None, as_json: Json = False) -> None:
    """Remove the encryption. The key must be set.

    Example:  a2pcli ledger decrypt
    """
    from a2pcli.actions.ledgers import decrypt_ledger

    _do(
        decrypt_ledger,
        ledger,
        "decrypted",
        "{0} is no longer encrypted; unset A2PCLI_LEDGER_KEY, or remove ledger_key: from the settings",
        as_json,
    )


def rekey(ledger: Ledger = None, as_json: Json = False) -> None:
    """Change the key of an encrypted ledger.

    Reads the old key from A2PCLI_LEDGER_KEY and the new one from A2PCLI_LEDGER_NEW_KEY.

    Example:  a2pcli ledger rekey
    """
    from a2pcli.actions.ledgers import rekey_ledger

    _do(rekey_ledger, ledger, "rekeyed", "{0} now has the new key: set A2PCLI_LEDGER_KEY to it", as_json)


def _do(action: Callable[[Project], str], ledger: str | None, done: str, text: str, as_json: bool) -> None:
    """Call the action and say what was done, as a document or as a sentence about the ledger it names."""
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say

    name = action(project_at(ledger))
    if as_json:
        print_json({"ledger": name, "done": done})
    else:
        say(text.format(name))
