"""The kinds of values that keys of our files have, and what all models of these files share.

Apart from the campaign's own models, which cost a small command more to build than all that it does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from a2pcli import channels
from a2pcli.config import hours, values

Purpose = Literal["marketing", "transactional", "otp", "emergency"]
if TYPE_CHECKING:
    Channel = str
else:  # one list of channels, in their table
    Channel = Literal[channels.OFFERED]

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
# Lower case, so that an opt-out from "News" keeps the programme "news" away.
ProgrammeName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, to_lower=True)]
# A template keeps its leading white space, so that a place in it is a place in the file.
Template = Annotated[
    str,
    StringConstraints(min_length=1),
    BeforeValidator(lambda value: value.rstrip() if isinstance(value, str) else value),
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


def typed(parse: Any) -> BeforeValidator:
    """A notation of ``values``: checked, and kept in its normal spelling where ``parse`` gives a string."""

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        meant = parse(value)
        return meant if isinstance(meant, (str, bool, datetime)) else value

    return BeforeValidator(check)


def like(pattern: str, *types: str) -> WithJsonSchema:
    """What editors check; the loader knows more (whether the zone exists, the day is in the calendar)."""
    return WithJsonSchema({"type": list(types or ["string"]), "pattern": pattern})


Region = Annotated[str, typed(values.parse_region), like(r"^\s*[A-Za-z]{2}\s*$")]
LocaleName = Annotated[str, typed(values.parse_locale), like(r"^\s*[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*\s*$")]
Moment = Annotated[
    datetime,
    typed(values.parse_moment),
    like(r"^\s*\d{4}-\d\d-\d\d[Tt ]\d\d?:\d\d(:\d\d)?\s*([Zz]|[+-]\d\d:?\d\d)?\s*$"),
]
Zone = Annotated[str, typed(values.parse_zone), like(r"^\s*[A-Za-z0-9_+/ -]+\s*$")]
ScheduleZone = Annotated[str, typed(values.parse_schedule_zone), like(r"^\s*[A-Za-z0-9_+/ -]+\s*$")]
Hours = Annotated[str, typed(hours.parse_spans), like(r"^\s*\d\d?:\d\d.*\d\d?:\d\d.*$")]
Days = Annotated[str, typed(hours.parse_days), like(r"^\s*[A-Za-z][A-Za-z ,-]*$")]
Pace = Annotated[
    str,
    typed(values.parse_rate),
    like(r"^\s*\d+(\.\d+)?\s*([A-Za-z]+\s*)?(/|[Pp][Ee][Rr])\s*[A-Za-z]+\s*$"),
]
Share = Annotated[str, typed(values.parse_share), like(r"^\s*\d?\d(\.\d+)?\s*%\s*$")]
Money = Annotated[
    str,
    typed(values.parse_money),
    like(r"^\s*(\d+(\.\d+)?\s*[A-Za-z]{3}|[A-Za-z]{3}\s*\d+(\.\d+)?)\s*$"),
]
MediaUrl = Annotated[str, typed(values.parse_media_url), like(r"^\s*https?://[^\s/]\S*\s*$")]
Encoding = Annotated[str, typed(values.parse_encoding)]
Delimiter = Annotated[str, typed(values.parse_delimiter)]
YesNo = Annotated[bool, typed(values.parse_yes_no)]


class Strict(BaseModel):
    """Unknown keys are errors; values are frozen once read."""

    # Most models are read only as parts of another: a validator of their own would be made for nothing.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def in_utc(moment: datetime | None, zone: str, *, fold: Literal[0, 1]) -> datetime | None:
    """The moment in UTC; one without an offset is read in the zone."""
    if moment is None or moment.tzinfo is not None:
        return moment.astimezone(UTC) if moment else None
    from a2pcli.timezones import ZoneInfo

    return moment.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
