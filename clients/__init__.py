"""The agent's side: its Q-network, private episodes, acting and learning.

All tensors have a leading agent axis. One process may hold a whole team (a stack of N) or a single agent (a stack
of one); the code is the same. No code here reads the global state, the team reward or another agent's observation.
"""
