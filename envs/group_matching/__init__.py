"""Group matching (Iqbal et al. 2021, arXiv 2006.04222): agents on a ring that should stand with their hidden group.

Read in this order: rules (an episode, observations, the state), suite (what the registry loads).
"""
