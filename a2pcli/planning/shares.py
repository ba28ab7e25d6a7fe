"""Which share of the people somebody belongs to, by the address alone: the control group, the arms of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
import numpy.typing as npt


def share_of(campaign: str, experiment: str, address: str) -> float:
    """Return the address's position in [0, 1): the first 8 bytes of ``sha256("campaign|experiment|address")`` over
    2**64."""
    digest = sha256(f"{campaign}|{experiment}|{address}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def shares(campaign: str, experiment: str, addresses: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return ``share_of`` for each value of a column."""
    return np.fromiter(
        (share_of(campaign, experiment, address) for address in addresses),
        dtype=np.float64,
        count=len(addresses),
    )


def arms(places: npt.NDArray[np.float64], weights: Mapping[str, int]) -> npt.NDArray[np.intp]:
    """Return the index of the arm for each position; arms divide [0, 1) in the order they are written."""
    edges = np.cumsum(list(weights.values())) / sum(weights.values())
    found: npt.NDArray[np.intp] = np.minimum(np.searchsorted(edges, places, side="right"), len(weights) - 1)
    return found
