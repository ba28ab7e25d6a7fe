"""What ``a2pcli templates`` and ``a2pcli contacts reach`` print with ``--json``."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Moment, says


class TemplatesSynced(TypedDict):
    """``a2pcli templates sync``."""

    gateway: str
    file: str
    templates: Annotated[int, says("templates that the account has; one for each language")]
    added: Annotated[list[str], says("templates that the file did not have, as `name (language)`")]
    changed: list[str]
    removed: list[str]
    unusable: Annotated[
        list[str],
        says("templates that cannot be sent now, each with its status or what a campaign cannot fill in"),
    ]


class TemplateOfAccount(TypedDict):
    """A template of a WhatsApp account, in one language."""

    name: str
    language: str
    category: Annotated[str, says("marketing, utility or authentication")]
    status: str
    header: Annotated[str | None, says("text, image, video, document or location")]
    placeholders: Annotated[list[str], says("placeholders of the body: their names, or numbers")]
    text: Annotated[str, says("header, body and footer as a person reads them")]
    buttons: list[str]


class TemplatesOfGateway(TypedDict):
    """The templates in one file."""

    gateway: str
    file: str
    fetched: Moment | None
    templates: list[TemplateOfAccount]


class Templates(TypedDict):
    """``a2pcli templates list``."""

    files: list[TemplatesOfGateway]


class ReachedBy(TypedDict):
    """What one gateway said."""

    gateway: str
    known: Annotated[int, says("recipients asked about within the last day, and not again")]
    reachable: int
    unreachable: int
    untold: Annotated[int, says("numbers of which the provider does not say")]


class Reached(TypedDict):
    """``a2pcli contacts reach``."""

    gateway: Annotated[str, says("the first gateway that was asked")]
    numbers: Annotated[int, says("recipients of the campaign")]
    known: Annotated[int, says("of them asked about within the last day, and not again by any gateway")]
    reachable: Annotated[int, says("numbers that at least one gateway reaches")]
    unreachable: Annotated[int, says("numbers that none of the gateways reaches")]
    untold: Annotated[int, says("the other numbers")]
    gateways: Annotated[list[ReachedBy], says("each gateway that was asked")]
    cannot_tell: Annotated[list[str], says("gateways of the route that cannot be asked")]
