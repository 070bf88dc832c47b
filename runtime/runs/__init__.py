"""Training runs: life cycle, local runtime, seeds, comparisons, reports, collected results."""
