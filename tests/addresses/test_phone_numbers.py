"""One cell, one verdict: what people put into number cells, and what becomes of it."""

from __future__ import annotations

import pytest

from a2pcli.addresses.phone.numbers import REPAIRS, PhonePolicy, normalise
from a2pcli.errors import InvalidInput

GB = PhonePolicy("GB")

GOOD = [
    # cell, region, number, repairs
    ("+447911123456", None, "+447911123456", ()),
    ("07911 123456", "GB", "+447911123456", ()),
    ("(07911) 123-456", "GB", "+447911123456", ()),
    ("07911.123.456", "GB", "+447911123456", ()),
    ("+44 (0)7911 123456", "US", "+447911123456", ()),
    ("+44 (0) 7911-123456", None, "+447911123456", ()),
    ("(+44) 7911 123456", None, "+447911123456", ()),
    ("++447911123456", None, "+447911123456", ()),
    ("07911/123456", "GB", "+447911123456", ()),
    ("07911\n123456", "GB", "+447911123456", ()),
    ("07911123456;", "GB", "+447911123456", ()),
    ("07911 123456.", "GB", "+447911123456", ()),
    ("☎ 07911 123456", "GB", "+447911123456", ()),
    ("０７９１１　１２３４５６", "GB", "+447911123456", ()),
    ("＋４４７９１１１２３４５６", None, "+447911123456", ()),
    ("٠٧٩١١١٢٣٤٥٦", "GB", "+447911123456", ()),
    ("\u202a+44 7911 123456\u202c", None, "+447911123456", ()),
    ("\ufeff07911\u00a0123\u202f456\u200b", "GB", "+447911123456", ()),
    ("07911‑123–456", "GB", "+447911123456", ()),
    ("0791\x001123456", "GB", "+447911123456", ()),
    ('="07911123456"', "GB", "+447911123456", ("formula-unwrapped",)),
    ("=07911123456", "GB", "+447911123456", ("formula-unwrapped",)),
    ("'07911123456", "GB", "+447911123456", ("quotes-dropped",)),
    ('"+447911123456"', None, "+447911123456", ("quotes-dropped",)),
    ("tel:+44-7911-123456", None, "+447911123456", ("scheme-dropped",)),
    ("whatsapp:+447911123456", None, "+447911123456", ("scheme-dropped",)),
    ("447911123456.0", "GB", "+447911123456", ("decimals-dropped", "plus-restored")),
    ("+447911123456,00", None, "+447911123456", ("decimals-dropped",)),
    ("447,911,123,456", "GB", "+447911123456", ("thousands-dropped", "plus-restored")),
    ("447911123456", "GB", "+447911123456", ("plus-restored",)),
    ("7911123456", "GB", "+447911123456", ("zero-restored",)),
    ("0044 7911 123456", "US", "+447911123456", ("international-prefix",)),
    ("0044 7911 123456", None, "+447911123456", ("international-prefix",)),
    ("011 44 7911 123456", "US", "+447911123456", ("international-prefix",)),
    ("0011 44 7911 123456", "AU", "+447911123456", ("international-prefix",)),
    ("+0044 7911 123456", None, "+447911123456", ("international-prefix",)),
    ("+07911 123456", "GB", "+447911123456", ("plus-dropped",)),
    ("(415) 555-2671", "US", "+14155552671", ()),
    ("1 415 555 2671", "US", "+14155552671", ()),
    ("4155552671", "US", "+14155552671", ()),
    ("0151 12345678", "DE", "+4915112345678", ()),
    ("4915112345678", "DE", "+4915112345678", ("plus-restored",)),
    ("0151/12345678", "DE", "+4915112345678", ()),
    ("0043 664 / 12 34 567", "DE", "+436641234567", ("international-prefix",)),
    ("06 12 34 56 78", "FR", "+33612345678", ()),
    ("138 1234 5678", "CN", "+8613812345678", ()),
    ("333 123 4567", "IT", "+393331234567", ()),
    ("+34 (0)612 345 678", None, "+34612345678", ("trunk-zero-dropped",)),
    ("011 15-2345-6789", "AR", "+5491123456789", ("argentina-15",)),
    ("+54 9 11 2345 6789", None, "+5491123456789", ()),
    ("+52 1 55 1234 5678", None, "+525512345678", ("mexico-1-dropped",)),
    ("044 55 1234 5678", "MX", "+525512345678", ("mexico-1-dropped",)),
    ("+52 55 1234 5678", None, "+525512345678", ()),
    ("+55 11 98765-4321", None, "+5511987654321", ()),
]


@pytest.mark.parametrize(("cell", "region", "number", "repairs"), GOOD)
def test_a_number_is_found_in_what_people_write_and_every_repair_is_named(cell, region, number, repairs):
    """Formatting is read, damage that can be undone for certain is undone and reported."""
    result = normalise(cell, PhonePolicy(region))
    assert (result.number, result.repairs, result.reason) == (number, repairs, None)
    assert set(repairs) <= set(REPAIRS)


BAD = [
    # cell, region, reason, words in the detail
    ("", "GB", "missing-number", None),
    (" \t\u00a0 ", "GB", "missing-number", None),
    ('=""', "GB", "missing-number", None),
    ("07911123456; 07911123457", "GB", "ambiguous-number", None),
    ("07911123456,07911123457", "GB", "ambiguous-number", None),
    ("07911123456 / 07911123457", "GB", "ambiguous-number", None),
    ("07911123456 07911123457", "GB", "ambiguous-number", None),
    ("+447911123456+447911123457", "GB", "ambiguous-number", None),
    ("07911123456\n07911123457", "GB", "ambiguous-number", None),
    ("07911 123456 or 07911 123457", "GB", "ambiguous-number", None),
    ("020 7946 0018/9", "GB", "ambiguous-number", "slash"),
    ("07911123456 x123", "GB", "has-extension", None),
    ("07911 123456 ext. 12", "GB", "has-extension", None),
    ("07911123456#12", "GB", "has-extension", None),
    ("07911123456;ext=12", "GB", "has-extension", None),
    ("tel:+447911123456;ext=7", "GB", "has-extension", None),
    ("07911123456,12", "GB", "has-extension", "comma"),
    ("4.47701E+11", "GB", "damaged-number", "digits are lost"),
    ("4,47701E+11", "DE", "damaged-number", "digits are lost"),
    ("4.47911E11", "GB", "damaged-number", "digits are lost"),
    ("1e5", "GB", "damaged-number", "digits are lost"),
    ("########", "GB", "damaged-number", "too narrow"),
    ("#N/A", "GB", "damaged-number", "error"),
    ("O7911123456", "GB", "invalid-number", "zero"),
    ("0791l123456", "GB", "invalid-number", "one"),
    ("1-800-FLOWERS", "US", "invalid-number", "letters"),
    ("n/a", "GB", "invalid-number", "letters"),
    ("Total: 1,204", "GB", "invalid-number", "a total, not a contact"),
    ("Gesamtsumme", "DE", "invalid-number", "a total, not a contact"),
    ("合计", "CN", "invalid-number", "a total, not a contact"),
    ("Total 07911 123456", "GB", "invalid-number", "letters"),
    ("Bob 07911 123456", "GB", "invalid-number", "letters"),
    ("*31#07911123456", "GB", "invalid-number", "'*'"),
    ("0044+7911123456", "GB", "invalid-number", "'+'"),
    ("-", "GB", "invalid-number", "no digits"),
    ("07911 12345", "GB", "invalid-number", "numbering plan of GB"),
    ("0791112345678", "GB", "invalid-number", "too long for GB"),
    ("80011", "GB", "invalid-number", "too short"),
    ("999", "GB", "invalid-number", "too short"),
    ("+999 1234567", "GB", "invalid-number", "no country"),
    ("07911 123456", None, "invalid-number", "set the region"),
    ("447911123456", None, "invalid-number", "with + in front it would be a number of GG"),
    ("33612345678", "GB", "invalid-number", "with + in front it would be a number of FR"),
    ("+55 11 8765-4321", None, "invalid-number", "put a 9 before"),
    ("07700 900123", "GB", "invalid-number", "fiction"),
    ("+44 (0)20 7946 0018", None, "invalid-number", "fiction"),
    ("+1 212 555 0123", None, "invalid-number", "fiction"),
    ("0121 234 5678", "GB", "not-mobile", "fixed line"),
    ("0800 123 4567", "GB", "not-mobile", "toll-free"),
    ("0901 234 5678", "GB", "not-mobile", "premium"),
    ("070 1234 5678", "GB", "not-mobile", "personal"),
    ("0764 012 3456", "GB", "not-mobile", "pager"),
    ("055 1234 5678", "GB", "not-mobile", "company"),
    ("056 1234 5678", "GB", "not-mobile", "VoIP"),
    ("+39 06 1234 5678", None, "not-mobile", "fixed line"),
    ("+54 11 2345 6789", None, "not-mobile", "9 after +54"),
    ("x" * 5_000_000, "GB", "invalid-number", "too long"),
    (" " * 5_000_000, "GB", "missing-number", None),
    ("07911123456," * 1000, "GB", "ambiguous-number", None),
]


@pytest.mark.parametrize(("cell", "region", "reason", "words"), BAD, ids=[repr(case[0][:30]) for case in BAD])
def test_what_cannot_receive_a_message_is_refused_for_the_right_reason(cell, region, reason, words):
    """Refused rather than guessed; the detail helps, and never holds the number."""
    result = normalise(cell, PhonePolicy(region))
    assert (result.number, result.reason) == (None, reason)
    assert words is None or words in (result.detail or "")
    digits = "".join(filter(str.isdigit, cell))
    assert len(digits) < 5 or digits[-5:] not in (result.detail or "")


def test_the_country_is_the_islands_own_where_numbers_share_a_calling_code():
    """Guernsey and the Isle of Man share +44; Canada shares +1."""
    countries = [
        normalise(cell, GB).country
        for cell in ("07911 123456", "07624 123456", "07400 123456", "+1 416 555 2671")
    ]
    assert countries == ["GG", "IM", "GB", "CA"]


def test_american_mobiles_are_accepted_though_nobody_can_tell_them_from_fixed_lines():
    assert normalise("+1 202 456 1111", GB).type == "fixed-line-or-mobile"


def test_numbers_of_drama_are_accepted_where_they_are_allowed():
    """A British drama mobile stands in no plan, so its type is told here; a drama landline stays a landline."""
    allowed = PhonePolicy("GB", allow_fictional=True)
    mobile, american, fixed = (
        normalise(cell, allowed) for cell in ("07700 900999", "+12125550123", "020 7946 0018")
    )
    assert (mobile.number, mobile.type, mobile.country) == ("+447700900999", "mobile", "GB")
    assert american.number == "+12125550123"
    assert (fixed.number, fixed.reason) == (None, "not-mobile")


def test_only_the_reserved_ranges_are_fiction():
    """555-0200 and 07701 are ordinary numbers."""
    assert normalise("+1 212 555 0200", GB).detail != normalise("+1 212 555 0199", GB).detail
    assert normalise("07701 900123", GB).number == "+447701900123"


def test_fixed_lines_and_voip_are_accepted_where_they_are_allowed_but_never_personal_numbers():
    allowed = PhonePolicy("GB", allow_fixed_line=True)
    cells = ("0121 234 5678", "056 1234 5678", "070 1234 5678", "0800 123 4567")
    assert [normalise(cell, allowed).number for cell in cells] == [
        "+441212345678",
        "+445612345678",
        None,
        None,
    ]


def test_a_refused_type_still_tells_type_and_country():
    result = normalise("0800 123 4567", GB)
    assert (result.type, result.country) == ("toll-free", "GB")


def test_a_region_is_checked_once_and_for_all():
    """`UK` is what people type; the code is GB."""
    assert PhonePolicy(" gb ").region == "GB"
    with pytest.raises(InvalidInput, match="did you mean GB"):
        PhonePolicy("UK")
