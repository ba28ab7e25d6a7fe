"""Judge phone numbers: E.164, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import phonenumbers
import pyarrow as pa

from a2pcli.reasons import Reason

TEXT = pd.ArrowDtype(pa.string())


@dataclass(frozen=True, slots=True)
class PhonePolicy:
    """Which numbers are accepted. `region`: of numbers without +."""

    region: str | None = None
    allow_fictional: bool = False
    allow_fixed_line: bool = False


@dataclass(frozen=True, slots=True)
class PhoneResult:
    """A cell judged: `number` (E.164) or `reason` is None."""

    number: str | None
    type: str | None
    country: str | None
    reason: Reason | None
    detail: str | None = None
    repairs: tuple[str, ...] = ()


def normalise(cell: str, policy: PhonePolicy) -> PhoneResult:
    """FIRST VERSION: what phonenumbers says."""
    if not cell.strip():
        return PhoneResult(None, None, None, Reason.MISSING_NUMBER)
    try:
        number = phonenumbers.parse(cell, policy.region)
    except phonenumbers.NumberParseException as error:
        return PhoneResult(None, None, None, Reason.INVALID_NUMBER, str(error))
    if not phonenumbers.is_valid_number(number):
        return PhoneResult(None, None, None, Reason.INVALID_NUMBER)
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(number)).lower().replace("_", "-")
    country = phonenumbers.region_code_for_number(number)
    if kind not in ("mobile", "fixed-line-or-mobile"):
        return PhoneResult(None, kind, country, Reason.NOT_MOBILE)
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return PhoneResult(text, kind, country, None)


def normalise_column(cells: pa.Array | pa.ChunkedArray | pd.Series, policy: PhonePolicy) -> pd.DataFrame:
    """`normalise` over a column: @number @type @country @repairs @reason @detail as Arrow strings."""
    index = cells.index if isinstance(cells, pd.Series) else None
    values = cells.tolist() if isinstance(cells, pd.Series) else cells.to_pylist()
    results = [normalise(cell or "", policy) for cell in values]
    columns = {
        "@number": [r.number for r in results],
        "@type": [r.type for r in results],
        "@country": [r.country for r in results],
        "@repairs": [",".join(r.repairs) or None for r in results],
        "@reason": [r.reason and r.reason.value for r in results],
        "@detail": [r.detail for r in results],
    }
    return pd.DataFrame({name: pd.array(column, dtype=TEXT) for name, column in columns.items()}, index=index)
