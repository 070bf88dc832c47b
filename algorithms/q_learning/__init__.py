"""Q-learning with a mixer: IQL, VDN, QMIX."""
