"""The multi-robot warehouse: agents fetch requested shelves, deliver them, and put them back.

Read in this order: tasks (names), grid (highways, shelves, goals), layout (sizes and names of observations and states),
arrays (a batch as the kernel reads it), starts, moving (agents that want the same cells), rules (one environment step),
views (observations and states), world (a batch of episodes), suite (what the registry loads), policies (a hand-written
team).
"""
