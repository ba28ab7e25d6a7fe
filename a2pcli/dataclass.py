"""``dataclass`` as the standard library has it, made sooner for classes of values (``frozen=True``).

The library writes and compiles six functions for each class. Of the 150 classes that a plan imports few are ever
compared, shown or wrongly assigned to, and to make them all was a tenth of a plan of ten rows. Here only
``__init__`` is compiled; for the rest all classes share one function each, which does the same more slowly. Fields,
slots, ``replace`` and ``asdict`` are the library's.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING
from functools import cache
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **how: Any) -> Any:
        """``dataclasses.dataclass``, with the same arguments."""
        if cls is None:
            return lambda cls: dataclass(cls, **how)
        slots = how.pop("slots", False)
        if how != {"frozen": True} or not _is_plain(cls):
            return dataclasses.dataclass(cls, slots=slots, **how)
        for name, function in _SHARED.items():
            # A class that has an __eq__ of its own has None for a __hash__.
            if vars(cls).get(name) is None:
                setattr(cls, name, function)
        made = dataclasses.dataclass(cls, init=False, eq=False, repr=False, slots=slots)
        made.__init__ = _init(made)
        return made


def _is_plain(cls: type) -> bool:
    """Whether it has fields with and without defaults, and nothing beyond."""
    own = vars(cls)
    odd = any(word in str(kind) for kind in own.get("__annotations__", {}).values() for word in _ODD)
    fields = [value for value in own.values() if isinstance(value, dataclasses.Field)]
    return not odd and "__init__" not in own and all(one.init and one.kw_only is MISSING for one in fields)


_ODD = ("InitVar", "KW_ONLY")


def _init(cls: Any) -> Any:
    """``__init__`` of the class's fields."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": MISSING}
    slots = vars(cls)
    parameters, lines = ["self"], []
    for one in dataclasses.fields(cls):
        name, value = one.name, one.name
        if one.default_factory is not MISSING:
            known[f"_make_{name}"] = one.default_factory
            parameters.append(f"{name}=_MISSING")
            value = f"_make_{name}() if {name} is _MISSING else {name}"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        slot = slots.get(name)
        if isinstance(slot, MemberDescriptorType):  # a third faster than by name
            known[f"_set_{name}"] = slot.__set__
            lines.append(f"_set_{name}(self, {value})")
        else:
            lines.append(f"_set(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"]), known)  # noqa: S102
    made = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


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
    names = _names(self.__class__)[0]
    return [getattr(self, name) for name in names] == [getattr(other, name) for name in names]


def _hash(self: Any) -> int:
    return hash(tuple([getattr(self, name) for name in _names(self.__class__)[1]]))


def _shown(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name in _names(self.__class__)[2])
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> dict[str, Any]:
    """What is copied and pickled: of a class without slots, what it keeps beside its fields, too."""
    fields = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
    return fields | getattr(self, "__dict__", {})


def _take_state(self: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        object.__setattr__(self, name, value)


_SHARED: dict[str, Any] = {
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _shown,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _take_state,
}
