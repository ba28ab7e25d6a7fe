"""Where a recipient is: time zones and states, from their number and from what the contacts file says."""
