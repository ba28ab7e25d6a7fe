"""The lists of people who must not be messaged, as planning looks them up in the ledger and reads them from files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

from a2pcli.addresses.columns import keys_of
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.addresses.phone.same_phone import same_phone_keys
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.config.routes import gateways_of_campaign
from a2pcli.errors import A2PError, Problem
from a2pcli.ledger.erased import Erased
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.store import Ledger
from a2pcli.planning.consent import consent_sets
from a2pcli.planning.frames import Keys
from a2pcli.planning.optouts import suppressed_sets
from a2pcli.planning.people import read_exclude_file
from a2pcli.planning.reaching import in_window, unreachable, verified_people
from a2pcli.planning.refusals import FileRefusals
from a2pcli.planning.spec import ConsentRequirement, People

Found = TypeVar("Found")


class Remember(Protocol):
    """Looks something up by its name, or returns what was found before."""

    def __call__(self, name: tuple[object, ...], find: Callable[[], Found]) -> Found:
        """Return what ``find`` returns."""
        ...


def anew(name: tuple[object, ...], find: Callable[[], Found]) -> Found:
    """Look it up: nothing is remembered."""
    return find()


def people_of(
    loaded: LoadedCampaign,
    settings: LoadedSettings,
    ledger: Ledger,
    programme: str,
    occasion: int,
    policy: PhonePolicy,
    consent: ConsentRequirement | None,
    now: int,
    remember: Remember | None,
    told: FileRefusals,
    problems: list[Problem],
    warnings: list[Problem],
) -> People:
    """Return who stays out, and what is known of people that decides whether they do. ``now`` is UTC milliseconds."""
    remember = remember or anew
    purpose, channel = loaded.campaign.purpose, loaded.campaign.channel
    exclude = loaded.campaign.exclude
    excluded_list = np.empty(0, dtype=np.int64)
    if exclude.file:
        try:
            excluded_list, unread = read_exclude_file(loaded.folder, exclude.file, policy)
            warnings += unread
        except A2PError as error:
            problems += error.problems
    suppressed, suppressed_in, suppressed_for = remember(
        ("suppressed", purpose, programme, channel),
        lambda: suppressed_sets(ledger, purpose=purpose, programme=programme, channel=channel, now=now),
    )
    consented, withdrawn = remember(
        ("consent", consent is None, programme, channel),
        lambda: consent_sets(ledger, consent, programme, channel),
    )
    return People(
        suppressed=suppressed,
        erased=remember(("erased",), ledger.people.erased) if binds(purpose) else Erased(),
        suppressed_in=suppressed_in,
        suppressed_for=suppressed_for,
        consented=consented,
        withdrawn=withdrawn,
        told=told.refused,
        excluded_list=excluded_list,
        excluded_runs=_keys(ledger.messages.recipients(exclude.runs))
        if exclude.runs
        else np.empty(0, dtype=np.int64),
        reached=_with_todays_forms(ledger.messages.reached(occasion)),
        verified=verified_people(ledger, loaded.campaign.verified, now),
        unreachable=unreachable(ledger, channel, gateways_of_campaign(loaded, settings), now),
        in_window=in_window(ledger, channel, gateways_of_campaign(loaded, settings), now),
    )


def _with_todays_forms(people: Keys) -> Keys:
    """Return people of earlier runs, sorted, with numbers in their current form. Old keys are kept too, because with
    ``once_per`` they are hashes."""
    changed = same_phone_keys(people)
    return people if changed is people else np.unique(np.concatenate((people, changed)))


def _keys(addresses: pa.Array) -> Keys:
    return np.unique(keys_of(addresses))
