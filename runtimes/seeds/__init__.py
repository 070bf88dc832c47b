"""Several seeds of one experiment, each a run of its own in a process of its own, as many side by side as fit."""
