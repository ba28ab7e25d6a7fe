"""A gateway as the settings describe it, its mistakes told at their place in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a2pcli.config.load import LoadedSettings, at_gateway_key, gateway_settings
from a2pcli.errors import A2PError, Problem, Refused

if TYPE_CHECKING:
    from a2pcli.gateways.base import Gateway
    from a2pcli.ledger.records import Run


def delivery_of(gateway: Gateway) -> dict[str, Any]:
    """What a plan keeps of its gateway: whether messages leave this machine, and what becomes of them if not."""
    can = gateway.capabilities
    return {"delivers": True} if can.delivers else {"delivers": False, "instead": can.instead}


def known_delivery(settings: LoadedSettings, name: str) -> dict[str, Any]:
    """The same for a gateway by its name; nothing where its settings cannot be used yet, as without its secrets."""
    try:
        return delivery_of(configured_gateway(settings, name))
    except A2PError:
        return {}


def check_delivery(run: Run, gateway: Gateway) -> None:
    """Refuse a plan whose gateway delivers now and did not when it was planned, or the other way round: who approved
    it was told otherwise. Raises ``Refused``."""
    planned = run.sending.get("delivers")
    if planned is None or planned == gateway.capabilities.delivers:
        return
    then, now = ("delivered", "delivers nothing") if planned else ("delivered nothing", "delivers")
    raise Refused(
        Problem(
            f"gateway {gateway.name} {now}, and {then} when run {run.id} was planned",
            hint=f"plan again (a2pcli cancel {run.id} drops what is left), or change the gateway back",
            code="gateway-changed",
        )
    )


def configured_gateway(settings: LoadedSettings, name: str) -> Gateway:
    """The gateway ``name``, not opened yet. Its settings are read and its secrets filled in now."""
    from a2pcli.gateways.registry import create

    block = gateway_settings(settings, name)
    try:
        return create(name, block)
    except A2PError as error:
        raise type(error)(*(at_gateway_key(settings, problem) for problem in error.problems)) from error
