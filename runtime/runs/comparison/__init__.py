"""Many runs with one set of settings: which they are, their common folder, what they cost, and their training.

`fedqmix paper` compares the methods of PPS-QMIX (paper.py), `fedqmix ladder` climbs a list of maps (ladder.py).
"""
