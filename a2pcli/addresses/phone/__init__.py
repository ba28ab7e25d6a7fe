"""Phone numbers: read, judged against the numbering plans, and compared by the phone that they reach."""
