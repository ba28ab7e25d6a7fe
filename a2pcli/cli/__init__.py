"""The commands: the only code that prints, asks or exits."""
