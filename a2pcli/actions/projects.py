"""Creates a starter project that works at once: settings, a campaign, contacts, prices."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from a2pcli.config.schema import schema_text
from a2pcli.errors import InvalidInput, Problem, not_written

FILES = ("a2pcli.yaml", "campaigns/welcome.yaml", "contacts.csv", "rates.csv", ".gitignore")
"""What a starter project is made of, beside the schemas."""

SCHEMAS: dict[Literal["campaign", "settings"], str] = {
    "campaign": ".schema/campaign.json",
    "settings": ".schema/settings.json",
}
"""Where editors find the schemas: the first lines of the starter files say so."""


def make_project(folder: Path) -> tuple[list[str], list[str]]:
    """Write what is missing; gives the names of the files created and of those kept as they were.

    Raises ``InvalidInput`` where the folder cannot be made or written to.
    """
    from importlib.resources import files

    starter = files("a2pcli.actions") / "starter"
    texts = {name: (starter / name.lstrip(".")).read_text(encoding="utf-8") for name in FILES}
    texts |= {path: schema_text(kind) for kind, path in SCHEMAS.items()}
    created: list[str] = []
    kept: list[str] = []
    for name, text in texts.items():
        (created if _write_new(folder / name, text) else kept).append(name)
    return created, kept


def _write_new(path: Path, text: str) -> bool:
    """Write a file that does not exist; False if it does. Never overwrites, not even in a race."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        if path.is_file():
            return False
        place = Path(error.filename or path)
        what = (
            "is in the way: a folder is needed here" if place != path else "is in the way: it is not a file"
        )
        raise InvalidInput(Problem(what, str(place), code="in-the-way")) from None
    except NotADirectoryError:
        blocking = next((parent for parent in path.parents if parent.exists()), path)
        message = "is in the way: a folder is needed here"
        raise InvalidInput(Problem(message, str(blocking), code="in-the-way")) from None
    except OSError as error:
        raise not_written(error, str(path), "unwritable") from None
    return True


def advice_on(folder: Path, kept: list[str]) -> list[str]:
    """What a person should know about the files that were there already."""
    advice = []
    ignored = _text(folder / ".gitignore").splitlines() if ".gitignore" in kept else [".a2pcli/", ".env"]
    if not any(line.strip("/ ") == ".a2pcli" for line in ignored):
        advice.append(f"add '.a2pcli/' to {folder / '.gitignore'}: it contains people's numbers")
    if ".env" not in (line.strip("/ ") for line in ignored):
        advice.append(f"add '.env' to {folder / '.gitignore'}: it will contain secrets")
    for kind, path in SCHEMAS.items():
        if path in kept and _text(folder / path) != schema_text(kind):
            advice.append(
                f"{folder / path} is from another version: a2pcli schema {kind} --out {folder / path}"
            )
    return advice


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
