"""Level-based foraging: players with levels load foods that need the levels of one or of several of them.

Read in this order: tasks (names), layout (sizes, names of numbers), starts (places and levels), rules (moves, loading,
observations, the state), world (a batch of episodes), suite (what the registry loads), policies (hand-written teams).
"""
