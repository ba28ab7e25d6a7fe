"""The ledger: the only record of what was planned, attempted and settled."""
