"""The ``email:`` block of a campaign: what an email has besides its text."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Template = Annotated[
    str,
    StringConstraints(min_length=1),
    BeforeValidator(lambda value: value.rstrip() if isinstance(value, str) else value),
]

_ALLOWED = re.compile(
    r"X-[A-Za-z0-9-]{1,60}|Feedback-ID|List-ID|Precedence|Auto-Submitted|Importance|Priority|Organization|Keywords"
    r"|In-Reply-To|References|Content-Language",
    re.IGNORECASE,
)
"""Header fields that a campaign may set: the others are made here or by the relay, or say who it is from and to."""


def _header(name: str) -> str:
    if _ALLOWED.fullmatch(name):
        return name
    raise ValueError(
        f"the header '{name[:60]}' cannot be set here",
        "allowed are X-…, Feedback-ID, List-ID, Precedence, Auto-Submitted, Importance, Priority, Organization,"
        " Keywords, In-Reply-To, References and Content-Language",
    )


def is_file_name(html: str) -> bool:
    """Whether ``html:`` names a file: one line without a tag."""
    typed = html.strip()
    return "\n" not in typed and "<" not in typed and "{" not in typed


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Unsubscribe(_Strict):
    """How mail programs let people leave (``List-Unsubscribe``)."""

    url: Template | None = Field(
        None,
        description="Template of an https URL that unsubscribes the person by a POST request, without another question"
        " (RFC 8058)",
    )
    mailto: Template | None = Field(
        None, description="Template of an address that unsubscribes whoever writes to it"
    )


class Email(_Strict):
    """What an email has besides its text."""

    subject: Template = Field(description="Template of the subject line")
    text: Template | None = Field(
        None, description="Template of the plain text, instead of `message`, e.g. beside an SMS text"
    )
    html: Template | None = Field(
        None,
        description="HTML file, relative to the campaign, or the HTML itself: a Jinja template that escapes values."
        " Styles are written into its elements. Without `message`, the plain text is made of it",
    )
    preheader: Template | None = Field(
        None, description="Template of the text that inboxes show after the subject; needs `html`"
    )
    reply_to: Template | None = Field(None, description="Template of the address that replies go to")
    unsubscribe: Unsubscribe | None = Field(
        None, description="One-click unsubscription in mail programs; large mailbox providers require it"
    )
    attachments: list[Text] = Field(
        default_factory=list, description="Files attached to every email, relative to the campaign"
    )
    headers: dict[Annotated[str, AfterValidator(_header)], Template] = Field(
        default_factory=dict,
        description="More header fields, e.g. `X-Campaign: spring`; values are templates",
    )
