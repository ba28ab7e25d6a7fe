"""A Bloom filter of a chunk's addresses and cells, which tells from its first bytes that a person is not in it.

It stands in the metadata of the chunk's Arrow schema, so whatever writes a chunk anew (erasure, retention) makes it
anew too, and the chunk's digest covers it. It takes about one and a half bytes a row, and has one percent
false positives. Chunks without one are simply read. Erasing does not go by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from a2pcli.addresses.kinds import OTHERS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Keys = npt.NDArray[np.uint64]

NAME = "a2pcli.people"
"""Key of the filter in the schema's metadata."""

PREFIX = 96 * 1024
"""A chunk's filter, if it has one, ends within this many bytes of its beginning."""

PUNCTUATION = " -().'"
"""Characters that people write between the digits of a number."""

ENOUGH = 7
"""A part of a cell with this many digits may be a number of its own."""

_NO_PUNCTUATION = str.maketrans("", "", PUNCTUATION)
_MARK = b"a2pcli-people-1:"
_PROBES = 6
_BITS_A_KEY = 9
_MOST_BITS = 1 << 19
_MOST_CELLS = 2_000
_LONGEST_CELL = 100
_MASK = (1 << 64) - 1
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""The multipliers of SplitMix64."""


def bare(text: str) -> str:
    """Return a cell in the form used for comparison: without punctuation."""
    return text.translate(_NO_PUNCTUATION)


def metadata_of(columns: Mapping[str, pa.Array]) -> dict[str, bytes]:
    """Return the metadata for a chunk with these columns; empty if it has too many people for a filter."""
    import numpy as np

    others = {one for text in _different(columns.get("others")) for one in text.split(OTHERS)}
    pieces = _pieces_of_cells(columns.get("cell"))
    texts = [*map(_key, sorted(others)), *map(_hash, sorted(pieces or ()))]
    keys = np.concatenate([_address_keys(columns.get("address")), np.array(texts, dtype=np.uint64)])
    power = max(6, int(_BITS_A_KEY * len(keys)).bit_length())
    if 1 << power > _MOST_BITS:
        return {}
    bits = np.zeros(1 << power, dtype=np.bool_)
    _mix(keys)
    step = keys >> np.uint64(32) | np.uint64(1)
    for probe in range(_PROBES):
        bits[((keys + np.uint64(probe) * step) & np.uint64((1 << power) - 1)).astype(np.int64)] = True
    head = _MARK + bytes([pieces is not None, power])
    return {NAME: head + np.packbits(bits, bitorder="little").tobytes()}


def may_hold(prefix: bytes, addresses: Iterable[str], cells: Iterable[str]) -> bool:
    """Return whether the chunk that begins with ``prefix`` may have a row with one of the addresses, or a matching
    cell."""
    at = prefix.find(_MARK)
    start = at + len(_MARK) + 2
    if at < 0 or len(prefix) < start:
        return True
    knows_cells, power = bool(prefix[start - 2]), prefix[start - 1]
    bits = prefix[start : start + (1 << power) // 8]
    if len(bits) < (1 << power) // 8:
        return True
    if any(_is_in(_key(address), bits, power) for address in addresses if address):
        return True
    for cell in cells:
        text = bare(cell)
        # Letters are compared regardless of case, but the filter knows cells only as written.
        if not knows_cells or not text or text.upper() != text.lower():
            return True
        if _is_in(_hash(text[:ENOUGH]), bits, power):
            return True
    return False


def _is_in(key: int, bits: bytes, power: int) -> bool:
    for shift, factor in zip((30, 27), _MIX, strict=True):
        key = (key ^ key >> shift) * factor & _MASK
    key ^= key >> 31
    step, last = key >> 32 | 1, (1 << power) - 1
    places = [(key + probe * step) & last for probe in range(_PROBES)]
    return all(bits[place >> 3] >> (place & 7) & 1 for place in places)


def _mix(keys: Keys) -> None:
    """Spread the keys over 64 bits in place, like ``_is_in`` does for one."""
    import numpy as np

    for shift, factor in zip((30, 27), _MIX, strict=True):
        keys ^= keys >> np.uint64(shift)
        keys *= np.uint64(factor)
    keys ^= keys >> np.uint64(31)


def _key(address: str) -> int:
    """Return a number for an address: a phone number's digits, a hash of anything else."""
    digits = address[1:]
    if address[:1] == "+" and digits.isascii() and digits.isdigit() and len(digits) <= 18:
        return int(digits)
    return _hash(address)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _address_keys(addresses: pa.Array | None) -> Keys:
    """Return ``_key`` of every address; vectorised for a column of phone numbers."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if addresses is None or addresses.null_count == len(addresses):
        return np.zeros(0, dtype=np.uint64)
    texts = addresses.drop_null()
    shortest, longest = pc.min_max(pc.binary_length(texts)).as_py().values()
    if shortest >= 2 and longest <= 19 and pc.all(pc.starts_with(texts, "+")).as_py():
        raw = pa.concat_arrays([texts]).buffers()[2].to_pybytes()
        if raw.translate(None, b"0123456789") == b"+" * len(texts):
            numbers = pc.cast(pc.utf8_slice_codeunits(texts, 1), pa.int64())
            return np.asarray(numbers.to_numpy(zero_copy_only=False)).astype(np.uint64)
    return np.array([_key(text) for text in _different(texts)], dtype=np.uint64)


def _different(texts: pa.Array | None) -> list[Any]:
    return [] if texts is None else texts.drop_null().unique().to_pylist()


def _pieces_of_cells(cells: pa.Array | None) -> set[str] | None:
    """Return the pieces by which a cell may match: of a long one all substrings of ``ENOUGH`` characters, a short
    one whole. None if there are too many or they are too long."""
    different = _different(cells)
    if len(different) > _MOST_CELLS:
        return None
    pieces: set[str] = set()
    for text in map(bare, different):
        if len(text) > _LONGEST_CELL:
            return None
        pieces.update(text[at : at + ENOUGH] for at in range(max(1, len(text) - ENOUGH + 1)))
    return pieces
