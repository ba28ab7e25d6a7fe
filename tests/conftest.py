"""Fixtures for every test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "cli"))

from clikit import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty folder to run commands in."""
    return Project(tmp_path)
