"""Teams that are drawn for every battle, with fewer units than the largest team has (REFIL's 3-8sz, 3-8csz, 3-8MMM).

Iqbal et al. 2021, arXiv 2006.04222; github.com/shariqiqbal2810/REFIL at ffe23a1.
"""
