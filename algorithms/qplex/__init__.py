"""QPLEX: duplex duelling Q-learning (Wang et al. 2020, arXiv 2008.01062)."""
