"""Flower's programs, as a federation needs them (flwr 1.41 and 1.42)."""
