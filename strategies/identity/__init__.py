"""Clusters of agents that are alike, found from vectors that the agents learn themselves (clients.identity).

Read in this order: partitions (k-means, and how well a partition fits), choosing (K, small clusters, refusals),
question (what the agents are asked), strategy (a strategy whose clusters are found before its first round).
"""
