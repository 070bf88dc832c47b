"""Reproducible benchmarks: speeds, scripted teams, attacks, and comparisons with other projects."""
