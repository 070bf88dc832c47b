"""Where this folder is on Python's path, env=skirmish is the suite of tests/support/cost_suite.py, in every process."""

from typing import cast

from fedqmix.envs import registry

cast(dict[str, str], registry.SUITES)["skirmish"] = "support.cost_suite:SUITE"
