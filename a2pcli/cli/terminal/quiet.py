"""Nothing that a library says on its own reaches the screen: its words may hold a host, a value, a password."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import Any

LIBRARIES = (
    "sqlalchemy",
    "psycopg",
    "filelock",
    "asyncio",
    "concurrent.futures",
    "urllib3",
    "openpyxl",
    "uvicorn",
)
"""Their loggers; what is worth knowing of it, a2pcli says itself."""


def quieten() -> None:
    """Keep libraries' warnings, logs and errors of threads and finalizers off the screen, unless A2PCLI_DEBUG is set.

    Loggers are looked at when they speak, which is why this costs no import of ``logging``.
    """
    if os.environ.get("A2PCLI_DEBUG"):
        return
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = lambda _: None
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_ended


def quieten_loggers() -> None:
    """The same for logs, once something that logs is imported; what a2pcli logs itself is told as a note is."""
    if os.environ.get("A2PCLI_DEBUG"):
        return
    import logging

    for name in LIBRARIES:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
            logger.propagate = False

    class NoteHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            from a2pcli.cli.terminal.output import note

            note(self.format(record))

    ours = logging.getLogger("a2pcli")
    if not ours.handlers:
        ours.addHandler(NoteHandler(logging.WARNING))


def _thread_ended(ended: Any) -> None:
    """A thread of ours that ends by an error that nobody expected: its kind and place are told, not its words."""
    if ended.exc_value is None or isinstance(ended.exc_value, SystemExit):
        return
    from a2pcli.cli.terminal.defects import tell_defect

    tell_defect(ended.exc_value)
