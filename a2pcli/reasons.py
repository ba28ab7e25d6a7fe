"""Reason codes: why a row does not get a message. One enum, one sentence each.

The codes are part of the interface (``--json``, reports, ``explain``); they never change meaning.
"""

from enum import StrEnum

CONTACTS_FILE = "contacts-file"
"""The rule named where it is the contacts file itself that says no."""


class Reason(StrEnum):
    """Why a row was excluded from a plan, or a planned message was not sent."""

    RAGGED_ROW = "ragged-row"
    HIDDEN_ROW = "hidden-row"
    MISSING_NUMBER = "missing-number"
    INVALID_NUMBER = "invalid-number"
    AMBIGUOUS_NUMBER = "ambiguous-number"
    DAMAGED_NUMBER = "damaged-number"
    HAS_EXTENSION = "has-extension"
    MISSING_ADDRESS = "missing-address"
    INVALID_ADDRESS = "invalid-address"
    AMBIGUOUS_ADDRESS = "ambiguous-address"
    NOT_MOBILE = "not-mobile"
    OWN_SENDER = "own-sender"
    COUNTRY_NOT_ALLOWED = "country-not-allowed"
    FILTERED = "filtered"
    EXCLUDED_LIST = "excluded-list"
    EXCLUDED_RUN = "excluded-run"
    NOT_VERIFIED = "not-verified"
    HOLDOUT = "holdout"
    OPTED_OUT = "opted-out"
    ERASED = "erased"
    NO_CONSENT = "no-consent"
    UNCLEAR_CONSENT = "unclear-consent"
    MISSING_VALUE = "missing-value"
    TEMPLATE_ERROR = "template-error"
    EMPTY_MESSAGE = "empty-message"
    INVALID_TEXT = "invalid-text"
    TOO_LONG = "too-long"
    OUTSIDE_WINDOW = "outside-window"
    NOT_REACHABLE = "not-reachable"
    UNPRICED = "unpriced"
    DUPLICATE = "duplicate"
    ALREADY_SENT = "already-sent"
    OVER_LIMIT = "over-limit"
    NO_SENDER = "no-sender"
    NO_GATEWAY = "no-gateway"
    COPY_RULE = "copy-rule"
    CAPPED = "capped"
    QUIET_HOURS = "quiet-hours"
    UNKNOWN_ZONE = "unknown-zone"
    QUOTA = "quota"
    EXPIRED = "expired"
    COUNTRY_REFUSED = "country-refused"
    CANCELLED = "cancelled"


SENTENCES: dict[Reason, str] = {
    Reason.RAGGED_ROW: "the row has more or fewer cells than the header",
    Reason.HIDDEN_ROW: "the row is hidden in the sheet, and the campaign excludes hidden rows",
    Reason.MISSING_NUMBER: "the number cell is empty",
    Reason.INVALID_NUMBER: "not a valid phone number",
    Reason.AMBIGUOUS_NUMBER: "the cell holds more than one number",
    Reason.DAMAGED_NUMBER: "a spreadsheet destroyed digits of the number; they cannot be recovered",
    Reason.HAS_EXTENSION: "the number has an extension, which cannot receive messages",
    Reason.MISSING_ADDRESS: "the address cell is empty",
    Reason.INVALID_ADDRESS: "not a valid address",
    Reason.AMBIGUOUS_ADDRESS: "the cell holds more than one address",
    Reason.NOT_MOBILE: "the number's type cannot receive text messages",
    Reason.OWN_SENDER: "the number is one of your own senders",
    Reason.COUNTRY_NOT_ALLOWED: "the campaign is not for people of this country",
    Reason.FILTERED: "the campaign's where: does not select this row",
    Reason.EXCLUDED_LIST: "the number or address is in the campaign's exclude list",
    Reason.EXCLUDED_RUN: "the person got a message in a run that the campaign excludes",
    Reason.NOT_VERIFIED: "nobody entered a code sent to this address within the campaign's verified: period",
    Reason.HOLDOUT: "in the control group, which gets no message",
    Reason.OPTED_OUT: "on the suppression list, or the contacts file says no",
    Reason.ERASED: "the person's data was erased before the message was sent",
    Reason.NO_CONSENT: "consent was refused, withdrawn, has expired, or is not on record for this programme and"
    " channel",
    Reason.UNCLEAR_CONSENT: "the contacts file's answer about consent is neither yes nor no",
    Reason.MISSING_VALUE: "a value that the message needs is empty, and the template has no default",
    Reason.TEMPLATE_ERROR: "the template, or where:, failed on this row's values",
    Reason.EMPTY_MESSAGE: "the message is empty",
    Reason.INVALID_TEXT: "the message contains characters that cannot be encoded",
    Reason.TOO_LONG: "the message is longer than the limit allows",
    Reason.OUTSIDE_WINDOW: "the channel takes a free text only within 24 hours after the person wrote",
    Reason.NOT_REACHABLE: "the provider says that the channel does not reach this person",
    Reason.UNPRICED: "no price is known for this destination, and the campaign excludes unpriced messages",
    Reason.DUPLICATE: "duplicate of an earlier row with the same number or address",
    Reason.ALREADY_SENT: "already messaged by an earlier run of this campaign",
    Reason.OVER_LIMIT: "over --limit",
    Reason.NO_SENDER: "no sender of the campaign may send to this country",
    Reason.NO_GATEWAY: "no gateway of the campaign's route sends to this country",
    Reason.COPY_RULE: "the message breaks a copy rule that applies to every message",
    Reason.CAPPED: "the person has reached a frequency cap",
    Reason.QUIET_HOURS: "held: outside the hours in which the person may be messaged",
    Reason.UNKNOWN_ZONE: "held: the person's time zone is unknown",
    Reason.QUOTA: "held: the quota of the gateway or the sender is used up",
    Reason.EXPIRED: "the campaign expired before the message could be sent",
    Reason.COUNTRY_REFUSED: "the gateway's account may not send to this country",
    Reason.CANCELLED: "the run was cancelled",
}

NO_ADDRESS: tuple[Reason, ...] = (Reason.MISSING_NUMBER, Reason.MISSING_ADDRESS)
"""Of rows whose address cell is empty."""

OF_THE_ADDRESS: tuple[Reason, ...] = (
    *NO_ADDRESS,
    Reason.INVALID_NUMBER,
    Reason.AMBIGUOUS_NUMBER,
    Reason.DAMAGED_NUMBER,
    Reason.HAS_EXTENSION,
    Reason.NOT_MOBILE,
    Reason.INVALID_ADDRESS,
    Reason.AMBIGUOUS_ADDRESS,
)
"""Reasons that the address cell gives: those that say number are of phone numbers, the others of any other kind."""

TO_MEND: frozenset[Reason] = frozenset(
    {
        Reason.RAGGED_ROW,
        *OF_THE_ADDRESS,
        Reason.MISSING_VALUE,
        Reason.TEMPLATE_ERROR,
        Reason.EMPTY_MESSAGE,
        Reason.INVALID_TEXT,
        Reason.TOO_LONG,
        Reason.NO_SENDER,
        Reason.NO_GATEWAY,
        Reason.COPY_RULE,
    }
)
"""Rows that the campaign meant to message and cannot as they are: the file, the text or the senders need mending.
The other reasons are decisions (opted out, filtered, already sent, ...): with them a campaign is done."""
