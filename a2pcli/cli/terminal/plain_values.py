"""Plain values of the command line are read without pydantic, whose import alone costs five interpreters.

Typer reads every argument with a pydantic model of its type. Text, whole numbers and paths need none of it. What is not
plain, a number out of its range for one, is left to Typer, with its sentences.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer.core

_NOT_PLAIN = object()


def read_plainly() -> None:
    """Have Typer read plain values plainly from now on.

    It has no setting for that: where another version of it builds its readers elsewhere, it reads all values itself.
    """
    build = getattr(typer.core, "build_runtime_param", None)
    if build is not None and not isinstance(build, _Builder):
        vars(typer.core)["build_runtime_param"] = _Builder(build)


class _Builder:
    """Gives the reader of a parameter, by the description that Typer has made of it."""

    def __init__(self, build: Callable[[Any], Any]) -> None:
        self._build = build

    def __call__(self, descriptor: Any) -> _Reader:
        return _Reader(descriptor, self._build)


class _Reader:
    """Stands for Typer's reader of a parameter, which is made when a value is not plain."""

    def __init__(self, descriptor: Any, build: Callable[[Any], Any]) -> None:
        self._descriptor = descriptor
        self._build = build
        self._info = descriptor.parameter_info

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command wants it; Typer asks for it by this name."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        read = _NOT_PLAIN
        if self._info.parser is None:
            read = self._several(value) if several else self._one(value)
        if read is _NOT_PLAIN:
            return self._build(self._descriptor).coerce(value, param=param, ctx=ctx)
        return read

    def _several(self, value: Any) -> Any:
        texts = self._descriptor.annotation == list[str] and isinstance(value, list | tuple)
        return list(value) if texts and all(type(one) is str for one in value) else _NOT_PLAIN

    def _one(self, value: Any) -> Any:
        wanted = self._descriptor.annotation
        if wanted is str and type(value) is str:
            return value
        if wanted is int:
            return self._number(value)
        if wanted is Path and isinstance(value, str | Path):
            return self._path(Path(value))
        return _NOT_PLAIN

    def _number(self, value: Any) -> Any:
        if type(value) is not int and not (type(value) is str and re.fullmatch("[0-9]{1,9}", value)):
            return _NOT_PLAIN
        number, least, most = int(value), self._info.min, self._info.max
        within = (least is None or number >= least) and (most is None or number <= most)
        return number if within else _NOT_PLAIN

    def _path(self, path: Path) -> Any:
        info = self._info
        asked = info.exists, info.writable, info.resolve_path, not info.file_okay, not info.dir_okay
        if any(asked) or info.path_type is not None:
            return _NOT_PLAIN
        return path if os.access(path, os.R_OK) or not os.access(path, os.F_OK) else _NOT_PLAIN
