"""SMPP 3.4, straight to an operator: ``gateway`` is the gateway, ``link`` keeps a connection bound, ``session`` is one
bound connection, ``pdu`` its units on the wire, ``writing`` makes a message into parts, ``receipts`` reads what comes
back. The extra ``a2pcli[smpp]`` brings the codec of submit_sm and deliver_sm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from a2pcli.gateways.base import Gateway


def smpp_gateway(name: str, settings: Mapping[str, Any]) -> Gateway:
    """The gateway that a block describes. Raises ``InvalidInput`` where the extra is not installed."""
    from a2pcli.errors import InvalidInput
    from a2pcli.gateways.settings import block_problem

    try:
        import smpp34  # noqa: F401
    except ImportError as error:
        hint = 'pip install "a2pcli[smpp]"'
        raise InvalidInput(
            block_problem(name, "type", "smpp needs an extra that is not installed", hint=hint)
        ) from error
    from a2pcli.gateways.smpp.gateway import SmppGateway

    return SmppGateway(name, settings)
