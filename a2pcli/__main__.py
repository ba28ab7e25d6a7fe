"""``python -m a2pcli``."""

from a2pcli.cli.main import main

if __name__ == "__main__":  # planning workers import this module too, and must not run it
    main()
