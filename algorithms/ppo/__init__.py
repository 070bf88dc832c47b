"""Proximal policy optimisation: IPPO (de Witt et al. 2020) and MAPPO (Yu et al. 2022)."""
