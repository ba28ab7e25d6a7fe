"""What ``a2pcli otp`` prints with ``--json``."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Moment, says


class CodeSent(TypedDict):
    """``a2pcli otp send``."""

    sent: bool
    certain: Annotated[bool, says("false if the gateway's answer was lost: the person may have the code")]
    id: str | None
    expires_at: Moment | None
    next_at: Annotated[Moment | None, says("when another code may be asked for, if that is known")]
    attempts_left: int
    reason: Annotated[str | None, says("why no code was sent")]


class CodeEntered(TypedDict):
    """``a2pcli otp verify``."""

    verified: bool
    result: Annotated[str, says("verified, wrong, expired, void, used or none (no code was sent)")]
    attempts_left: int
