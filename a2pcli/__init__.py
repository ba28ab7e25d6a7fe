"""a2pcli: plan a messaging campaign exactly, send it once to each person, account for every row."""

__version__ = "0.1.0"
