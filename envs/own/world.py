"""The World of env=own: a user's rules, imported where the world is."""

from __future__ import annotations

from fedqmix.envs.code_suite import Sizes
from fedqmix.envs.own.options import OwnOptions
from fedqmix.envs.own.rules import Rules
from fedqmix.envs.rules_world import RulesWorld
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.own_code import own_object, place_of
from fedqmix.runtime.core.world import TeamSink, TeamSpec


class OwnWorld(RulesWorld):
    """A World around a user's rules."""

    def __init__(self, spec: TeamSpec, seed: int, options: OwnOptions, sink: TeamSink) -> None:
        """Build the world; the rules are made anew. spec: as the suite returns it for the options."""
        super().__init__(spec, seed, sink, make_rules(options), "own", f"env.code={options.code}")


def make_rules(options: OwnOptions) -> Rules:
    """Import a user's code and return its rules. Raises ConfigurationError for code that fails or returns no rules."""
    made = own_object("env.code", options.code)
    try:
        rules: Rules = made()
        spec = getattr(rules, "spec", None)
    except (Exception, SystemExit) as error:  # whatever a user's code raises
        raise ConfigurationError(
            f"env.code={options.code}: {type(error).__name__}: {error} ({place_of(error)})."
        ) from error
    missing = [name for name in ("begin", "step") if not callable(getattr(rules, name, None))]
    if missing or not isinstance(spec, TeamSpec):
        lacking = f"has no {' and no '.join(missing)}" if missing else f"has a spec that is a {type(spec).__name__}"
        raise ConfigurationError(
            f"env.code={options.code} {lacking}; needed: begin, step, and a spec that is a fedqmix.envs.own.TeamSpec."
        )
    return rules


def measure(options: OwnOptions) -> Sizes:
    """Return the sizes of a user's rules. Raises ConfigurationError as `make_rules` does."""
    spec = make_rules(options).spec
    return Sizes(spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim, spec.episode_limit)
