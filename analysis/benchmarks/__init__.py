"""Figures that can be measured again: what is fast enough is decided by these, not by guesses."""
