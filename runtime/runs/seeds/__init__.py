"""Several seeds of one experiment, trained side by side, one run per seed."""
