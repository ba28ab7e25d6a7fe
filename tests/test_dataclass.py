"""Our data classes are the library's, whatever they share."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field
from functools import cached_property
from typing import Any, ClassVar

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

    @decorate(frozen=True)
    class Checked:
        """With what is made of the fields."""

        x: int
        seen: tuple[int, ...] = field(default_factory=tuple)
        more: ClassVar[int] = 7

        def __post_init__(self) -> None:
            object.__setattr__(self, "seen", (*self.seen, self.x))

        @cached_property
        def twice(self) -> int:
            return 2 * self.x

    @decorate(slots=True)
    class Counter:
        """Changes."""

        x: int = 0

    return [Point, Place, Shown, Checked, Counter]


@pytest.mark.parametrize("place", range(5))
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
        if place < 4:
            assert hash(cls(1)) == hash(cls(1))
            with pytest.raises(dataclasses.FrozenInstanceError):
                cls(1).x = 2
            with pytest.raises(dataclasses.FrozenInstanceError):
                del cls(1).x
            assert copy.copy(cls(1)) == cls(1)
        else:
            cls(1).x = 2
            with pytest.raises(TypeError):
                hash(cls(1))


def test_arguments_are_the_librarys_and_defaults_are_made_for_each_object() -> None:
    for decorate in (ours.dataclass, dataclasses.dataclass):
        _, place, _, checked, _ = classes(decorate)
        one = place(1, name="n", y=4)
        assert (one.x, one.y, one.seen, one.secret, one.name) == (1, 4, 0, "s", "n")
        assert (checked(1).seen, checked(2, (1,)).seen, checked(3).twice) == ((1,), (1, 2), 6)
        assert dataclasses.asdict(checked(1)) == {"x": 1, "seen": (1,)}
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
            checked()
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            checked(1, z=2)


def test_what_is_out_of_the_ordinary_is_left_to_the_library() -> None:
    @ours.dataclass(frozen=True, slots=True)
    class Odd:
        """Has a field that is not given."""

        x: int
        made: int = field(default=3, init=False)

    assert Odd(1) == Odd(1)
    assert Odd(1).made == 3


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
