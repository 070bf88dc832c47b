"""Every error fedqmix raises on purpose.

FedqmixError                     the message says what was wrong, what is allowed, what to do
├── ConfigurationError           a setting: unknown name, wrong type, out of range, impossible together
├── WorldError                   a world was asked for something its rules do not allow
│   └── UnavailableActionError   an agent chose an action its availability mask forbids
├── SlotError                    an episode buffer holds no finished episode in the slot asked for
├── StorageError                 a file could not be written whole (full disk, permissions)
│   ├── CheckpointError          a checkpoint or run folder is missing, damaged or from another run
│   └── ReplayError              a replay is missing, damaged or of a version that is not known
├── FederationError              nodes missing, doubled, or answering something they were not asked
│   ├── AttemptError             an attempt at a round cannot be finished; the round is attempted again
│   ├── BusyError                the federation takes part in another run
│   └── RefusedError             a message was refused: wrong sender, order, shape, type, or not finite
└── DivergenceError              a reward, Q-value or gradient is not finite
"""

from __future__ import annotations


class FedqmixError(Exception):
    """Base of all errors that are shown to the user without a traceback."""


class ConfigurationError(FedqmixError):
    """A setting is unknown, of the wrong type, out of range, or impossible together with another."""


class WorldError(FedqmixError):
    """A world was asked for something its rules do not allow."""


class UnavailableActionError(WorldError):
    """An agent chose an action that its availability mask forbids."""


class SlotError(FedqmixError):
    """An episode buffer holds no finished episode in the slot asked for."""


class StorageError(FedqmixError):
    """A file could not be written whole."""


class CheckpointError(StorageError):
    """A checkpoint or run folder is missing, damaged, or belongs to another run."""


class ReplayError(StorageError):
    """A replay is missing, damaged, or of a version that is not known."""


class FederationError(FedqmixError):
    """A node is missing, present twice, or answered something it was not asked."""


class AttemptError(FederationError):
    """This attempt at a round cannot be finished: a peer went away, restarted, or is behind. It is attempted again."""


class BusyError(FederationError):
    """The federation takes part in another run, and in one at a time."""


class RefusedError(FederationError):
    """A peer refused a message: wrong sender, order, shape or type, too large, or not finite."""


class DivergenceError(FedqmixError):
    """A reward, Q-value or gradient is not finite.

    place: what was not finite, as a reader would name it ("gradient of gru.weight_hh of agent 2").
    step: the training or environment step it was found at, with its unit ("training step 812").
    """

    def __init__(self, place: str, step: str) -> None:
        super().__init__(
            f"{place} is not finite at {step}. Training was stopped there; the last good checkpoint is kept. "
            "A smaller algorithm.learning_rate or algorithm.grad_norm_clip usually helps."
        )
        self.place = place
        self.step = step
