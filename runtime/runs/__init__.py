"""Runs in one process, and several of them: conduct, seeds, comparisons, collected results."""
