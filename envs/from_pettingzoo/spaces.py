"""The spaces of a parallel environment's agents as vectors and action numbers of one length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from fedqmix.runtime.core.errors import ConfigurationError, WorldError
from fedqmix.runtime.core.world import Bools, Floats

OBSERVATION, MASK = "observation", "action_mask"
"""PettingZoo's names of the two parts of an observation with a mask, and of a mask in the infos."""


class AgentSpaces:
    """The spaces of one agent.

    agent: its name in the environment. n_actions, obs_dim: its own sizes.
    """

    def __init__(self, agent: str, observation: spaces.Space[Any], action: spaces.Space[Any]) -> None:
        """Raise ConfigurationError for a space without a fixed number of numbers, or of actions."""
        if not isinstance(action, spaces.Discrete):
            raise ConfigurationError(f"agent {agent} has the action space {action}; allowed: Discrete.")
        self.agent = agent
        self._first = int(action.start)
        self.n_actions = int(action.n)
        parts = observation.spaces if isinstance(observation, spaces.Dict) else {}
        self._masked = MASK in parts
        self._kept = [name for name in parts if name != MASK]  # the parts that are the observation
        self._alone = self._masked and self._kept == [OBSERVATION]
        self._space = observation
        if self._masked:
            self._space = parts[OBSERVATION] if self._alone else spaces.Dict({name: parts[name] for name in self._kept})
        try:
            self.obs_dim = int(spaces.flatdim(self._space))
        except (NotImplementedError, ValueError) as error:
            raise ConfigurationError(
                f"agent {agent} has the observation space {self._space}, which has no fixed length; allowed: Box, "
                "Discrete, MultiBinary, MultiDiscrete, and Dict and Tuple of these."
            ) from error

    def action(self, number: int) -> int:
        """Return the environment's action for ours, which begin at 0."""
        return self._first + number

    def vector(self, seen: Any) -> Floats:
        """Return an observation as [obs_dim] float32. Raises WorldError unless it has that length and is finite."""
        found = seen
        if self._masked:
            found = seen[OBSERVATION] if self._alone else {name: seen[name] for name in self._kept}
        vector: Floats = np.asarray(spaces.flatten(self._space, found), np.float32).reshape(-1)
        if vector.size != self.obs_dim:
            raise WorldError(
                f"agent {self.agent} observes {vector.size} numbers, but its observation space has {self.obs_dim}."
            )
        require_finite(vector, f"the observation of agent {self.agent}")
        return vector

    def mask(self, seen: Any, info: Mapping[str, Any]) -> Bools:
        """Return the available actions, [n_actions] bool: all where the environment has no mask.

        Raises WorldError for a mask of another length, and for one that allows nothing.
        """
        given = seen[MASK] if self._masked else info.get(MASK)
        if given is None:
            return np.ones(self.n_actions, np.bool_)
        mask: Bools = np.asarray(given).astype(np.bool_).reshape(-1)
        if mask.size != self.n_actions or not mask.any():
            raise WorldError(
                f"the action_mask of agent {self.agent} has {mask.size} entries, of which {int(mask.sum())} are "
                f"available; needed: {self.n_actions} entries, at least one of them available."
            )
        return mask


def require_finite(values: Floats, what: str) -> None:
    """Check that all numbers are finite. what: their name in the WorldError that is raised otherwise."""
    if not np.isfinite(values).all():
        raise WorldError(f"{what} is not finite: {values[~np.isfinite(values)][0]}.")
