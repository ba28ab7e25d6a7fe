"""The ``whatsapp:`` block of a campaign: an approved template with its values, and a free text for the service
window."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from a2pcli.config.blocks import Block, Template, TemplateOfBlock

Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-zA-Z0-9_]{1,512}$")]
Language = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z]{2,3}(_[A-Z]{2,3})?$")]
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?", re.ASCII)


def _language(text: str) -> str:
    """One language, or a template that gives each person's. Raises ``ValueError`` (sentence, hint)."""
    if "{" in text:
        return TemplateOfBlock(text)
    if not _LANGUAGE.fullmatch(text):
        raise ValueError(f"'{text}' is not a language", "like en, en_US or '{{ language }}'")
    return text


EachLanguage = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_language)
]
FileName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class TemplateHeader(Block):
    """What is filled into the header of a template: the value of its text, or a file."""

    text: Template | None = Field(None, description="Template of the value of its placeholder")
    image: Template | None = Field(None, description="Template of the URL of a picture (JPEG, PNG)")
    video: Template | None = Field(None, description="Template of the URL of a video (MP4)")
    document: Template | None = Field(None, description="Template of the URL of a document")
    filename: Template | None = Field(None, description="Template of the name of the document")


class ApprovedTemplate(Block):
    """A template of the account, and what is filled into it."""

    name: Name = Field(description="Its name in WhatsApp Manager")
    language: EachLanguage = Field(
        description="Its language, e.g. `en` or `en_US`; or a template that gives each person's, e.g. `{{ language }}`"
    )
    fallback_language: Language | None = Field(
        None,
        description="The language for people in whose own the template is not approved; without it they are excluded",
    )
    header: TemplateHeader | None = Field(None, description="What is filled into its header")
    body: list[Template] | dict[str, Template] = Field(
        default_factory=list,
        description="The values of its placeholders: a list for `{{1}}`, `{{2}}`, …, else by their names",
    )
    buttons: list[Template] | dict[str, Template] = Field(
        default_factory=list,
        description="The values of its buttons: the end of a link, a code to copy, what a reply sends back; a list in"
        " the order of the buttons that need one, else by what the buttons say",
    )


class ReplyButton(Block):
    """A button below a free text: a reply, or a link."""

    text: Template = Field(description="Template of what the button says, at most 20 characters")
    url: Template | None = Field(
        None, description="Template of the URL that it opens; without one it is a reply"
    )


class WhatsApp(Block):
    """What a WhatsApp message is made of."""

    template: ApprovedTemplate | None = Field(
        None,
        description="An approved template: needed for everybody who did not write within the last 24 hours",
    )
    templates: FileName | None = Field(
        None,
        description="The file with the account's templates, relative to the campaign. Default:"
        " `templates.GATEWAY.yaml` beside the campaign or the settings",
    )
    text: Template | None = Field(
        None,
        description="Template of a free text, for those who wrote within the last 24 hours; instead of `message`",
    )
    image: Template | None = Field(None, description="Template of the URL of a picture above the free text")
    buttons: list[ReplyButton] = Field(
        default_factory=list, description="Below the free text: one link, or up to 3 replies"
    )
