"""``python -m a2pcli``."""

from a2pcli.cli.main import run

if __name__ == "__main__":  # planning workers import this module too, and must not run it
    run()
