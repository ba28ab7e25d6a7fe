"""Where people come from: reading tables of any kind, and finding the columns that matter."""
