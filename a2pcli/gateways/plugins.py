"""Gateways from other packages: loads them, checks them before anything is sent, and names the package in errors."""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

from a2pcli.errors import A2PError, GatewayUnusable, InvalidInput
from a2pcli.gateways.base import Capabilities, Gateway, Health
from a2pcli.gateways.settings import block_problem
from a2pcli.messages import Message, Outcome

log = logging.getLogger(__name__)

_METHODS = ("open", "close", "submit", "lookup", "check")
_ADVICE = (
    "the author can test it with a2pcli.gateways.testing.GatewayContract; docs/own-gateway.md has an example"
)


def load_plugin(name: str, point: EntryPoint, settings: Mapping[str, Any]) -> Gateway:
    """Return the gateway that another package makes from a block. Raises ``InvalidInput`` naming the package."""
    blame = _Blame(name, point)
    factory = blame.for_failing("cannot be loaded", point.load)
    if not callable(factory):
        raise blame.problem("is not a class or function")
    return PluginGateway(
        blame, blame.for_failing("fails when it is created", lambda: factory(name, settings))
    )


class _Blame:
    """Names the package of a gateway in errors. Its error texts may contain secrets from the settings, so only
    errors during import, before it saw them, are quoted."""

    def __init__(self, name: str, point: EntryPoint) -> None:
        package = point.dist.name if point.dist else None
        self.name = name
        self.whose = f"gateway type {point.name!r}" + (f" of the package {package}" if package else "")
        self._point = point

    def problem(self, what: str, error: BaseException | None = None) -> InvalidInput:
        why = f"{self.whose} {what}"
        if error is not None:
            why += f": {_told(error, with_text='loaded' in what)}"
        return InvalidInput(block_problem(self.name, "type", why, hint=_ADVICE))

    def for_failing(self, what: str, work: Callable[[], Any]) -> Any:
        """Return the result of ``work``; errors are attributed to the package, and its output goes to stderr."""
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return work()
        except A2PError:
            raise
        except (Exception, SystemExit) as error:  # sys.exit() in a module must not end a2pcli silently
            raise self.problem(what, error) from error

    def unusable(self, method: str, error: BaseException) -> GatewayUnusable:
        return GatewayUnusable(f"gateway {self.name}: {self.whose} fails in {method}: {_told(error)}")


class PluginGateway:
    """Another package's gateway behind the promises of ``Gateway``."""

    def __init__(self, blame: _Blame, inner: Any) -> None:
        self._blame, self._inner = blame, inner
        wrong = [*_methods_wrong(inner), *_attributes_wrong(inner)]
        if wrong:
            raise blame.problem("cannot be used: " + "; ".join(wrong))
        self.name: str = blame.name
        given: Capabilities = inner.capabilities
        self.capabilities = replace(given, channels=frozenset(given.channels))

    async def open(self) -> None:
        """Open it; any error becomes ``GatewayUnusable``."""
        try:
            await self._inner.open()
        except A2PError:
            raise
        except Exception as error:
            raise self._blame.unusable("open", error) from error

    async def close(self) -> None:
        """Close it; errors are only logged."""
        try:
            await self._inner.close()
        except Exception as error:
            log.warning("%s fails in close: %s", self._blame.whose, _told(error))

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Return its outcomes; the sender validates them, and handles what it raises."""
        outcomes: Sequence[Outcome] = await self._inner.submit(batch)
        return outcomes

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Return its answers about the requested references only."""
        told = await self._inner.lookup(references)
        if not isinstance(told, Mapping):
            log.warning("%s returned no mapping from lookup", self._blame.whose)
            return {}
        asked = set(references)
        return {key: value for key, value in told.items() if key in asked and isinstance(value, Outcome)}

    async def check(self) -> Health:
        """Return the plugin's own ``check``. Exceptions and wrong types become an unhealthy ``Health`` that names
        the plugin."""
        try:
            health = await self._inner.check()
        except A2PError as error:
            return Health(False, error.problems[0].message)
        except Exception as error:
            return Health(False, f"{self._blame.whose} fails in check: {_told(error)}")
        if not isinstance(health, Health):
            return Health(False, f"{self._blame.whose} returned no Health from check")
        return health


def _methods_wrong(inner: Any) -> list[str]:
    wrong = []
    for name in _METHODS:
        method = getattr(inner, name, None)
        if not callable(method):
            wrong.append(f"it has no method {name}")
        elif not _is_async(method):
            wrong.append(f"{name} must be an async method (async def)")
    return wrong


def _is_async(method: Any) -> bool:
    plain = inspect.unwrap(method)
    return inspect.iscoroutinefunction(plain) or inspect.iscoroutinefunction(type(plain).__call__)


def _attributes_wrong(inner: Any) -> list[str]:
    try:
        given = inner.capabilities
    except Exception:
        return ["it has no capabilities"]
    if not isinstance(given, Capabilities):
        return ["capabilities must be a a2pcli.gateways.base.Capabilities"]
    wrong = []
    channels: Any = given.channels
    if (
        isinstance(channels, str)
        or not isinstance(channels, Collection)
        or not channels
        or not all(isinstance(channel, str) for channel in channels)
    ):
        wrong.append("capabilities.channels must be a set of names, like frozenset({'sms'})")
    for key in ("batch", "concurrency"):
        value = getattr(given, key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            wrong.append(f"capabilities.{key} must be a whole number, 1 or more")
    for key in ("durable_lookup", "finds", "idempotent", "receipts", "delivers"):
        if not isinstance(getattr(given, key), bool):
            wrong.append(f"capabilities.{key} must be True or False")
    instead: Any = given.instead
    if not isinstance(instead, str):
        wrong.append("capabilities.instead must be a text")
    return wrong


def _told(error: BaseException, *, with_text: bool = False) -> str:
    """Return an error as ``ValueError at pigeon.py:12``: the innermost line of the package, with its text if
    harmless."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if f"{os.sep}a2pcli{os.sep}" not in file and not file.startswith("<frozen"):
            place = f" at {os.path.basename(file)}:{trace.tb_lineno}"  # noqa: PTH119 - as in cli.main
        trace = trace.tb_next
    said = f": {error}" if with_text and str(error) else ""
    return f"{type(error).__name__}{place}{said}"
