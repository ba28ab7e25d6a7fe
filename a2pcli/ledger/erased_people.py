"""Who was erased, as keyed hashes: what a plan looks people up in. Nothing of the database is here, so that worker
processes need none of it; where hashes and key come from is in ``erased``."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from a2pcli.addresses.phone.same_phone import same_phone_forms
from a2pcli.dataclass import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

MARK = "#"
"""First character of an erased person's address; no phone number or email address starts with it."""

RULE = "erasure"
"""The rule that excludes erased people."""


@dataclass(frozen=True, slots=True)
class ErasureKey:
    """The key of the hashes. Its repr hides it."""

    secret: bytes

    def hash_of(self, address: str) -> str:
        """Return the hash that represents an erased address on the suppression list: ``#`` and 64 hex digits."""
        return MARK + hmac.digest(self.secret, address.encode("utf-8", "surrogatepass"), "sha256").hex()

    def __repr__(self) -> str:
        return "ErasureKey(...)"


@dataclass(frozen=True, slots=True)
class Erased:
    """All erased people, in a form that can be sent to worker processes."""

    key: ErasureKey | None = None
    hashes: frozenset[str] = frozenset()

    def holds(self, address: str) -> bool:
        """Whether this address belongs to an erased person."""
        key = self.key
        return key is not None and any(key.hash_of(form) in self.hashes for form in same_phone_forms(address))

    def among(self, addresses: pa.Array) -> npt.NDArray[np.bool_]:
        """Return which of the addresses (an Arrow string array) were erased. Nothing is hashed if nobody was erased."""
        import numpy as np

        mask = np.zeros(len(addresses), dtype=np.bool_)
        if self.key is None or not self.hashes:
            return mask
        known = {bytes.fromhex(one[1:]) for one in self.hashes}
        texts = addresses.to_pylist()
        found = (digest in known for digest in _digests(self.key.secret, texts))
        mask = np.fromiter(found, np.bool_, len(addresses))
        for place, address in enumerate(texts):
            if address is not None and not mask[place] and len(same_phone_forms(address)) > 1:
                mask[place] = self.holds(address)
        return mask


def _digests(secret: bytes, addresses: Iterable[str | None]) -> Iterator[bytes | None]:
    """Yield the HMAC-SHA256 of many addresses. Copying a keyed HMAC takes 0.7x the time of ``hmac.digest``."""
    keyed = hmac.new(secret, digestmod="sha256").copy
    for address in addresses:
        if address is None:
            yield None
            continue
        one = keyed()
        one.update(address.encode("utf-8", "surrogatepass"))
        yield one.digest()


def is_hash(address: str) -> bool:
    """Whether an address on the suppression list is the hash of an erased one."""
    return address.startswith(MARK)
