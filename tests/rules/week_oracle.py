"""A judge of simulated weeks: was each message allowed at the moment it left, and each that did not leave rightly kept?

It goes row by row through the world's own log (``Event``), in the order things happened. Facts and rules are in
``week_facts`` and ``week_rules``; none of the three shares code with a2pcli.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import phonenumbers
from week_facts import (
    MINUTE,
    TICK,
    Contact,
    Event,
    Fault,
    Where,
    cap_of,
    cap_rules,
    country_of,
    midnight,
    where,
)
from week_rules import (
    Campaign,
    closed_before,
    closed_by,
    counts_for,
    has_end,
    next_opening,
    occurrence_of,
    sender_allowed,
)

NEVER = midnight("9000-01-01")
"""What waits until such a moment waits for no hour."""

OPTOUTS_BIND = ("marketing", "transactional")


class Oracle:
    """Judges one log. ``faults`` gives what is wrong; ``judged`` counts what was looked at."""

    def __init__(self, campaigns: list[Campaign], log: list[Event]) -> None:
        self.campaigns = {campaign.name: campaign for campaign in campaigns}
        self.log = log
        self.judged: dict[str, int] = defaultdict(int)
        self.runs: dict[str, Event] = {}
        self.places: dict[str, list[int]] = defaultdict(list)
        """For each number, where in the log something is said of it."""
        self.leaves_of: dict[str, list[int]] = defaultdict(list)
        self.claims_of: dict[str, list[int]] = defaultdict(list)
        for place, event in enumerate(log):
            if event.kind == "plan":
                self.runs[event.run] = event
            elif event.kind == "leave":
                self.leaves_of[event.number].append(place)
            elif event.kind == "claim":
                self.claims_of[event.number].append(place)
            elif event.kind in ("optout", "lift", "consent", "revoke", "erase", "refused"):
                self.places[event.number].append(place)
        self.ended: dict[tuple[str, int, int], tuple[int, str]] = {}
        """For each claim (run, row, its place): where its end stands, and the state it got."""
        open_claims: dict[tuple[str, int], int] = {}
        for place, event in enumerate(log):
            if event.kind == "claim":
                open_claims[event.run, event.row] = place
            elif event.kind == "settled":
                claim = open_claims.pop((event.run, event.row), None)
                if claim is not None:
                    self.ended[event.run, event.row, claim] = (place, event.state)

    # -- single rules, each as of a place in the log -----------------------------------------------------------

    def opted_out(self, campaign: Campaign, contact: Contact, place: int, at: int) -> bool:
        """Whether the person has said no to messages like this."""
        if campaign.purpose not in OPTOUTS_BIND:
            return False
        scopes = {
            ("everything", ""),
            ("channel", "sms"),
            ("sender", campaign.sender(country_of(contact.number))),
        }
        if campaign.programme:
            scopes.add(("programme", campaign.programme))
        entries: dict[tuple[str, str], list[int | None]] = defaultdict(list)
        for event in self._said_of(contact.number, place):
            if event.kind == "erase":
                return True
            if event.kind in ("optout", "refused"):
                entries[event.scope, event.value].append(event.until)
            elif event.kind == "lift":
                if event.scope is None:
                    entries.clear()
                else:
                    entries.pop((event.scope, event.value), None)
        return any(until is None or until > at for scope in scopes for until in entries[scope])

    def has_consent(self, campaign: Campaign, contact: Contact, place: int, at: int) -> bool:
        """Whether consent allows it: proof where it is required; where it is assumed, no clear no."""
        if campaign.purpose != "marketing" and campaign.consent != "required":
            return True
        withdrawn = [
            event.at
            for event in self._said_of(contact.number, place)
            if event.kind == "revoke" and event.programme in ("", campaign.programme)
        ]
        last = max(withdrawn, default=None)
        expired = bool(contact.consent_expires) and midnight(contact.consent_expires) <= at
        by_file = (
            contact.consent != "no"
            and bool(contact.consent_at and contact.consent_source)
            and (last is None or midnight(contact.consent_at) > last)
            and not expired
        )
        by_record = any(
            record.programme in ("", campaign.programme)
            and record.given_at <= at
            and (record.expires_at is None or record.expires_at > at)
            and record.double_opt_in in (None, "confirmed")
            and (last is None or record.given_at > last)
            for record in self._said_of(contact.number, place)
            if record.kind == "consent"
        )
        if any(row.consent == "no" for row in campaign.contacts if row.number == contact.number):
            return False  # in any row of the file
        if campaign.consent == "required":
            return by_file or by_record
        if expired and not by_record:
            return False
        return last is None or by_file or by_record

    def closed_by(self, campaign: Campaign, contact: Contact, at: int) -> list[str]:
        """Which rules about time keep the message back."""
        return closed_by(campaign, where(contact), at)

    def caps(self, campaign: Campaign, contact: Contact) -> list[tuple[int, int, str, str]]:
        if campaign.purpose != "marketing":
            return []
        return [
            *((*cap_of(text, "campaign"), "cap-campaign") for text in campaign.caps),
            *((*cap_of(text, "programme"), "cap-programme") for text in campaign.programme_caps),
            *((*cap_of(text, "person"), "cap-global") for text in campaign.global_caps),
            *cap_rules(where(contact)),
        ]

    def over_cap(
        self, campaign: Campaign, contact: Contact, before: int, at: int, *, certain: bool
    ) -> list[str]:
        """Caps that are reached by what was claimed before a place in the log.

        ``certain``: only what the gateway took, or may have. Else also what it had not yet refused, as far as the
        ledger knew then.
        """
        had = []
        for place in self.claims_of[contact.number]:
            claim = self.log[place]
            other = self.campaigns[claim.campaign]
            if place >= before or other.purpose != "marketing":
                continue
            end, state = self.ended.get((claim.run, claim.row, place), (len(self.log), "submitting"))
            counts = state in ("accepted", "unknown", "submitting")
            if counts or (not certain and end >= before):
                had.append((claim.at, other))
        over = []
        for limit, span, per, rule in self.caps(campaign, contact):
            same = [
                moment for moment, other in had if moment > at - span and counts_for(campaign, other, per)
            ]
            if len(same) >= limit:
                over.append(rule)
        return over

    def _said_of(self, number: str, place: int) -> Iterator[Event]:
        for each in self.places[number]:
            if each >= place:
                return
            yield self.log[each]

    # -- the judgement ------------------------------------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """Everything wrong, in the order it happened."""
        found: list[Fault] = []
        for place, event in enumerate(self.log):
            judge = getattr(self, f"_judge_{event.kind}", None)
            if judge is not None:
                found += [Fault(kind, event.at, what) for kind, what in judge(place, event)]
        return found

    def _judge_leave(self, place: int, leave: Event) -> Iterator[tuple[str, str]]:
        """A message that went out."""
        self.judged["left"] += 1
        campaign = self.campaigns[leave.campaign]
        contact = campaign.contacts[leave.row - 1]
        whom = f"{campaign.name} to {contact}, {where(contact)}"
        if leave.number != contact.number:
            yield "wrong-person", f"{whom}: went to {leave.number}"
        if leave.sender != campaign.sender(country_of(contact.number)):
            yield "wrong-sender", f"{whom}: from {leave.sender}"
        claim = max(
            (p for p in self.claims_of[contact.number] if p < place and self._is(p, leave)), default=None
        )
        if claim is None:
            yield "no-intent", f"{whom}: left without a durable intent"
            return
        claimed = self.log[claim].at
        if leave.at - claimed > 5 * MINUTE:
            yield "stale-claim", f"{whom}: left {(leave.at - claimed) // 1000} s after the rules were asked"
        # Between a sender's last look at the hour and the message that is on its way lies a tick of the world's clock.
        if claimed < leave.at <= claimed + TICK and not self.closed_by(campaign, contact, claimed):
            closed = []
        else:
            closed = self.closed_by(campaign, contact, leave.at)
        if closed:
            yield "out-of-hours", f"{whom}: {closed}"
        if self.opted_out(campaign, contact, claim, claimed):
            yield "opted-out", whom
        if not self.has_consent(campaign, contact, claim, claimed):
            yield "no-consent", whom
        if over := self.over_cap(campaign, contact, claim, claimed, certain=True):
            yield "over-cap", f"{whom}: {over}"
        if self._has_it(campaign, contact, leave.occurrence, place):
            yield "twice", f"{whom} in {leave.occurrence}"
        if not sender_allowed(campaign, country_of(contact.number)):
            yield "no-sender", whom

    def _forgotten(self, number: str, place: int, before: int) -> bool:
        """Whether the person was erased since, and before another place: the ledger knows no more what they got."""
        return any(place < each < before and self.log[each].kind == "erase" for each in self.places[number])

    def _is(self, place: int, event: Event) -> bool:
        return bool(self.log[place].run == event.run and self.log[place].row == event.row)

    def _has_it(self, campaign: Campaign, contact: Contact, occurrence: str, before: int) -> bool:
        """Whether the person got, may have got, or was refused for good a message of this occurrence before."""
        for place in self.leaves_of[contact.number]:
            leave = self.log[place]
            if place >= before or leave.campaign != campaign.name or leave.occurrence != occurrence:
                continue
            if campaign.once_per and campaign.contacts[leave.row - 1].appointment != contact.appointment:
                continue
            if leave.verdict != "not_sent" and not self._forgotten(contact.number, place, before):
                return True
        return False

    def _claimed_it(self, campaign: Campaign, contact: Contact, occurrence: str, before: int) -> bool:
        """Whether, as the ledger knew it, a message of this occurrence is or was with the gateway."""
        for place in self.claims_of[contact.number]:
            claim = self.log[place]
            if place >= before or claim.campaign != campaign.name or claim.occurrence != occurrence:
                continue
            if campaign.once_per and campaign.contacts[claim.row - 1].appointment != contact.appointment:
                continue
            end, state = self.ended.get((claim.run, claim.row, place), (len(self.log), "submitting"))
            # Who is erased while a message is on its way has it all the same.
            if end >= before:
                return True
            if state != "planned" and not self._forgotten(contact.number, end, before):
                return True
        return False

    def _judge_plan(self, place: int, plan: Event) -> Iterator[tuple[str, str]]:
        """A plan: each row in or out, and rightly so."""
        campaign = self.campaigns[plan.campaign]
        if [row["row"] for row in plan.rows] != list(range(1, len(campaign.contacts) + 1)):
            yield "lost-rows", f"{campaign.name}: the plan does not hold each row once"
            return
        if plan.occurrence != occurrence_of(campaign, plan.at):
            yield "wrong-occurrence", f"{campaign.name}: {plan.occurrence}"
        taken: set[tuple[str, str]] = set()
        for row, contact in zip(plan.rows, campaign.contacts, strict=True):
            self.judged["planned"] += 1
            right = self._why_not_planned(campaign, contact, place, plan)
            who = (contact.number, contact.appointment if campaign.once_per else "")
            if not right and who in taken:
                right = {"duplicate"}
            whom = (
                f"{campaign.name} to {contact}, {where(contact)}" if "+" in contact.number else contact.number
            )
            if row["state"] == "planned":
                taken.add(who)
                if right - {"capped"}:
                    yield "wrongly-planned", f"{whom}: {right}"
            elif row["reason"] not in right:
                yield (
                    "wrongly-excluded",
                    f"{whom}: {row['reason']} ({row['rule']}), rightly {right or 'planned'}",
                )
            else:
                self.judged[f"excluded {row['reason']}"] += 1

    def _why_not_planned(self, campaign: Campaign, contact: Contact, place: int, plan: Event) -> set[str]:
        """Every reason that would be right for leaving this row out of a plan made here."""
        if not contact.number.startswith("+"):
            return {"invalid-number"}
        kind = phonenumbers.number_type(phonenumbers.parse(contact.number))
        if kind == phonenumbers.PhoneNumberType.TOLL_FREE:
            return {"not-mobile"}
        right = set()
        if self.opted_out(campaign, contact, place, plan.at):
            right.add("opted-out")
        if not self.has_consent(campaign, contact, place, plan.at):
            right.add("no-consent")
        if not sender_allowed(campaign, country_of(contact.number)):
            right.add("no-sender")
        if self._claimed_it(campaign, contact, plan.occurrence, place):
            right.add("already-sent")
        if self.over_cap(campaign, contact, place, plan.at, certain=False):
            first = next_opening(campaign, where(contact), plan.at)
            if first is not None and self.over_cap(campaign, contact, place, first, certain=False):
                right.add("capped")
        return right

    def _judge_skip(self, place: int, skip: Event) -> Iterator[tuple[str, str]]:
        """A planned row that was left out when its turn came."""
        self.judged[f"skipped {skip.reason}"] += 1
        campaign = self.campaigns[skip.campaign]
        contact = campaign.contacts[skip.row - 1]
        before, at = skip.asked, skip.at
        right = {
            "opted-out": lambda: self.opted_out(campaign, contact, before, at),
            "erased": lambda: any(event.kind == "erase" for event in self._said_of(contact.number, place)),
            "no-consent": lambda: not self.has_consent(campaign, contact, before, at),
            "already-sent": lambda: self._claimed_it(campaign, contact, skip.occurrence, place),
            "capped": lambda: bool(self.over_cap(campaign, contact, before, at, certain=False)),
            "expired": lambda: (
                next_opening(campaign, where(contact), at) is None and has_end(campaign, where(contact), at)
            ),
        }
        if not right.get(skip.reason, lambda: False)():
            yield (
                "wrongly-skipped",
                f"{campaign.name} to {contact}, {where(contact)}: {skip.reason} ({skip.rule})",
            )

    def _judge_end(self, place: int, end: Event) -> Iterator[tuple[str, str]]:
        """A call of ``send`` is over: what still waits must be unable to go."""
        campaign = self.campaigns[end.campaign]
        if sum(end.totals.values()) != len(campaign.contacts):
            yield "sums", f"{campaign.name}: {end.totals} of {len(campaign.contacts)}"
        if end.ended not in ("finished", "waiting", "expired"):
            return
        for row in end.rows:
            if row["state"] == "submitting":
                yield "left-behind", f"{campaign.name} row {row['row']} is still with the gateway"
            if row["state"] != "planned":
                continue
            contact = campaign.contacts[row["row"] - 1]
            yield from self._judge_held(campaign, contact, row, end)

    def _judge_held(
        self, campaign: Campaign, contact: Contact, row: dict[str, Any], end: Event
    ) -> Iterator[tuple[str, str]]:
        self.judged["held"] += 1
        place, at, due = where(contact), end.at, row["due_at"]
        if due is not None and at - TICK < due <= at:
            at = due - 1  # the sender looked a tick of the world's clock before it ended
        whom = f"{campaign.name} to {contact}, {place}"
        closed = closed_by(campaign, place, at)
        if end.ended != "waiting":
            yield "left-behind", f"{whom}: the run is {end.ended}"
        elif row["reason"] is None:
            too_early = not campaign.in_recipient_time and "not-before" in closed
            if not too_early and not (due is not None and due > at and row["tried"]):
                yield "left-behind", f"{whom}: neither held nor to be tried again"
        elif not closed:
            yield "left-behind", f"{whom}: {row['reason']} ({row['rule']}) until {due}, but it is open"
        elif row["reason"] == "unknown-zone":
            if closed != ["unknown-zone"]:
                yield "wrongly-held", f"{whom}: the zone is known"
        elif row["reason"] != "quiet-hours":
            yield "wrong-reason", f"{whom}: held by {row['reason']} ({row['rule']}), rightly {closed}"
        else:
            yield from self._judge_hours(campaign, place, row, at, f"{whom}: held")

    def _judge_hours(
        self, campaign: Campaign, place: Where, row: dict[str, Any], at: int, held: str
    ) -> Iterator[tuple[str, str]]:
        """A message that waits for its hour: for the right one, by a rule that says so."""
        due, first = row["due_at"], next_opening(campaign, place, at)
        if due >= NEVER:
            if first is not None:
                yield "wrong-until", f"{held} for ever, rightly until {first}"
        elif not closed_before(campaign, place, row["rule"], due):
            yield "wrong-reason", f"{held} by {row['rule']}, rightly {closed_by(campaign, place, at)}"
        elif due <= at:
            yield "left-behind", f"{held} though it was due"
        elif first != due:
            yield "wrong-until", f"{held} until {due}, rightly {first}"
