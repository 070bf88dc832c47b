"""TransfQMix (Gallici et al. 2023, arXiv 2301.05334): a transformer mixer, and its variant over the state alone."""
