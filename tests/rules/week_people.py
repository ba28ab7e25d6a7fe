"""What happens to the people of a generated world: opt-outs, returns, consents, withdrawals and erasures."""

from __future__ import annotations

from random import Random
from typing import Any, Protocol

from week_facts import DAY, HOUR, MINUTE, Contact, country_of
from week_rules import Campaign

from a2pcli.errors import RunBusy
from a2pcli.ledger.consents import NewConsents
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.store import Ledger


class Log(Protocol):
    """Where the world notes what happened, and its time."""

    rng: Random
    ledger: Ledger

    def now(self) -> int: ...

    def note(self, kind: str, at: int | None = None, **data: Any) -> None: ...


class People:
    """Things happen to them at any moment; each is written to the ledger as the command would, and noted."""

    def __init__(self, world: Log) -> None:
        self.rng, self.ledger, self.now, self.note = world.rng, world.ledger, world.now, world.note
        self._erased: set[str] = set()

    def something_happens(self, campaign: Campaign) -> None:
        """An opt-out, a return, a consent, a withdrawal or an erasure, of somebody among a campaign's people."""
        rng = self.rng
        contact = rng.choice([one for one in campaign.contacts if one.number.startswith("+")])
        if contact.number in self._erased:
            return
        happen = rng.choices(
            [self._opt_out, self._lift, self._consent, self._revoke, self._erase], [8, 4, 6, 4, 0.3]
        )[0]
        happen(contact, campaign)

    def _scope(self, contact: Contact, campaign: Campaign) -> tuple[str, str]:
        sender = campaign.sender(country_of(contact.number))
        return self.rng.choice([("everything", ""), ("everything", ""), ("programme", self.rng.choice(["news", "offers",
                               "visits"])), ("sender", sender), ("channel", "sms"), ("channel", "mms")])  # fmt: skip

    def _opt_out(self, contact: Contact, campaign: Campaign) -> None:
        scope, value = self._scope(contact, campaign)
        now = self.now()
        until = None if self.rng.random() < 0.5 else now + self.rng.randrange(10 * MINUTE, 30 * HOUR)
        self.ledger.optouts.add(
            contact.number, scope=scope, scope_value=value, source="reply", until_at=until, now=now
        )
        self.note("optout", now, number=contact.number, scope=scope, value=value, until=until)

    def _lift(self, contact: Contact, campaign: Campaign) -> None:
        scope, value = self._scope(contact, campaign) if self.rng.random() < 0.5 else (None, "")
        now = self.now()
        self.ledger.optouts.lift(contact.number, scope=scope, scope_value=value, by="operator", now=now)
        self.note("lift", now, number=contact.number, scope=scope, value=value)

    def _consent(self, contact: Contact, campaign: Campaign) -> None:
        rng, now = self.rng, self.now()
        given = {
            "programme": rng.choice(["", "news", "offers"]),
            "double_opt_in": rng.choice([None, None, "confirmed", "pending"]),
            "given_at": now - rng.choice([0, 0, 0, HOUR, 5 * DAY]),
            "expires_at": rng.choice([None, now + rng.randrange(20 * MINUTE, 2 * DAY)]),
        }
        self.ledger.consents.record(NewConsents([contact.number], source="form", **given), now)
        self.note("consent", now, number=contact.number, **given)

    def _revoke(self, contact: Contact, campaign: Campaign) -> None:
        programme, now = self.rng.choice(["", "news", "offers"]), self.now()
        self.ledger.consents.revoke(contact.number, programme=programme, source="reply", by="reply", now=now)
        self.note("revoke", now, number=contact.number, programme=programme)

    def _erase(self, contact: Contact, campaign: Campaign) -> None:
        now = self.now()
        try:
            self.ledger.people.erase(Person(contact.number), now)
        except RunBusy:  # a run with the person is being sent: the operator is told to wait
            return
        self._erased.add(contact.number)
        self.note("erase", now, number=contact.number)
