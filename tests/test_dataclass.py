"""Our data classes are the library's, whatever they share."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import field
from typing import Any

import pytest

from a2pcli import dataclass as ours


def classes(decorate: Any) -> list[type]:
    @decorate(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: Any = 2
        seen: int = field(default=0, compare=False)
        secret: str = field(default="s", repr=False)

    @decorate(frozen=True, slots=True)
    class Place(Point):
        """With a name."""

        name: str = ""

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Place)

    @decorate(frozen=True)
    class Shown:
        """As it likes."""

        x: int

        def __repr__(self) -> str:
            return "shown"

    @decorate(slots=True)
    class Counter:
        """Changes."""

        x: int = 0

    return [Point, Place, Shown, Counter]


@pytest.mark.parametrize("place", range(4))
def test_a_class_behaves_as_the_librarys(place: int) -> None:
    mine, theirs = classes(ours.dataclass)[place], classes(dataclasses.dataclass)[place]
    assert mine.__match_args__ == theirs.__match_args__
    assert hasattr(mine, "__slots__") == hasattr(theirs, "__slots__")
    for cls in (mine, theirs):
        assert cls(1) == cls(1)
        assert cls(1) != "1"
    assert (mine(1) == mine(2)) == (theirs(1) == theirs(2))
    assert mine(1) != theirs(1)
    assert repr(mine(1)).replace(ours.__name__, "") == repr(theirs(1)).replace(ours.__name__, "")
    assert repr(dataclasses.replace(mine(1), x=3)) == repr(dataclasses.replace(theirs(1), x=3))
    for cls in (mine, theirs):
        if place < 3:
            assert hash(cls(1)) == hash(cls(1))
            with pytest.raises(dataclasses.FrozenInstanceError):
                cls(1).x = 2
        else:
            cls(1).x = 2
            with pytest.raises(TypeError):
                hash(cls(1))


def test_what_does_not_count_does_not_count() -> None:
    point = classes(ours.dataclass)[0]
    assert point(1, seen=1) == point(1, seen=2)
    assert hash(point(1, seen=1)) == hash(point(1, seen=2))
    assert point(1, secret="a") != point(1, secret="b")
    assert "secret" not in repr(point(1))


@ours.dataclass(frozen=True, slots=True)
class Sent:
    """To another process."""

    name: str
    sizes: tuple[int, ...] = ()


def test_a_value_travels_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Sent("a", (1, 2)))) == Sent("a", (1, 2))
    assert {Sent("a"): 1}[Sent("a")] == 1
