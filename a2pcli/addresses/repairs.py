"""What is repaired in address cells, by the name it is reported under."""

from __future__ import annotations

from a2pcli.addresses.phone.types import REPAIRS as PHONE_REPAIRS

REPAIRS: dict[str, str] = {
    **PHONE_REPAIRS,
    "display-name-dropped": "the name around the address was dropped: Anna <anna@example.com>",
    "repeated-dropped": "the same address stood in the cell more than once",
    "full-stop-dropped": "a full stop after the address was dropped",
    "link-shortened": "a link to a chat became the name in it",
}
"""Every repair. Letter case, full-width signs and invisible marks are ways to write an address: to read them is no
repair."""
