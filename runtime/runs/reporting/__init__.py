"""Reading of runs for `fedqmix report` and `fedqmix ladder`; evaluation of their networks."""
