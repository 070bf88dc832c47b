"""Q-networks of a stack of agents, one file each."""
