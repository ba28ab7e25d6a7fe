"""A file has one subject, and is short enough to read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 400
"""Lines of a Python file at most; a longer one is split by subject (CONTRIBUTING.md)."""


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    files = [
        path for folder in ("a2pcli", "tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files}
    assert len(lengths) > 500
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
