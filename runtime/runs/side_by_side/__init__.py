"""Several runs side by side, each in a process of its own, as many at once as fit the machine."""
