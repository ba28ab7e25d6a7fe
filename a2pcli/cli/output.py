"""What every command prints through: results on stdout, talk on stderr, JSON as one document.

``rich`` is imported only when something is shown as more than plain text.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

JSON_HELP = "Print one JSON document on stdout, nothing else there."


def print_json(document: Any) -> None:
    """The one JSON document a command prints with ``--json``."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def stdout_console() -> Console:
    """For results. Respects NO_COLOR, a pipe and the terminal's width; never reads text as markup."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False)


def stderr_console() -> Console:
    """For progress and talk."""
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def say(text: str) -> None:
    """One plain line on stderr."""
    print(text, file=sys.stderr)
