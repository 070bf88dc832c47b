"""Compile the rules of battle that tests call one by one into the cache on disk: python -m support.compile_rules."""

from __future__ import annotations

from support.arena import Arena

if __name__ == "__main__":
    arena = Arena([("marine", 10, 10), ("medivac", 10, 11)], [("zergling", 12, 10)])
    arena.attack(0, 2)
    arena.step()
