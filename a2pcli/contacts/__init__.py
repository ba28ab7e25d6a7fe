"""Where people come from: reading tables of any kind, finding the address column, judging phone numbers."""
