"""The people and campaigns of a generated world, and the files that its operator would have written."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from week_facts import AREAS, DAY, Contact
from week_rules import Campaign

# ---------------------------------------------------------------------------------------------------- the people

WRONG_ZONES = ["UTC+2", "Mars/Olympus"]
AMERICAN_ZONES = ["America/New_York", "America/Chicago", "america/los_angeles", *WRONG_ZONES]
ABROAD_ZONES = ["Europe/Paris", "Europe/London", "Asia/Kathmandu", "Pacific/Auckland", *WRONG_ZONES]
AMERICAN_STATES = ["FL", "florida", "TX", "AL", "SD", "US-RI", "Louisiana", "UT", "TN", "New York", "AZ", "Ontario",
                   "Atlantis"]  # fmt: skip
ZIPS = ["32501", "33101", "79901", "77001", "10001", "35203", "84101", "70112"]
ELSEWHERE = {
    "GB": "+447400{:06d}", "FR": "+3361234{:04d}", "IN": "+9198765{:05d}", "AE": "+97150123{:04d}",
    "AU": "+6141234{:04d}", "DE": "+4915123{:06d}", "NZ": "+642112{:04d}", "ES": "+3461234{:04d}",
    "PT": "+35191234{:04d}", "KE": "+25471234{:04d}", "TW": "+88691234{:04d}", "": "+8816123{:05d}",
}  # fmt: skip


class People:
    """Generated rows of a contacts file."""

    def __init__(self, rng: random.Random, start: int) -> None:
        self.rng, self.start, self._made = rng, start, 0

    def some(self, count: int) -> tuple[Contact, ...]:
        rows = [self._one() for _ in range(count)]
        for _ in range(count // 12):  # the same person again, with other cells
            again = self.rng.choice(rows)
            rows.append(replace(self._cells(again.number), appointment=self.rng.choice(["a1", "a2"])))
        rows += [Contact(f"+18005552{self.rng.randrange(1000):03d}"), Contact("not a number")]
        self.rng.shuffle(rows)
        return tuple(rows)

    def _one(self) -> Contact:
        self._made += 1
        if self.rng.random() < 0.6:
            number = f"+1{self.rng.choice(sorted(AREAS))}555{2000 + self._made:04d}"
        else:
            number = self.rng.choice(sorted(ELSEWHERE.values())).format(1000 + self._made)
        return self._cells(number)

    def _cells(self, number: str) -> Contact:
        rng = self.rng
        american, australian = number.startswith("+1"), number.startswith("+61")
        cells = {"appointment": rng.choice(["a1", "a2", "a3"])}
        if rng.random() < 0.2:
            cells["timezone"] = rng.choice(AMERICAN_ZONES if american else ABROAD_ZONES)
        if australian and rng.random() < 0.3:
            cells["timezone"] = "Australia/Lord_Howe"
        if american and rng.random() < 0.25:
            cells["state"] = rng.choice(AMERICAN_STATES)
        elif australian and rng.random() < 0.4:
            cells["state"] = rng.choice(["NSW", "Queensland"])
        if american and rng.random() < 0.15:
            cells["postcode"] = rng.choice(ZIPS)
        elif australian and rng.random() < 0.2:
            cells["postcode"] = rng.choice(["2898", "4000"])
        return Contact(number, **cells, **self._consent())

    def _consent(self) -> dict[str, str]:
        rng = self.rng
        cells = {"consent": rng.choice(["", "", "", "yes", "no"])} if rng.random() < 0.3 else {}
        if rng.random() < 0.5:
            cells["consent_at"] = self._day(-rng.randrange(30, 400))
            cells["consent_source"] = rng.choice(["web form", "shop", "shop", ""])
            if rng.random() < 0.3:
                cells["consent_expires"] = self._day(rng.randrange(-2, 6))
        return cells

    def _day(self, days: int) -> str:
        return datetime.fromtimestamp((self.start + days * DAY) / 1000, UTC).date().isoformat()


# ------------------------------------------------------------------------------------------------- the campaigns

NUMBER = "+12125550199"
SENDERS = (("default", "ACME"), ("US", NUMBER), ("CA", NUMBER), ("AE", "AD-ACME"))


def campaigns(rng: random.Random, start: int, days: float, size: int) -> list[Campaign]:
    """Campaigns that overlap in people, programmes and subjects, each with its own rules about time."""
    people = People(rng, start)
    crowd = people.some(size)

    def share() -> tuple[Contact, ...]:
        return tuple(contact for contact in crowd if rng.random() < 0.75)

    first = datetime.fromtimestamp(start / 1000, UTC).replace(tzinfo=None)

    def day(number: float, hour: int = 0, minute: int = 0) -> datetime:
        there = first.replace(hour=0, minute=0) + timedelta(days=int(number))
        return there.replace(hour=hour, minute=minute)

    not_before = day(rng.random() * days / 2, rng.choice([0, 6, 9, 12]))
    expires = day(days * (0.5 + rng.random() / 2), rng.choice([2, 12, 18, 21]), rng.choice([0, 30]))
    caps = rng.choice([(), ("2 per 24 hours",), ("3 per 2 days",), ("4 per 3 days", "2 per 12 hours")])
    offers = rng.choice([(), ("1 per 24 hours",), ("2 per 2 days",)])
    common: dict[str, Any] = {"senders": SENDERS, "global_caps": caps}
    return [
        Campaign(
            "news-daily",
            programme="news",
            occurrence="daily",
            unknown_zone=rng.choice(["", "Europe/London"]),
            caps=rng.choice([(), ("3 per 3 days",)]),
            contacts=share(),
            **common,
        ),
        Campaign(
            "offer",
            programme="offers",
            programme_caps=offers,
            subject=rng.choice(["", "sale"]),
            consent="required",
            window=rng.choice(["", "10:00-18:30", "17:00-20:30", "09:00-12:00, 16:00-19:00"]),
            days=rng.choice(["", "mon-sat", "mon-fri", "sat-sun"]),
            avoid_holidays=rng.random() < 0.7,
            not_before=not_before,
            expires=max(expires, not_before + timedelta(hours=9)),
            wait=rng.random() < 0.3,
            contacts=share(),
            **common,
        ),
        Campaign(
            "flash",
            programme="offers",
            programme_caps=offers,
            subject="sale",
            caps=("1 per 24 hours per subject",),
            occurrence=rng.choice(["daily", "once"]),
            once_per=rng.random() < 0.5,
            wait=rng.random() < 0.3,
            contacts=share(),
            **common,
        ),
        Campaign(
            "reminder",
            purpose="transactional",
            programme=rng.choice(["", "visits"]),
            once_per=True,
            occurrence=rng.choice(["daily", "once"]),
            consent=rng.choice(["assumed", "assumed", "required"]),
            window=rng.choice(["", "07:00-22:00", "21:00-02:30", "01:30-05:00", "02:15-03:45"]),
            avoid_holidays=rng.random() < 0.3,
            in_recipient_time=rng.random() < 0.5,
            expires=day(days * (0.3 + rng.random()), rng.choice([1, 2, 12]), rng.choice([0, 30])),
            contacts=share(),
            **common,
        ),
        Campaign(
            "notice",
            subject=rng.choice(["", "visit"]),
            not_before=day(rng.random() * 2, 13),
            in_recipient_time=False,
            senders=(("default", "ACME"), ("US", NUMBER)),
            global_caps=caps,
            contacts=share(),
        ),
        Campaign("code", purpose="otp", occurrence="daily", contacts=share()[: size // 4], **common),
    ]


SETTINGS = """\
region: US
senders:
  '+12125550199': {registrations: {10dlc: C1}}
  ACME: {registrations: {comreg: x, acma: x, dlt-entity: x, dlt-header: x}}
rules: {dlt-template: off, country-wording: off, no-opt-out: off, no-reply: off, no-brand: off}
"""


def settings_file(all_of_them: Sequence[Campaign]) -> str:
    text = SETTINGS
    one = all_of_them[0]
    if one.global_caps:
        text += f"frequency: {json.dumps(list(one.global_caps))}\n"
    programmes = {
        campaign.programme: campaign.programme_caps for campaign in all_of_them if campaign.programme_caps
    }
    if programmes:
        capped = {name: {"frequency": list(caps)} for name, caps in programmes.items()}
        text += f"programmes: {json.dumps(capped)}\n"
    return text


def campaign_file(campaign: Campaign) -> str:
    """The campaign as its user would write it; JSON is YAML."""
    schedule: dict[str, Any] = {"holidays": "avoid" if campaign.avoid_holidays else "allow"}
    for key in ("not_before", "expires"):
        if moment := getattr(campaign, key):
            schedule[key] = f"{moment:%Y-%m-%d %H:%M}"
    if campaign.in_recipient_time and len(schedule) > 1:
        schedule["timezone"] = "recipient"
    if campaign.window:
        schedule["window"] = campaign.window
    if campaign.days:
        schedule["days"] = campaign.days.split(", ")
    if campaign.unknown_zone:
        schedule["unknown_zone"] = campaign.unknown_zone
    data: dict[str, Any] = {
        "name": campaign.name,
        "objective": "Live through a simulated week",
        "purpose": campaign.purpose,
        "contacts": f"{campaign.name}.csv",
        "sender": dict(campaign.senders),
        "occurrence": campaign.occurrence,
        "message": "ACME: hello. Reply STOP to opt out",
        "schedule": schedule,
    }
    if campaign.purpose == "marketing" or campaign.consent == "required":
        data["consent"] = campaign.consent
    for key in ("programme", "subject"):
        if value := getattr(campaign, key):
            data[key] = value
    if campaign.once_per:
        data["once_per"] = "{{ appointment }}"
    if campaign.caps:
        data["limits"] = {"frequency": list(campaign.caps)}
    return json.dumps(data, indent=1)


def write(folder: Path, all_of_them: Sequence[Campaign]) -> None:
    """The files of a project."""
    (folder / "a2pcli.yaml").write_text(settings_file(all_of_them))
    names = [one.name for one in fields(Contact)]
    for campaign in all_of_them:
        (folder / f"{campaign.name}.yaml").write_text(campaign_file(campaign))
        with (folder / f"{campaign.name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["phone", *names[1:]])
            rows.writerows([getattr(contact, name) for name in names] for contact in campaign.contacts)
