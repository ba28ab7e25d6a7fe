"""Who may be messaged by the ledger's records of consent, and who took theirs back: all at once, for planning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, literal_column, select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import LEAST_HASH
from a2pcli.addresses.phone.same_phone import same_phone_keys
from a2pcli.dataclass import dataclass
from a2pcli.ledger.bulk import is_empty
from a2pcli.ledger.consents import WITHDRAWN, allowing, covers, in_force, withdrawn_since
from a2pcli.ledger.numbers import people
from a2pcli.ledger.records import NEVER
from a2pcli.ledger.tables import consents

if TYPE_CHECKING:
    from a2pcli.ledger.numbers import Numbers

_c = consents.c


@dataclass(frozen=True, slots=True)
class Standing:
    """People with consent, and people who withdrew it, for one programme and channel.

    People are integers (``numbers.people``). ``consented`` may repeat a person; ``until`` is the end of each consent,
    ``NEVER`` if it has none. ``withdrawn_at`` is each person's last withdrawal. Times are UTC milliseconds.
    """

    consented: Numbers
    until: Numbers
    withdrawn: Numbers
    withdrawn_at: Numbers


def standing(connection: Connection, programme: str, channel: str, now: int) -> Standing:
    """Return who has consent according to the ledger's records, and who withdrew it."""
    import numpy as np

    if is_empty(connection, consents):
        none = np.empty(0, dtype=np.int64)
        return Standing(none, none, none, none)
    took_back = select(_c.address).where(_c.basis == WITHDRAWN).scalar_subquery()
    allowed = and_(in_force(_c, now), covers(_c, programme, channel))
    end = func.coalesce(_c.expires_at, literal_column(str(NEVER)))
    # Two queries, so that only the few people with a withdrawal are checked for a later consent.
    plain = select(_c.address, end).where(allowed, _c.address.not_in(took_back))
    again = select(_c.address, end).where(
        allowed, _c.address.in_(took_back), ~withdrawn_since(_c, programme, channel)
    )
    rows = np.concatenate([people(connection, _c.address, query, 2) for query in (plain, again)])
    last = (
        select(_c.address, func.max(_c.revoked_at))
        .where(_c.basis == WITHDRAWN, covers(_c, programme, channel))
        .group_by(_c.address)
    )
    gone = people(connection, _c.address, last, 2)
    rows = _without_other_forms(connection, rows, gone, programme, channel, now)
    return Standing(rows[:, 0], rows[:, 1], gone[:, 0], gone[:, 1])


def _without_other_forms(
    connection: Connection, rows: Numbers, gone: Numbers, programme: str, channel: str, now: int
) -> Numbers:
    """Remove people who withdrew consent under another form of their phone number, and gave none since."""
    import numpy as np

    given, withdrawn = same_phone_keys(rows[:, 0]), same_phone_keys(gone[:, 0])
    if np.array_equal(given, rows[:, 0]) and np.array_equal(withdrawn, gone[:, 0]):
        return rows
    stays = np.ones(len(rows), dtype=np.bool_)
    phones = given < LEAST_HASH  # only phone numbers have other forms
    for key in np.unique(given[phones & np.isin(given, withdrawn)]).tolist():
        if allowing(connection, f"+{key}", programme, channel, now) is None:
            stays[given == key] = False
    return rows[stays]
