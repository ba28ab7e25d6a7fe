"""From the ledger to what people and scripts read: totals, rows, and the story of one number. Prints nothing."""
