"""Reproducible benchmarks: speed, scripted teams, attacks, comparisons with other projects."""
