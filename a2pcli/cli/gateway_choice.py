"""A gateway as the settings describe it, its mistakes told at their place in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a2pcli.config.load import LoadedSettings, at_gateway_key, gateway_settings
from a2pcli.errors import A2PError

if TYPE_CHECKING:
    from a2pcli.gateways.base import Gateway


def configured_gateway(settings: LoadedSettings, name: str) -> Gateway:
    """The gateway ``name``, not opened yet. Its settings are read and its secrets filled in now."""
    from a2pcli.gateways.registry import create

    block = gateway_settings(settings, name)
    try:
        return create(name, block)
    except A2PError as error:
        raise type(error)(*(at_gateway_key(settings, problem) for problem in error.problems)) from error
