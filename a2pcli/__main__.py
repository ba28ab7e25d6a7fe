"""``python -m a2pcli``."""

from a2pcli.cli.main import run

run()
