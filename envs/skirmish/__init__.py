"""The embedded battle simulator: the game's combat as plain scalar rules, compiled, behind SMAC's interface.

Read in this order: layout (sizes), arrays (what a unit is), interface (what agents see), orders, combat and
movement (one game loop), rewards, battle (one environment step), world (a batch of battles).
"""
