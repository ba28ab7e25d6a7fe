"""What ``check`` says of the files of an MMS: kinds and sizes that not every phone takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from a2pcli.config.load import LoadedCampaign
from a2pcli.content.mms import doubtful_files
from a2pcli.errors import Problem, Severity
from a2pcli.frame import Frame
from a2pcli.message_content import content_of


def file_problems(loaded: LoadedCampaign, texts: Any, frame: Frame | None) -> Iterator[Problem]:
    """Yield each warning once, placed at the block's files."""
    told: set[str] = set()
    line, column = loaded.document.place(("mms", "media"), of="key")
    for content in frame["@content"].to_pylist() if frame is not None else ():
        for _, message, hint in doubtful_files((content_of(content) or {}).get("media") or ()):
            if message not in told:
                told.add(message)
                yield Problem(message, loaded.document.path, line, column, hint, Severity.WARNING, "media")
