"""Comparisons: many runs with one set of settings, their common folder, cost and training.

`fedqmix paper` compares the methods of PPS-QMIX (paper.py) or those of adaptive sharing (adaptive.py); `fedqmix ladder`
trains one recipe on a list of maps (ladder.py).
"""
