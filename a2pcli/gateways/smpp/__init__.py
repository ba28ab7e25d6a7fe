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
    from a2pcli.gateways.settings import missing_extra, read_block
    from a2pcli.gateways.smpp.settings import SmppBlock

    try:
        import smpp34  # noqa: F401
    except ImportError as error:
        read_block(SmppBlock, name, settings)
        raise InvalidInput(missing_extra(name, "smpp")) from error
    from a2pcli.gateways.smpp.gateway import SmppGateway

    return SmppGateway(name, settings)
