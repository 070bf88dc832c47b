"""Analysis of finished runs: reports, the viewer of replays, and benchmarks."""
