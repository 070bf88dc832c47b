"""Flower's programs, adapted to a federation (flwr 1.41 and 1.42)."""
