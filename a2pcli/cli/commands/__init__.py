"""A file a command: its options are read, an action is called, what it gives back is shown."""
