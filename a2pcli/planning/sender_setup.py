"""A campaign's senders with what the settings state of them and what the law demands: read once, not in workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from a2pcli.config import environment
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.config.quotas import lowest, parse_quotas
from a2pcli.config.routes import gateways_of_campaign
from a2pcli.config.settings import SenderFacts, Settings
from a2pcli.config.values import parse_sender
from a2pcli.ledger.sender_names import sender_key
from a2pcli.rules.copy_dlt import DltTemplate
from a2pcli.rules.facts import SenderRule
from a2pcli.rules.law import Law
from a2pcli.rules.senders import Known, Senders


def facts_of(settings: Settings, sender: str) -> SenderFacts | None:
    """Return the settings of a sender, ignoring case and punctuation of its name; None if there are none."""
    if sender in settings.senders:
        return settings.senders[sender]
    key = sender_key(sender)
    return next((facts for name, facts in settings.senders.items() if sender_key(name) == key), None)


def senders_of(loaded: LoadedCampaign, settings: LoadedSettings, law: Law) -> Senders:
    """Return the campaign's senders with their settings and the legal rules that apply to them."""
    campaign = loaded.campaign
    choices = campaign.senders
    stated = {"dlt-template"} | ({"dlt-entity"} if campaign.dlt.entity else set()) if campaign.dlt else set()
    names = gateways_of_campaign(loaded, settings)
    accounts = [account_sender(settings, name) for name in names] if campaign.sender is None else []
    return Senders(
        choices=choices,
        # Of a route whose gateways have different ones, each is judged by its own (``route_setup``).
        account=accounts[0] if len(set(accounts)) == 1 else None,
        known=_known(settings.settings, (*choices.all, *accounts)),
        rules=_rules(law, campaign.purpose, campaign.channel),
        stated=frozenset(stated),
    )


def _known(settings: Settings, senders: Iterable[str | None]) -> dict[str, Known]:
    found = ((sender, facts_of(settings, sender)) for sender in senders if sender is not None)
    return {
        sender: Known(tuple(facts.countries), frozenset(name.strip().lower() for name in facts.registrations))
        for sender, facts in found
        if facts is not None
    }


def _rules(law: Law, purpose: str, channel: str) -> dict[str, tuple[SenderRule, ...]]:
    from phonenumbers import SUPPORTED_REGIONS

    found = ((country, law.senders(country, purpose, channel)) for country in sorted(SUPPORTED_REGIONS))
    return {country: rules for country, rules in found if rules}


def account_sender(
    settings: LoadedSettings, gateway: str, environ: Mapping[str, str] | None = None
) -> str | None:
    """Return the sender in the gateway's settings; None if its account chooses, or the setting cannot be read here."""
    typed = (settings.settings.gateways.get(gateway) or {}).get("sender")
    if not isinstance(typed, str):
        return None
    try:
        return parse_sender(environment.filled(typed, settings.environ if environ is None else environ))
    except (ValueError, KeyError):
        return None


def dlt_of(loaded: LoadedCampaign, settings: LoadedSettings) -> DltTemplate | None:
    """Return the campaign's registered template, completed from the settings of its senders."""
    dlt = loaded.campaign.dlt
    if dlt is None:
        return None
    facts = [facts_of(settings.settings, sender) for sender in loaded.campaign.senders.all]
    texts = (one.dlt_templates.get(dlt.template) for one in facts if one is not None)
    text = dlt.text or next((text for text in texts if text is not None), None)
    return DltTemplate(dlt.template, dlt.entity, text)


def template_countries(law: Law, purpose: str, channel: str) -> tuple[str, ...]:
    """Return the countries whose law requires a registered text."""
    from phonenumbers import SUPPORTED_REGIONS

    found = (
        country
        for country in sorted(SUPPORTED_REGIONS)
        if any(rule.template for rule in law.copy(country, (), purpose, channel))
    )
    return tuple(found)


def required_words(law: Law, purpose: str, channel: str) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Return by country what each message must contain: a pattern, its wording for people, the rule's id."""
    from phonenumbers import SUPPORTED_REGIONS

    found = {
        country: tuple(
            (rule.must_contain, rule.must_say or rule.must_contain, rule.id)
            for rule in law.copy(country, (), purpose, channel)
            if rule.must_contain
        )
        for country in sorted(SUPPORTED_REGIONS)
    }
    return {country: rules for country, rules in found.items() if rules}


def rates_of(settings: Settings, senders: Senders) -> dict[str, dict[str, float | str | bool]]:
    """Return the paces of a campaign's senders as a run stores them: by sender, in units per second.

    ``account`` marks the gateway's own sender, which the rows of a run do not name.
    """
    from a2pcli.config.values import parse_rate

    paces: dict[str, dict[str, float | str | bool]] = {}
    for sender in (*senders.choices.all, senders.account):
        facts = facts_of(settings, sender) if sender is not None else None
        if sender is None or facts is None:
            continue
        typed = [] if facts.rate is None else [parse_rate(facts.rate)]
        seconds = (one.pace for one in parse_quotas(facts.quota)) if facts.quota else ()
        rates = [*typed, *(pace for pace in seconds if pace is not None)]
        if rates:
            rate = min(rates, key=lambda rate: rate.per_second)
            paces[sender] = {"per_second": rate.per_second, "unit": rate.unit}
            if sender == senders.account:
                paces[sender]["account"] = True
    return paces


def quotas_of(settings: Settings, senders: Senders) -> dict[str, dict[str, Any]]:
    """Return the quotas of a campaign's senders as a run stores them; ``account`` as in ``rates_of``, ``all`` if
    every message of the campaign comes from this sender."""
    found: dict[str, dict[str, Any]] = {}
    each = [sender for sender in (*senders.choices.all, senders.account) if sender is not None]
    for sender in each:
        for name, own in sender_quota_data(settings, sender).items():
            found[name] = {**own, "all": len(each) == 1, "account": sender == senders.account}
    return found


def sender_quota_data(settings: Settings, sender: str) -> dict[str, dict[str, Any]]:
    """Return the quotas of one sender in the same form; empty if it has none."""
    facts = facts_of(settings, sender)
    if facts is None or not facts.quota:
        return {}
    return {
        sender: {"quotas": [one.to_data() for one in lowest(parse_quotas(facts.quota)) if one.pace is None]}
    }
