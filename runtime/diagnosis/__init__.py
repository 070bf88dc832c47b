"""The checks of `fedqmix doctor`: requirements of runtimes and worlds, each with its remedy."""
