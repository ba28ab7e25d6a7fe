"""What the rules would see of a row if its campaign were planned now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.ledger.records import NewRun
from a2pcli.planning.places import taken_apart
from a2pcli.planning.plan import campaign_zone
from a2pcli.planning.prepare import Prepared
from a2pcli.reporting.considered import Case


def case_of(prepared: Prepared, row: Mapping[str, Any]) -> Case:
    """The case of a previewed row that has a number."""
    job, hours = prepared.job, prepared.hours
    clock = None
    if hours.binds and row.get("place"):
        country, regions, zones, _ = taken_apart(row["place"])
        clock = hours.clock(country, regions, zones)
    return Case(
        about=NewRun(
            campaign=job.campaign,
            occasion=prepared.occasion,
            gateway=job.gateway,
            channel=job.channel,
            sender=job.sender,
            purpose=prepared.loaded.campaign.purpose,
            programme=job.programme,
            subject=prepared.loaded.campaign.subject,
        ),
        address=row["number"],
        country=row["country"],
        at=hours.first,
        sender=row.get("sender"),
        clock=clock,
        caps=hours.caps,
        consent_required=None if job.consent is None else job.consent.required,
        said=row.get("consent"),
        expires_at=hours.ends,
        waivers=tuple(prepared.wording.waivers()),
        reason=row["reason"],
        rule=row.get("rule"),
        detail=row["detail"],
        zone=campaign_zone(prepared.loaded),
    )
