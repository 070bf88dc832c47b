"""The mixer's side: mixers, the team's records of episodes, the Flower server, and what a run leaves behind.

Nothing here sees an observation or an action.
"""
