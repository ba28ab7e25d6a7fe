"""The parts of the listener beside the callbacks, each in a module with a function ``part`` (see ``listener``)."""
