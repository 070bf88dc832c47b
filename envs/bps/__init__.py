"""Blind-particle spread: groups of agents find their group's landmark, and no observation says which one it is.

Read in this order: tasks (groups), layout (sizes, names, shuffled observations), rules (starts, motion, rewards), world
(a batch of episodes), suite (what the registry loads), policies (hand-written teams).
"""
