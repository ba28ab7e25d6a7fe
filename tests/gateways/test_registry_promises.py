"""From a block to a gateway: reserved names, one import, problems that say what is near."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from a2pcli.errors import InvalidInput
from a2pcli.gateways import registry
from a2pcli.gateways.registry import BUILT_IN, available, create

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_the_built_in_types_are_the_projects_entry_points() -> None:
    points = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"][registry.GROUP]
    assert points == {name: target for name, (target, _) in BUILT_IN.items()}


def test_the_type_chooses_else_the_name() -> None:
    assert type(create("mine", {"type": "console"})).__name__ == "ConsoleGateway"
    assert type(create("console", {})).__name__ == "ConsoleGateway"
    assert create("mine", {"type": "console"}).name == "mine"


def test_an_unknown_type_says_what_is_near_and_what_there_is() -> None:
    with pytest.raises(InvalidInput) as caught:
        create("live", {"type": "twillio"})
    (problem,) = caught.value.problems
    assert problem.message == "gateways.live.type: no gateway type 'twillio'"
    assert problem.hint == "did you mean 'twilio'? types: " + ", ".join(BUILT_IN)


def point(name: str, target: str) -> importlib.metadata.EntryPoint:
    return importlib.metadata.EntryPoint(name, target, registry.GROUP)


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package that adds a gateway, one that is broken, and tries to take the place of two of ours."""
    (tmp_path / "pigeons.py").write_text(
        "from a2pcli.gateways.console import ConsoleGateway\nclass Pigeon(ConsoleGateway): pass\n"
    )
    (tmp_path / "broken_pigeons.py").write_text("raise RuntimeError('no feathers')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [
        point("pigeon", "pigeons:Pigeon"),
        point("broken", "broken_pigeons:Pigeon"),
        point("missing", "pigeons:Dove"),
        point("twilio", "pigeons:Pigeon"),
        point("console", "pigeons:Pigeon"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    return tmp_path


def test_another_package_adds_a_type_and_cannot_take_ours(third_party: Path) -> None:
    assert create("x", {"type": "pigeon"}).name == "x"
    assert type(create("x", {"type": "console"})).__name__ == "ConsoleGateway"
    shown = {one.type: one.target for one in available()}
    assert shown["twilio"] == "a2pcli.gateways.providers.twilio:TwilioGateway"
    assert set(shown) == {*BUILT_IN, "pigeon", "broken", "missing"}


@pytest.mark.parametrize("kind", ["broken", "missing"])
def test_a_package_that_cannot_load_is_a_problem_not_a_crash(third_party: Path, kind: str) -> None:
    with pytest.raises(InvalidInput, match=rf"gateways\.x\.type: gateway type '{kind}' cannot be loaded"):
        create("x", {"type": kind})


def imported_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code + "\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_listing_imports_none_and_creating_imports_one() -> None:
    listed = imported_after("from a2pcli.gateways.registry import available; available()")
    assert not listed & {target.partition(":")[0] for target, _ in BUILT_IN.values()}
    made = imported_after("from a2pcli.gateways.registry import create; create('console', {})")
    assert "a2pcli.gateways.console" in made
    assert not made & {
        "a2pcli.gateways.providers.twilio",
        "a2pcli.gateways.engine.wire",
        "httptools",
        "httpx",
        "jinja2",
    }


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"colour": "x"}, "gateways.c.colour: unknown key"),
    "not a number": ({"concurrency": "many"}, "gateways.c.concurrency: input should be a valid integer"),
    "out of range": (
        {"concurrency": "0"},
        "gateways.c.concurrency: input should be greater than or equal to 1",
    ),
    "several at once": ({"concurrency": "0", "colour": "x"}, "gateways.c.colour: unknown key"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_wrong_keys_are_told_by_their_path(case: str) -> None:
    settings, wanted = WRONG[case]
    with pytest.raises(InvalidInput) as caught:
        create("c", {"type": "console", **settings})
    assert any(problem.message.startswith(wanted) for problem in caught.value.problems)
    assert len(caught.value.problems) == len(settings)
    assert all(problem.code == "gateway-settings" for problem in caught.value.problems)
