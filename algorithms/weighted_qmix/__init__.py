"""Weighted QMIX: OW-QMIX and CW-QMIX (Rashid et al. 2020, arXiv 2006.10800)."""
