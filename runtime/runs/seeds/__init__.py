"""Several seeds of one experiment, each a run of its own, side by side."""
