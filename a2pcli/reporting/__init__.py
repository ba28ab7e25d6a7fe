"""From the ledger to what people and scripts read. Prints nothing.

``totals`` counts a run, ``runs`` lists them, ``rows`` and ``plan_rows`` write all rows to files, and ``explain`` tells
the story of one person with the rules that were checked (``considered``). ``sentences`` puts results into words.
"""
