"""What an agent owns: its Q-network, its private episodes, how it acts and how it learns.

Everything carries a leading agent axis. One process may hold a whole team (a stack of N) or a single agent (a stack
of one); the code is the same. Nothing here sees the global state, the team reward or another agent's observation.
"""
