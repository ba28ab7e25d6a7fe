"""The cases of ``providers/*.yaml``: each provider's settings, and its gateway or provider made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from gatewaykit import message

from a2pcli.gateways.registry import create
from a2pcli.messages import Message

FOLDER = Path(__file__).parent / "providers"
CASES: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))
}


def gateway(name: str, more: dict[str, Any] | None = None) -> Any:
    return create(name, {"type": name, **CASES[name]["settings"], **(more or {})})


def provider(name: str, more: dict[str, Any] | None = None) -> Any:
    return gateway(name, more).provider


def batch_of(case: dict[str, Any]) -> list[Message]:
    """The messages of a case; one plain text where it has none."""
    given = case.get("messages") or [case.get("message", {})]
    return [
        message(number, **{**one, **({"media": tuple(one["media"])} if "media" in one else {})})
        for number, one in enumerate(given, 1)
    ]
