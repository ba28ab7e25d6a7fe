"""What the gateways of chat networks share: ids without their network in front."""

from __future__ import annotations

from a2pcli.messages import Message


def id_of(message: Message) -> str:
    """The person's id as the network writes it: ``123456`` of ``telegram:123456``."""
    network, colon, rest = message.to.partition(":")
    return rest if colon and network == message.channel else message.to


def is_of_another(said: object, message: Message) -> bool:
    """Whether an answer names another person's id."""
    if isinstance(said, bool) or not isinstance(said, (str, int)):
        return False
    mine = id_of(message)
    return mine.isdigit() and str(said) != mine
