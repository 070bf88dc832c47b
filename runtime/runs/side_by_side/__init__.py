"""Several runs side by side, one process each, as many at once as fit the machine."""
