"""``dataclass`` as the standard library has it, made sooner for classes of values (``frozen=True``).

The library writes out and compiles ``__eq__``, ``__hash__`` and ``__repr__`` for each class. Of the 150 classes that a
plan imports few are ever compared or shown, and to make them was a tenth of a plan of ten rows. Here all share one
function each, which does the same more slowly; what else there is of a data class is the library's.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **how: Any) -> Any:
        """``dataclasses.dataclass``, with the same arguments."""
        if cls is None:
            return lambda cls: dataclass(cls, **how)
        if not how.get("frozen") or how.keys() - {"frozen", "slots", "kw_only"}:
            return dataclasses.dataclass(cls, **how)
        own = vars(cls)
        for name, function in (("__eq__", _equal), ("__hash__", _hash), ("__repr__", _shown)):
            # A class that has an __eq__ of its own has None for a __hash__.
            if own.get(name) is None:
                setattr(cls, name, function)
        return dataclasses.dataclass(cls, eq=False, repr=False, **how)


@cache
def _names(cls: Any) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The fields that count in a comparison, in a hash, and that are shown."""
    fields = dataclasses.fields(cls)
    return (
        tuple(one.name for one in fields if one.compare),
        tuple(one.name for one in fields if (one.compare if one.hash is None else one.hash)),
        tuple(one.name for one in fields if one.repr),
    )


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return all(getattr(self, name) == getattr(other, name) for name in _names(self.__class__)[0])


def _hash(self: Any) -> int:
    return hash(tuple([getattr(self, name) for name in _names(self.__class__)[1]]))


def _shown(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name in _names(self.__class__)[2])
    return f"{self.__class__.__qualname__}({', '.join(shown)})"
