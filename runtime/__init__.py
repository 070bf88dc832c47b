"""The machinery: what is the same for every method, network, world and strategy."""
