"""The embedded battle simulator: compiled rules of the game's combat, with SMAC's interface.

Read in this order: layout (sizes), arrays (the records of units), interface (masks and observations), orders, combat
and movement (one game loop), rewards, battle (one environment step), world (a batch of battles).
"""
