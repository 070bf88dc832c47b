"""How the agents' Q-values become the value that is learned. One file a method, its equation on top."""
