"""REFIL (Iqbal et al. 2021, arXiv 2006.04222): randomised entity-wise factorisation, and its mixer alone."""
