"""The comparison of the methods of PPS-QMIX: many runs, their common folder, and what they cost."""
