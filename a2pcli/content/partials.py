"""Reads partials: files of the campaign's folder, and of no other."""

from __future__ import annotations

import errno
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from a2pcli.content.failures import Unsuitable
from a2pcli.folding import composed
from a2pcli.regular import open_regular

LARGEST = 50_000
"""Bytes of one partial."""


def read_partial(folder: Path | None, name: str) -> tuple[str, str]:
    """The text of a partial, and its path as problems show it.

    Raises:
        FileNotFoundError: there is no such file.
        Unsuitable: it may not be read or is no text.
    """
    if folder is None:
        raise Unsuitable("no folder to load partials from")
    pure = PurePosixPath(name)
    if (
        not name.strip()
        or pure.is_absolute()
        or ".." in pure.parts
        or "\\" in name
        or "\0" in name
        or ":" in name
    ):
        raise Unsuitable(f"'{name}' is not a file name inside the campaign's folder")
    path = folder / pure
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()):
            raise Unsuitable(f"'{name}' leads out of the campaign's folder")
        if not real.is_file():
            raise Unsuitable(f"'{name}' is not a file")
        with open_regular(real) as file:
            content = file.read(LARGEST + 1)
    except RuntimeError:
        raise Unsuitable(f"'{name}' is a symbolic link to itself") from None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise FileNotFoundError(f"no file '{name}' in the campaign's folder") from None
        raise Unsuitable(f"'{name}' cannot be read: {error.strerror or type(error).__name__}") from None
    if len(content) > LARGEST:
        raise Unsuitable(f"'{name}' is larger than {LARGEST // 1000} kB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unsuitable(f"'{name}' is not UTF-8 text") from None
    return composed(text.replace("\r\n", "\n").replace("\r", "\n")), str(path)


def near_file(folder: Path | None, name: str) -> str | None:
    """A hint that names a file of the folder whose name is near."""
    if folder is None or not folder.is_dir():
        return None
    names = [path.name for path in sorted(folder.iterdir())[:500] if path.is_file()]
    near = get_close_matches(name, names, 1, 0.6)
    return f"did you mean '{near[0]}'?" if near else None
