"""Why somebody got a message, did not, or will: from the ledger, and by what a campaign file would do now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from a2pcli.errors import Problem, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from a2pcli.actions.project import Project
    from a2pcli.addresses.phone.numbers import PhonePolicy
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.prepare import Prepared
    from a2pcli.reporting.considered import MessageContext
    from a2pcli.reporting.explain import Explanation

MANY_ROWS = 10_000_000
"""More rows than this take some seconds to look through."""


def explain(
    project: Project, number: str, *, run: str | None = None, region: str | None = None
) -> Explanation:
    """Every run that has the number, the opt-outs, and each rule that was considered; ``run`` looks at one run only.

    Rows whose cell could not be read as a number are found too, by what was typed.
    """
    from a2pcli.addresses.phone.numbers import PhonePolicy

    if not number.strip():
        hint = "for example: a2pcli explain '+44 7911 123456'"
        raise UsageError(Problem("name a phone number, an email address or a chat id", hint=hint))
    settings = project.settings()
    policy = PhonePolicy(
        region=region or settings.settings.region, allow_fictional=True, allow_fixed_line=True
    )
    with project.existing_ledger() as ledger:
        if ledger is None and run is not None:
            raise UsageError(f"no run '{run}': the ledger is empty")
        return _from_ledger(project, ledger, number, policy, run, settings)


def _from_ledger(
    project: Project,
    ledger: Ledger | None,
    number: str,
    policy: PhonePolicy,
    run: str | None,
    settings: LoadedSettings,
) -> Explanation:
    from a2pcli.reporting.explain import explain as tell
    from a2pcli.reporting.explain import nothing_known
    from a2pcli.rules.law import law_of

    if ledger is None:
        return nothing_known(number, policy)
    chosen = None if run is None else ledger.runs.get(run)
    # Rows are found by looking at all of them; a person who waits should know why.
    rows = sum(one.rows_read or 0 for one in ([chosen] if chosen else ledger.runs.all()))
    if rows > MANY_ROWS:
        project.tell(f"looking through {rows:,} rows; --run looks through one run")
    return tell(ledger, number, policy, run=chosen, law=law_of(settings))


def would_get(project: Project, campaign: Path, number: str | None, asked: str) -> dict[str, Any]:
    """What planning the campaign now would do with a number (E.164, or what was ``asked``), JSON-ready.

    The same path as ``plan``; nothing is stored.
    """
    from a2pcli.actions.plans import opened, prepared
    from a2pcli.message_content import content_of
    from a2pcli.planning.preview import by_address, preview
    from a2pcli.reporting.considered import considered
    from a2pcli.reporting.values import money
    from a2pcli.rules.law import law_of

    with opened(project, campaign, keeps=False) as open_campaign:
        ready = prepared(open_campaign)
        rows = [one.row for one in preview(ready, by_address(number, asked), open_campaign.workers)]
        law = law_of(open_campaign.settings)
        return {
            "campaign": ready.spec.campaign,
            "contacts": ready.table.path,
            "rows": [
                {
                    "line": row["line"],
                    "sent": row["reason"] is None,
                    "reason": row["reason"],
                    "detail": row["detail"],
                    "body": row["body"],
                    "content": content_of(row["content"]),
                    "parts": row["parts"],
                    "cost": None if row["cost"] is None else money(row["cost"]),
                    "currency": row["currency"],
                    "rules": [
                        one.document()
                        for one in considered(open_campaign.ledger, law, _context_of(ready, row))
                    ]
                    if row["number"]
                    else [],
                }
                for row in rows
            ],
        }


def _context_of(prepared: Prepared, row: Mapping[str, Any]) -> MessageContext:
    """What the rules would see of a previewed row that has a number."""
    from a2pcli.ledger.other_forms import others_of
    from a2pcli.ledger.records import NewRun
    from a2pcli.planning.places import taken_apart
    from a2pcli.planning.plan import campaign_zone
    from a2pcli.reporting.considered import MessageContext

    spec, hours = prepared.spec, prepared.hours
    clock = None
    if hours.binds and row.get("place"):
        country, regions, zones, _ = taken_apart(row["place"])
        clock = hours.clock(country, regions, zones)
    return MessageContext(
        about=NewRun(
            campaign=spec.campaign,
            occasion=prepared.occasion,
            gateway=spec.gateway,
            channel=spec.channel,
            sender=spec.sender,
            purpose=prepared.loaded.campaign.purpose,
            programme=spec.programme,
            subject=prepared.loaded.campaign.subject,
        ),
        address=row["number"],
        country=row["country"],
        at=hours.first,
        sender=row.get("sender"),
        clock=clock,
        caps=hours.caps,
        consent_required=None if spec.consent is None else spec.consent.required,
        said=row.get("consent"),
        expires_at=hours.ends,
        waivers=tuple(prepared.wording.waivers()),
        reason=row["reason"],
        rule=row.get("rule"),
        detail=row["detail"],
        zone=campaign_zone(prepared.loaded),
        others=others_of(row.get("others")),
    )
