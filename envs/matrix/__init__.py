"""Matrix games: payoff tables over joint actions, which show what a mixer can represent.

Read in this order: games (the tables), rules (an episode), suite (what the registry loads).
"""
