"""How often one person may be messaged, as files say it."""

from __future__ import annotations

import pytest

from a2pcli.config.frequency import Frequency, frequencies, parse_frequency


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2 per 7 days", Frequency(2, 604_800, None)),
        ("1 per 24 h per subject", Frequency(1, 86_400, "subject")),
        ("3/day", Frequency(3, 86_400, None)),
        ("1 per week per programme", Frequency(1, 604_800, "programme")),
        ("10 per 30 minutes per Person", Frequency(10, 1800, "person")),
        (" 5 in 2 hours per campaign ", Frequency(5, 7200, "campaign")),
    ],
)
def test_a_frequency_is_read(text: str, meant: Frequency) -> None:
    assert parse_frequency(text) == meant


@pytest.mark.parametrize(
    "text", ["", "daily", "2", "per day", "0 per day", "1 per 0 days", "2 per fortnight", "1 per 400 days"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_frequency(text)


def test_one_or_several_or_none() -> None:
    day = Frequency(1, 86_400, None)
    assert frequencies(None) == ()
    assert frequencies("1 per day") == (day,)
    assert frequencies(["1 per day", "1 per 24 h", "2 per day"]) == (day, Frequency(2, 86_400, None))
