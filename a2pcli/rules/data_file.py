"""Reads the tables in ``data``: YAML whose values are all text, so that ``NO`` is Norway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "data"


def read_data(path: Path) -> Any:
    """What a YAML file holds: mappings, lists and texts."""
    import yaml

    # The C parser reads it in a tenth of the time; a build of PyYAML without it has only the other.
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return yaml.load(path.read_text("utf-8"), Loader=loader)
