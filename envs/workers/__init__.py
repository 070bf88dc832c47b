"""Episodes in supervised worker processes, one a process: env=smac and env=pettingzoo."""
