"""Gateways of other packages: blamed by name, never a defect of a2pcli, and never in the way of the others."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import runpy
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from a2pcli.errors import GatewayUnusable, InvalidInput
from a2pcli.gateways import registry
from a2pcli.gateways.registry import create
from a2pcli.messages import Message

sys.path.append(str(Path(__file__).parents[1] / "cli"))
from clikit import Project

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "pigeon-gateway"

GOOD = """
from a2pcli.gateways.base import Capabilities, Health
class Good:
    def __init__(self, name, settings):
        self.name, self.capabilities = name, Capabilities(frozenset({"sms"}))
    async def open(self): pass
    async def close(self): pass
    async def submit(self, batch): return []
    async def lookup(self, references): return {}
    async def check(self): return Health(True, "fine")
"""

CLASS = "class P(Good):\n  "
MADE = CLASS + "def __init__(self, *a): "
BROKEN = {
    "no capabilities": (MADE + "self.name = 'x'", "it has no capabilities"),
    "fails when made": (MADE + "raise ValueError(a[1]['token'])", "fails when it is created: ValueError at"),
    "wants other arguments": (CLASS + "def __init__(self): pass", "fails when it is created: TypeError"),
    "plain submit": (CLASS + "def submit(self, batch): return []", "submit must be an async method"),
    "no lookup": (CLASS + "lookup = None", "it has no method lookup"),
    "capabilities of another kind": (MADE + "pass\n  capabilities = {}", "capabilities must be"),
    "capabilities that raise": (
        MADE + "pass\n  capabilities = property(lambda self: 1 / 0)",
        "it has no capabilities",
    ),
    "batch as text": (
        MADE + "self.capabilities = Capabilities({'sms'}, batch='5')",
        "capabilities.batch must be a whole number",
    ),
    "no channels": (MADE + "self.capabilities = Capabilities('sms')", "capabilities.channels must be"),
    "no class": ("P = 5", "is not a class or function"),
    "nothing made": ("def P(name, settings): return None", "it has no method open"),
    "raises at import": ("raise RuntimeError('no feathers')", "loaded: RuntimeError at broken_plugin.py"),
    "ends the process": ("import sys; sys.exit(0)", "cannot be loaded: SystemExit"),
    "missing module": ("import feathers_nobody_has", "No module named 'feathers_nobody_has'"),
    "bad syntax": ("class P(", "cannot be loaded: SyntaxError"),
    "missing name": ("", "cannot be loaded: AttributeError"),
}


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "good_plugin.py").write_text(GOOD)
    monkeypatch.syspath_prepend(str(folder))
    points = [
        importlib.metadata.EntryPoint("broken", "broken_plugin:P", registry.GROUP),
        importlib.metadata.EntryPoint("good", "good_plugin:Good", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    yield folder
    for name in ("good_plugin", "broken_plugin"):
        sys.modules.pop(name, None)


def written(folder: Path, code: str) -> None:
    (folder / "broken_plugin.py").write_text("from good_plugin import *\n" + code + "\n")


@pytest.mark.parametrize("case", list(BROKEN))
def test_the_plugin_is_blamed_by_name_and_the_others_are_listed(
    package: Path, tmp_path: Path, case: str
) -> None:
    code, why = BROKEN[case]
    written(package, code)
    project = Project(tmp_path).starter()
    project.write("a2pcli.yaml", "gateways:\n  bad: {type: broken, token: s3cret}\n  fine: {type: good}\n")
    ran = project.run("gateways", "--json")
    assert ran.status == 3
    ready = {one["name"]: one["ready"] for one in ran.json["gateways"]}
    assert ready == {"bad": False, "fine": True, "outbox": True, "console": True}
    assert "gateway type 'broken'" in ran.err
    assert " ".join(why.split()) in " ".join(ran.err.split())
    assert "defect of a2pcli" not in ran.err
    assert "s3cret" not in ran.err + ran.out
    tried = project.run("gateways", "test", "bad")
    assert (tried.status, "gateway type 'broken'" in tried.err) == (3, True)


LATER = [
    "async def open(self): raise ValueError('s3cret')",
    "async def check(self): raise ValueError('s3cret')",
    "async def check(self): return 'fine'",
    "async def close(self): raise ValueError('s3cret')\n  async def check(self): return None",
]


@pytest.mark.parametrize("code", LATER)
def test_what_it_does_wrong_later_is_its_own_too(package: Path, tmp_path: Path, code: str) -> None:
    written(package, CLASS + code)
    project = Project(tmp_path).starter()
    project.write("a2pcli.yaml", "gateways:\n  bad: {type: broken}\n")
    ran = project.run("gateways", "test", "bad")
    assert ran.status == 5
    assert "gateway type 'broken'" in ran.out + ran.err
    assert "s3cret" not in ran.out + ran.err
    assert "defect" not in ran.err


def test_what_it_prints_is_no_result(package: Path, tmp_path: Path) -> None:
    written(
        package,
        "print('coo')\nclass P(Good):\n  def __init__(self, *a):\n    print('coo'); super().__init__(*a)",
    )
    project = Project(tmp_path).starter()
    project.write("a2pcli.yaml", "gateways:\n  bad: {type: broken}\n")
    assert project.run("gateways", "--json").json["gateways"]


def test_a_look_up_that_is_no_mapping_tells_nothing(package: Path) -> None:
    written(package, "class P(Good):\n  async def lookup(self, references): return ['a']")
    assert asyncio.run(create("x", {"type": "broken"}).lookup(["a"])) == {}


def test_its_own_error_for_wrong_settings_is_passed_on(package: Path) -> None:
    code = "from a2pcli.errors import *\nclass P(Good):\n  async def open(self): raise GatewayUnusable('no pigeons')"
    written(package, code)
    with pytest.raises(GatewayUnusable, match="no pigeons"):
        asyncio.run(create("x", {"type": "broken"}).open())
    with pytest.raises(InvalidInput, match="no gateway type"):
        create("x", {"type": "bruken"})


# The package of the documentation


def documented() -> Any:
    return runpy.run_path(str(EXAMPLE / "pigeon_gateway.py"))["PigeonGateway"]


class Box(socketserver.StreamRequestHandler):
    answer = b"OK 4711\n"
    got: ClassVar[list[Any]] = []

    def handle(self) -> None:
        line = self.rfile.readline()
        if line:
            self.got.append(json.loads(line))
            self.wfile.write(self.answer)


@pytest.fixture
def box() -> Iterator[Any]:
    handler = type("Handler", (Box,), {"got": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        handler.port = server.server_address[1]  # type: ignore[attr-defined]
        yield handler
        server.shutdown()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed as a user does, into a folder of its own."""
    source, target = tmp_path_factory.mktemp("source") / "pigeon-gateway", tmp_path_factory.mktemp("target")
    shutil.copytree(EXAMPLE, source)
    options = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)],
        check=True, timeout=120,
    )  # fmt: skip
    return target


def started(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_example_package_keeps_the_contract(installed: Path, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "test_pigeon_gateway.py", tmp_path)
    ran = started(installed, tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "test_pigeon_gateway.py")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout


def test_the_installed_example_is_added_shown_and_sends(installed: Path, tmp_path: Path, box: Any) -> None:
    added = started(installed, tmp_path, "a2pcli", "gateways", "add", "pigeon", "--name", "loft")
    assert (added.returncode, added.stderr) == (0, "")
    settings = tmp_path / "a2pcli.yaml"
    assert "type: pigeon" in settings.read_text()
    settings.write_text(
        settings.read_text().replace("192.0.2.7", "127.0.0.1").replace("4711", str(box.port)) + "region: GB\n"
    )
    shown = started(installed, tmp_path, "a2pcli", "gateways", "show", "loft")
    assert "type pigeon, ready" in shown.stdout
    assert ["port", "whole", "number", "required", "Its", "port"] in [
        one.split() for one in shown.stdout.splitlines()
    ]
    sent = started(installed, tmp_path, "a2pcli", "gateways", "test", "loft", "--to", "07911123456", "--yes")
    assert (sent.returncode, "accepted (4711)" in sent.stdout) == (0, True)
    assert [one["to"] for one in box.got] == ["+447911123456"]


def test_wrong_settings_of_the_example_are_told_with_their_line(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text("gateways:\n  pigeon:\n    port: 70000\n")
    ran = started(installed, tmp_path, "a2pcli", "gateways", "test", "pigeon")
    assert ran.returncode == 3
    assert "a2pcli.yaml:3:5: gateways.pigeon.port: " in ran.stderr


def test_the_documented_gateway_sends_what_it_is_given(box: Any) -> None:
    made = documented()("pigeon", {"port": str(box.port)})
    message = Message(1, "r1", "+12025550143", "Hello")
    (outcome,) = asyncio.run(made.submit([message]))
    assert (outcome.verdict, outcome.gateway_id) == ("accepted", "4711")
    assert box.got == [{"to": "+12025550143", "text": "Hello", "id": "r1"}]
    box.answer = b"NO stop\n"
    (outcome,) = asyncio.run(made.submit([message]))
    assert outcome.cause == "opted-out"
