"""Reads the few settings that lists of numbers need, without the full settings model, which is slow to build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol

from a2pcli.config.document import read_document
from a2pcli.config.places import find_settings
from a2pcli.config.values import parse_region
from a2pcli.dataclass import dataclass


class Numbers(Protocol):
    """Which phone numbers the settings accept."""

    @property
    def region(self) -> str | None:
        """The region of numbers without +."""
        ...

    @property
    def senders(self) -> Mapping[str, Any]:
        """Registrations, countries and rates by sender."""
        ...

    @property
    def gateways(self) -> Mapping[str, Mapping[str, Any]]:
        """The blocks of the gateways, as they are written."""
        ...


class NumberSettings(Protocol):
    """Settings, read whole or only as far as numbers go."""

    @property
    def settings(self) -> Numbers:
        """The validated settings."""
        ...

    @property
    def folder(self) -> Path:
        """The folder of the settings file."""
        ...


@dataclass(frozen=True)
class _Said:
    region: str | None = None
    senders: Mapping[str, Any] = field(default_factory=dict)
    gateways: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class PlainSettings:
    """The part of the settings that is about phone numbers."""

    settings: Numbers
    folder: Path


def plain_settings(start: Path) -> PlainSettings | None:
    """What the settings beside ``start`` or above it say of numbers; None where only the whole model can tell.

    Raises ``InvalidInput`` for a file that is not even YAML.
    """
    folder = start if start.is_dir() else start.parent
    path = find_settings(folder)
    if path is None:
        return PlainSettings(_Said(), folder)
    data = read_document(path).data
    region, senders, gateways = data.get("region"), data.get("senders", {}), data.get("gateways", {})
    if not isinstance(senders, dict) or not isinstance(gateways, dict):
        return None
    if not all(isinstance(block, dict) for block in gateways.values()):
        return None
    if "region" in data:
        try:
            region = parse_region(region) if isinstance(region, str) else None
        except ValueError:
            region = None
        if region is None:
            return None
    return PlainSettings(_Said(region, senders, gateways), path.parent)
