"""Email addresses: what is repaired, what is refused, and that a column says what each cell says alone."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.addresses.columns import any_column, keys_of, read_column
from a2pcli.addresses.email import read_email
from a2pcli.addresses.email_columns import read_emails
from a2pcli.addresses.kinds import LEAST_HASH, Kind, kind_of, masked
from a2pcli.addresses.phone.numbers import PhonePolicy


@pytest.mark.parametrize(
    ("cell", "address", "spelling", "repairs"),
    [
        ("anna@example.com", "anna@example.com", None, ()),
        ("Anna.Smith@Example.COM", "anna.smith@example.com", "Anna.Smith@example.com", ()),
        ("anna+shop@example.com", "anna+shop@example.com", None, ()),
        ("o'hara@example.com", "o'hara@example.com", None, ()),
        ("  anna@example.com ;", "anna@example.com", None, ()),
        ("\ufeffanna@example.com\u200b", "anna@example.com", None, ()),
        ("anna＠example.com", "anna@example.com", None, ()),
        ("anna@example.com.", "anna@example.com", None, ("full-stop-dropped",)),
        ("mailto:anna@example.com?subject=Hi", "anna@example.com", None, ("scheme-dropped",)),
        ("mailto:anna%2Bshop@example.com", "anna+shop@example.com", None, ("scheme-dropped",)),
        ('="anna@example.com"', "anna@example.com", None, ("formula-unwrapped",)),
        ('=HYPERLINK("mailto:anna@example.com","Mail")', "anna@example.com", None, ("formula-unwrapped",)),
        ("'anna@example.com'", "anna@example.com", None, ("quotes-dropped",)),
        ("Anna <anna@example.com>", "anna@example.com", None, ("display-name-dropped",)),
        ('"Smith, Anna" <anna@example.com>', "anna@example.com", None, ("display-name-dropped",)),
        ("anna@example.com <anna@example.com>", "anna@example.com", None, ("display-name-dropped",)),
        ("anna@example.com; ANNA@example.com", "anna@example.com", None, ("repeated-dropped",)),
        ("a@münchen.de, a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de", None, ("repeated-dropped",)),
        ("emil@MÜNCHEN.de", "emil@xn--mnchen-3ya.de", None, ()),
        ("emil@xn--mnchen-3ya.de", "emil@xn--mnchen-3ya.de", None, ()),
        ("a@例え。jp", "a@xn--r8jz45g.jp", None, ()),
        ("ünï@example.com", "ünï@example.com", None, ()),
    ],
)
def test_an_address_is_read_however_people_write_it(cell, address, spelling, repairs):
    found = read_email(cell)
    assert (found.address, found.spelling, found.repairs, found.reason) == (address, spelling, repairs, None)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "missing-address"),
        (" \t\u200b", "missing-address"),
        ("n/a", "invalid-address"),
        ("anna", "invalid-address"),
        ("anna@", "invalid-address"),
        ("@anna", "invalid-address"),
        ("anna@localhost", "invalid-address"),
        ("anna@example", "invalid-address"),
        ("anna@example..com", "invalid-address"),
        (".anna@example.com", "invalid-address"),
        ("anna@-example.com", "invalid-address"),
        ("anna@[192.0.2.1]", "invalid-address"),
        ("anna@192.0.2.1", "invalid-address"),
        ("anna@gmail,com", "invalid-address"),
        ("john smith@example.com", "invalid-address"),
        ("anna@exa mple.com", "invalid-address"),
        ("anna (at) example.com", "invalid-address"),
        ("anna@example.com (work)", "invalid-address"),
        ('"anna smith"@example.com', "invalid-address"),
        ("anna@shop.test", "invalid-address"),
        ("#N/A", "invalid-address"),
        ("+447911123456", "invalid-address"),
        ("a" * 65 + "@example.com", "invalid-address"),
        ("anna@" + "a" * 64 + ".com", "invalid-address"),
        ("anna@" + ".".join(["a" * 60] * 5) + ".com", "invalid-address"),
        ("a" * 2_000, "invalid-address"),
        ("anna@example.com; ben@example.com", "ambiguous-address"),
        ("anna@example.com/ben@example.com", "ambiguous-address"),
        ("ben@example.com <anna@example.com>", "ambiguous-address"),
    ],
)
def test_what_is_not_plainly_one_persons_address_is_refused(cell, reason):
    found = read_email(cell)
    assert (found.address, str(found.reason)) == (None, reason)


def test_domains_for_tests_are_accepted_where_fictional_numbers_are():
    assert read_email("anna@shop.test", allow_test=True).address == "anna@shop.test"
    policy = PhonePolicy(allow_fictional=True)
    assert read_column(pa.array(["anna@shop.test"]), Kind.EMAIL, policy)["@address"].to_pylist() == [
        "anna@shop.test"
    ]


LOCALS = st.one_of(
    st.sampled_from(
        ["anna", "Anna", "a.b", "a..b", ".a", "a.", "a+b", "o'hara", "ünï", "a b", "", "x" * 64, "x" * 65]
    ),
    st.text(st.sampled_from("abzAZ09._+-'!#%&/=?~ü ß\"(),:;<>@[\\]\u0301"), max_size=12),
)
DOMAINS = st.one_of(
    st.sampled_from(
        [
         "example.com", "EXAMPLE.com", "münchen.de", "xn--mnchen-3ya.de", "xn--zz.de", "localhost",
         "a.test", "b.invalid", "a-b.co", "-a.co", "a-.co", "a.b-", "ab--cd.com", "1.2.3.4", "a.c0m",
         "例え.jp", "a_b.com", "x" * 63 + ".de", "x" * 64 + ".de", ".".join(["x" * 49] * 5) + ".de",
         "ß.de", "a..b", "com", "b.arpa", "ﬁ.de", "a.İ.com"
        ]
    ),
    st.text(st.sampled_from("abzAZ09.-_ü例\u200d。"), max_size=14),
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(LOCALS, DOMAINS)
def test_an_address_is_good_exactly_where_the_library_says_so(local, domain):
    text = f"{local}@{domain}"
    try:
        judged = validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        judged = None
    found = read_email(text)
    if judged is None:
        # Repairs make more cells good; what they leave is good for the library too.
        assert (
            found.address is None
            or found.repairs
            or text != text.strip(' ,;:|\u200d<>"')
            or not text.isprintable()
        )
        if found.address is not None:
            validate_email(found.address, check_deliverability=False, strict=True)
        return
    if found.address is None:  # what may be two addresses, or a name beside one, is not guessed
        assert set(text) & set("\"(),;<>[\\]/' ")
        return
    if found.repairs:
        return
    local_part = unicodedata.normalize("NFC", judged.local_part.lower())
    assert found.address == f"{local_part}@{judged.ascii_domain}"


CELLS = st.one_of(
    st.builds("{}@{}".format, LOCALS, DOMAINS),
    st.sampled_from(["", "n/a", "Anna <a@b.co>", "a@b.co; c@b.co", "mailto:a@b.co", '="a@b.co"', "+447911123456"]),
    st.text(max_size=10),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.none(), CELLS), max_size=12),
    st.booleans(),
)
def test_a_column_gets_the_verdicts_that_each_cell_gets_alone(cells, allow_test):
    at_once = read_emails(pa.array(cells, pa.string()), allow_test=allow_test)
    alone = [read_email(cell or "", allow_test=allow_test) for cell in cells]
    assert at_once["@address"].to_pylist() == [one.address for one in alone]
    assert at_once["@spelling"].to_pylist() == [one.spelling for one in alone]
    assert at_once["@reason"].to_pylist() == [one.reason for one in alone]
    assert at_once["@detail"].to_pylist() == [one.detail for one in alone]
    assert at_once["@repairs"].to_pylist() == [",".join(one.repairs) or None for one in alone]


def test_a_slice_of_a_column_is_a_column():
    cells = pa.array(["x", "Anna@example.com", None, "ben@münchen.de", "y@y.co"])
    found = read_emails(cells.slice(1, 3))
    assert found["@address"].to_pylist() == ["anna@example.com", None, "ben@xn--mnchen-3ya.de"]
    assert found["@spelling"].to_pylist() == ["Anna@example.com", None, None]


def test_a_persons_key_is_the_numbers_digits_or_a_hash_above_every_number():
    addresses = pa.array(
        ["+447911123456", None, "anna@example.com", "telegram:@anna", "+5491166773399", "+541166773399"]
    )
    phone, nobody, email, handle, new, old = keys_of(addresses).tolist()
    assert (phone, nobody) == (447911123456, -1)
    assert new == old
    assert min(email, handle) >= LEAST_HASH > 10**15 - 1
    assert email != handle
    assert keys_of(pa.array(["anna@example.com"])).tolist() == [email]


@given(st.lists(st.sampled_from(["+447911123456", "a@b.co", "telegram:1", None, "12345"]), max_size=8))
def test_a_key_depends_on_its_address_alone(addresses):
    alone = [keys_of(pa.array([one], pa.string())).tolist()[0] for one in addresses]
    assert keys_of(pa.array(addresses, pa.string())).tolist() == alone


def test_any_address_of_a_list_is_read_by_what_it_looks_like():
    cells = pa.array(
        ["Anna@Example.com", "07911 123456", "telegram:@anna_s", "https://t.me/anna_s", "@anna_s", ""]
    )
    found = any_column(cells, None, "GB")
    assert found["@address"].to_pylist() == [
        "anna@example.com", "+447911123456", "telegram:@anna_s", "telegram:@anna_s", None, None,
    ]  # fmt: skip
    assert found["@reason"].to_pylist()[4:] == ["invalid-address", "missing-number"]


@pytest.mark.parametrize(
    ("address", "kind", "mask"),
    [
        ("+447911123456", Kind.PHONE, "+4479…56"),
        ("80800", Kind.PHONE, "80…"),
        ("anna@example.com", Kind.EMAIL, "a…@example.com"),
        ("telegram:@anna", Kind.HANDLE, "telegram:@a…"),
        ("messenger:4711", Kind.HANDLE, "messenger:4…"),
    ],
)
def test_an_address_tells_its_kind_and_is_masked_in_logs(address, kind, mask):
    assert (kind_of(address), masked(address)) == (kind, mask)
