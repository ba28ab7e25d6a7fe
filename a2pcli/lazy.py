"""Modules that are imported when they are first used: most commands need few of those that their parts name.

Not ``importlib.util.LazyLoader``: before Python 3.12 two threads could find its modules half loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """Stands for a module until something of it is asked for. Type checkers are shown the module itself."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


def lazily(package: str, *names: str) -> tuple[LazyModule, ...]:
    """The package's modules with these names, not imported yet."""
    return tuple(LazyModule(f"{package}.{name}") for name in names)
