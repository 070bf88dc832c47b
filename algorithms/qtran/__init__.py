"""QTRAN-base with encoders at the agents (Son et al. 2019, arXiv 1905.05408)."""
