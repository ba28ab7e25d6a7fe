"""Whether the suppression list keeps a message outside of campaign runs from its person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import forms_of
from a2pcli.ledger import erased
from a2pcli.ledger.optouts import CHANNEL, EVERYTHING, PROGRAMME, SENDER, of_addresses
from a2pcli.ledger.sender_names import sender_key, sender_scope

if TYPE_CHECKING:
    from a2pcli.ledger.answers import Answer, NewAnswer


def is_out(connection: Connection, answer: Answer | NewAnswer, now: int) -> bool:
    """Return whether the suppression list keeps this answer from the person."""
    forms = forms_of(answer.address)
    if erased.erased_of(connection, [answer.address]):
        return True
    sender = sender_key(sender_scope(answer.sender, answer.gateway))
    for entry in of_addresses(connection, forms, now):
        if entry.scope == SENDER:
            if sender_key(entry.scope_value) == sender:
                return True
        elif (entry.scope, entry.scope_value) in (
            (EVERYTHING, ""), (PROGRAMME, answer.programme), (CHANNEL, answer.channel)
        ):  # fmt: skip
            return True
    return False
