"""Predator-prey of Weighted QMIX (Rashid et al. 2020, arXiv 2006.10800): a prey is caught by two agents at once.

Read in this order: arrays (what the kernel reads and writes), layout (sizes, names of numbers), rules (starts, moves,
captures), views (observations, masks, the state), world (a batch of episodes), suite (what the registry loads).
"""
