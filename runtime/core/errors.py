"""The errors that fedqmix raises on purpose.

FedqmixError                     the message names the fault, the allowed values and the remedy
├── ConfigurationError           a setting: unknown name, wrong type, out of range, invalid combination
├── InputError                   an argument of the Python API: wrong shape, type or value (also a ValueError)
├── WorldError                   a world's rules do not allow a request
│   └── UnavailableActionError   an agent's availability mask forbids its action
├── SlotError                    a slot of an episode buffer holds no finished episode
├── StorageError                 a file could not be written completely (full disk, permissions)
│   ├── CheckpointError          a checkpoint or run folder is missing, damaged or from another run
│   └── ReplayError              a replay is missing, damaged or of an unknown version
├── FederationError              a node is missing, present twice, or its answer does not match its question
│   ├── AttemptError             an attempt at a round cannot be finished; the round is attempted again
│   ├── BusyError                the federation takes part in another run
│   └── RefusedError             a message was refused: wrong sender, order, shape, type, or not finite
└── DivergenceError              a reward, Q-value or gradient is not finite
"""

from __future__ import annotations


class FedqmixError(Exception):
    """The base of all errors that a user sees without a traceback."""


class ConfigurationError(FedqmixError):
    """A setting is unknown, of the wrong type, out of range, or cannot be combined with another."""


class InputError(FedqmixError, ValueError):
    """An argument of a function of the Python API has the wrong shape, type or value."""


class WorldError(FedqmixError):
    """A world's rules do not allow a request."""


class UnavailableActionError(WorldError):
    """An agent's availability mask forbids its action."""


class SlotError(FedqmixError):
    """A slot of an episode buffer holds no finished episode."""


class StorageError(FedqmixError):
    """A file could not be written completely."""


class CheckpointError(StorageError):
    """A checkpoint or run folder is missing, damaged, or belongs to another run."""


class ReplayError(StorageError):
    """A replay is missing, damaged, or of an unknown version."""


class FederationError(FedqmixError):
    """A node is missing, present twice, or its answer does not match its question."""


class AttemptError(FederationError):
    """An attempt at a round cannot be finished: a peer is gone, restarted or behind. The round is attempted again."""


class BusyError(FederationError):
    """The federation takes part in another run; it can take part in one at a time."""


class RefusedError(FederationError):
    """A peer refused a message: wrong sender, order, shape or type, too large, or not finite."""


class DivergenceError(FedqmixError):
    """A reward, Q-value or gradient is not finite.

    place: the name of the value that is not finite ("gradient of gru.weight_hh of agent 2").
    step: the training or environment step at which it was found, with its unit ("training step 812").
    """

    def __init__(self, place: str, step: str) -> None:
        super().__init__(
            f"{place} is not finite at {step}. Training was stopped there; the last good checkpoint is kept. "
            "A smaller algorithm.learning_rate or algorithm.grad_norm_clip usually helps."
        )
        self.place = place
        self.step = step
