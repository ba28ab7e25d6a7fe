"""Who each message comes from: chosen by the destination, and the same for a person every time."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.config import environment
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.config.settings import Settings
from a2pcli.config.values import parse_sender
from a2pcli.planning.frames import arrow, drop, mask_of, put
from a2pcli.planning.people import number_keys
from a2pcli.reasons import Reason
from a2pcli.rules.copy_dlt import RULE as DLT_RULE
from a2pcli.rules.copy_dlt import DltTemplate
from a2pcli.rules.facts import SenderRule
from a2pcli.rules.law import Law
from a2pcli.rules.senders import Known, Senders, sticky


def senders_of(loaded: LoadedCampaign, settings: LoadedSettings, law: Law) -> Senders:
    """The campaign's senders with what the settings state of them, and what the law demands of them."""
    campaign = loaded.campaign
    choices = campaign.senders
    stated = {"dlt-template"} | ({"dlt-entity"} if campaign.dlt.entity else set()) if campaign.dlt else set()
    gateway = campaign.gateway or settings.settings.gateway
    return Senders(
        choices=choices,
        account=_account_sender(settings, gateway) if campaign.sender is None else None,
        known=_known(settings.settings),
        rules=_rules(law, campaign.purpose, campaign.channel),
        stated=frozenset(stated),
    )


def _known(settings: Settings) -> dict[str, Known]:
    return {
        sender: Known(tuple(facts.countries), frozenset(name.strip().lower() for name in facts.registrations))
        for sender, facts in settings.senders.items()
    }


def _rules(law: Law, purpose: str, channel: str) -> dict[str, tuple[SenderRule, ...]]:
    from phonenumbers import SUPPORTED_REGIONS

    found = ((country, law.senders(country, purpose, channel)) for country in sorted(SUPPORTED_REGIONS))
    return {country: rules for country, rules in found if rules}


def _account_sender(
    settings: LoadedSettings, gateway: str, environ: Mapping[str, str] | None = None
) -> str | None:
    """The sender in the gateway's settings; None where its account chooses, or it cannot be read here."""
    typed = (settings.settings.gateways.get(gateway) or {}).get("sender")
    if not isinstance(typed, str):
        return None
    try:
        return parse_sender(environment.filled(typed, os.environ if environ is None else environ))
    except (ValueError, KeyError):
        return None


def dlt_of(loaded: LoadedCampaign, settings: LoadedSettings) -> DltTemplate | None:
    """The campaign's registered template, completed from what the settings state of its senders."""
    dlt = loaded.campaign.dlt
    if dlt is None:
        return None
    facts = [settings.settings.senders.get(sender) for sender in loaded.campaign.senders.all]
    texts = (one.dlt_templates.get(dlt.template) for one in facts if one is not None)
    text = dlt.text or next((text for text in texts if text is not None), None)
    return DltTemplate(dlt.template, dlt.entity, text)


def template_countries(law: Law, purpose: str, channel: str) -> tuple[str, ...]:
    """Countries whose law wants a registered text."""
    from phonenumbers import SUPPORTED_REGIONS

    found = (
        country
        for country in sorted(SUPPORTED_REGIONS)
        if any(rule.template for rule in law.copy(country, (), purpose, channel))
    )
    return tuple(found)


def choose_senders(frame: pd.DataFrame, senders: Senders) -> None:
    """``@sender`` of every row: null where it is the run's own.

    One look at the countries of a chunk decides for all its rows; only pools look at the people.
    """
    countries = arrow(frame, "@country")
    own = senders.choices.own
    pools: dict[tuple[str | None, ...], list[str | None]] = {}
    for country in pc.unique(countries).to_pylist():
        pool = senders.verdict(country).senders
        if pool and pool != (own,):
            pools.setdefault(pool, []).append(country)
    chosen = pa.nulls(len(frame), pa.string())
    for pool, members in pools.items():
        here = pc.is_in(countries, pa.array(members, pa.string()))
        chosen = pc.if_else(here, _of_pool(frame, pool), chosen)
    put(frame, "@sender", chosen)


def _of_pool(frame: pd.DataFrame, pool: tuple[str | None, ...]) -> pa.Array:
    """Each row's sender of a pool, by its number."""
    names = pa.array(pool, pa.string())
    if len(pool) == 1:
        return names[0]
    people = number_keys(arrow(frame, "@number"))
    return names.take(pa.array(sticky(people, [str(name) for name in pool])))


def refuse_without_sender(frame: pd.DataFrame, senders: Senders) -> None:
    """A row whose country has no permitted sender drops out, with the rule that says so."""
    countries = arrow(frame, "@country")
    for country in pc.unique(countries).to_pylist():
        verdict = senders.verdict(country)
        if not verdict.senders:
            here = pc.is_null(countries) if country is None else pc.equal(countries, country)
            drop(frame, mask_of(here), Reason.NO_SENDER, verdict.detail, verdict.rule)


def refuse_other_texts(frame: pd.DataFrame, template: DltTemplate | None, countries: tuple[str, ...]) -> None:
    """Where the law wants a registered text, a row drops out whose message is another."""
    there = mask_of(pc.is_in(arrow(frame, "@country"), pa.array(countries, pa.string())))
    if not there.any():
        return
    if template is None or template.pattern is None:
        detail = "a registered template is wanted: state its id and text under dlt:"
        drop(frame, there, Reason.COPY_RULE, detail, DLT_RULE)
        return
    matches = np.zeros(len(frame), dtype=np.bool_)
    matches[there] = mask_of(
        pc.match_substring_regex(arrow(frame, "@body").filter(pa.array(there)), template.pattern)
    )
    detail = f"the text is not that of the DLT template {template.template}"
    drop(frame, there & ~matches, Reason.COPY_RULE, detail, DLT_RULE)


def rates_of(settings: Settings, senders: Senders) -> dict[str, dict[str, float | str]]:
    """The paces of a campaign's senders, as a run keeps them: by sender, units a second."""
    from a2pcli.config.values import parse_rate

    paces: dict[str, dict[str, float | str]] = {}
    for sender in senders.choices.all:
        facts = settings.senders.get(sender)
        if facts is not None and facts.rate is not None:
            rate = parse_rate(facts.rate)
            paces[sender] = {"per_second": rate.per_second, "unit": rate.unit}
    return paces
