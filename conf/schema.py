"""The type, range and meaning of every setting that all choices of a group have, and the tree of all settings.

The settings of one method stand beside its code (conf/registry.py). The YAML files in this folder hold the values.
"""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import MISSING, choice, number, value
from fedqmix.conf.registry import CHOICES


@dataclass
class AlgorithmConfig:
    """The settings of every algorithm: replay, optimiser, target networks, bounds and exploration."""

    name: str = choice(*CHOICES["algorithm"], doc="the algorithm")
    code: str | None = value(None, doc="own: FILE.py:NAME or module:NAME of an Algorithm (docs/own_methods.md)")
    learning_rate: float = number(0, 1, above=True, doc="of Adam, for agents and mixer")
    gamma: float = number(0, 1, doc="discount of one environment step")
    td_lambda: float = number(
        0, 1, doc="lambda of the TD target (algorithms/q_learning/td_targets.py); 0: one-step targets"
    )
    batch_size: int = number(1, doc="episodes per training step")
    buffer_size: int = number(1, doc="episodes kept")
    parallel_episodes: int = number(1, doc="episodes played in parallel between training steps")
    updates_per_episode: float = number(0, above=True, doc="training steps per collected episode")
    target_update_interval: int = number(1, doc="training steps between two updates of the target networks")
    target_update_rate: float = number(
        0, 1, above=True, doc="1 copies the networks (hard update); below 1 moves a part of the way (soft)"
    )
    grad_norm_clip: float = number(0, above=True, doc="bound of the global 2-norm over all agents and the mixer")
    max_q: float | None = number(0, above=True, doc="bound of an agent's |Q|, in largest rewards / (1 - gamma)")
    max_gradient: float | None = number(
        0, above=True, doc="bound of an agent's gradient norm, in medians of the others"
    )
    epsilon_start: float = number(0, 1, doc="probability of a random action at the beginning")
    epsilon_finish: float = number(0, 1, doc="probability of a random action at the end")
    epsilon_anneal_steps: int = number(1, doc="environment steps from start to finish, linear")
    exploration_draws: str = choice(
        "agent", "team", doc="the draw that decides to explore: one per agent, or one for the team"
    )


@dataclass
class ModelConfig:
    """The settings of the agents' Q-network."""

    name: str = choice(*CHOICES["model"], doc="the network")
    code: str | None = value(None, doc="own: FILE.py:Class or module:Class of a Network (docs/own_methods.md)")
    hidden: int = number(1, doc="width of the hidden layers and of the GRU")
    agent_id: bool = value(doc="whether the input holds the one-hot agent id")
    last_action: bool = value(doc="whether the input holds the one-hot last action")
    initialisation: str = choice("orthogonal", "uniform", doc="of the weights; uniform: PyTorch's default")


@dataclass
class StrategyConfig:
    """The settings of every strategy: its layers, server optimiser, what the agents send beside, and checks."""

    name: str = choice(*CHOICES["strategy"], doc="the strategy")
    code: str | None = value(None, doc="own: FILE.py:Class or module:Class of the strategy (docs/strategies.md)")
    aggregation_interval: int = number(1, doc="training steps per round")
    shared: list[str] = value(doc="name patterns of the parameters that are aggregated")
    common_start: bool = value(doc="all agents begin with agent 0's shared parameters (McMahan et al. 2017, section 2)")
    server_optimiser: str = choice("none", "momentum", "adam", doc="the server's update towards the aggregate")
    server_learning_rate: float = number(
        0, above=True, doc="momentum (FedAvgM): the server's learning rate; 1 as in FedAvg"
    )
    server_momentum: float = number(0, 1, below=True, doc="momentum: the share of the last update that is kept")
    server_adam_eta: float = number(0, above=True, doc="adam (FedAdam): the server's learning rate")
    server_adam_beta_1: float = number(0, 1, below=True, doc="adam: decay of the first moment")
    server_adam_beta_2: float = number(0, 1, below=True, doc="adam: decay of the second moment")
    server_adam_tau: float = number(0, above=True, doc="adam: added to the root of the second moment")
    proximal_mu: float = number(0, doc="FedProx: weight of the proximal term to the round's first parameters; 0: off")
    adam_moments: str = choice(
        "keep", "average", "reset", doc="what becomes of the agents' Adam moments of shared parameters"
    )
    share_targets: bool = value(doc="aggregate the target networks' shared parameters too")
    max_update: float | None = number(1, doc="bound of an update's length, in medians of the others; null: none")
    on_fault: str = choice(
        "stop", "leave_out", doc="after an agent's fault: end the run, or continue without its update"
    )
    max_faults: int = number(0, doc="leave_out: a run with more faults than this ends")
    clip_update: float | None = number(
        0, above=True, doc="bound to which updates are clipped, in medians of all; null: off"
    )


ON_POLICY = ("ippo", "mappo")
"""The algorithms that learn from the newest episodes alone, with actions drawn from the policy."""
ENTITY_METHODS = frozenset({"flex_qmix", "refil", "transf_qmix", "transf_state", "entity_attention", "transformer"})
"""The algorithms and networks that need a world with entities (docs/entities.md)."""
LESSENING_OFF = {"server_optimiser": "none", "proximal_mu": 0, "adam_moments": "keep", "share_targets": False}
"""The settings that reduce the cost of averaging (docs/strategies.md), each with the value that switches it off."""
ROBUST = ("median", "trimmed_mean", "krum", "bulyan")
"""The strategies that tolerate strategy.byzantine dishonest agents."""


def least_agents(name: str, byzantine: int, krum_select: int) -> int:
    """Return the smallest number of agents that a strategy is defined for (sources: the strategy's file).

    With fewer agents, the dishonest ones could determine the aggregate.
    """
    return {
        "median": 2 * byzantine + 1,
        "trimmed_mean": 2 * byzantine + 1,
        "krum": max(2 * byzantine + 3, krum_select + byzantine),
        "bulyan": 4 * byzantine + 3,
    }.get(name, 1)


@dataclass
class EnvConfig:
    """The settings of every suite of worlds."""

    name: str = choice(*CHOICES["env"], doc="the suite of worlds")


@dataclass
class RuntimeConfig:
    """The settings of the processes, devices and threads of a run."""

    name: str = choice("local", "deployment", doc="one process, or one for each party")
    device: str = choice("cpu", "cuda", "auto", doc="where networks and mixer are computed")
    backend: str = choice("auto", "torch", "compiled", doc="of networks and mixers; auto uses kernels where they exist")
    threads: int = number(1, doc="of acting and learning; kernels give the same bits with any number")
    world_threads: int = number(1, doc="threads that play episodes; does not change results")


@dataclass
class LoggerConfig:
    """The settings of loggers; metrics.jsonl is always written."""

    name: str = choice("jsonl", "tensorboard", "wandb", doc="the logger")
    wandb_project: str = value(doc="wandb: the project's name")
    wandb_mode: str = choice("offline", "online", "disabled", doc="wandb: where the run is written")


@dataclass
class EvaluationConfig:
    """The settings of evaluations by greedy episodes."""

    every_env_steps: int = number(1, doc="at the first round's end after this many more environment steps")
    episodes: int = number(1, doc="of each kind that evaluation.starts names")
    starts: str = choice("varied", "fixed", "both", doc="the units' initial positions: around the map's, or the map's")
    around_aggregation: bool = value(doc="at every round's end, with the agents' own networks and with the aggregate")


@dataclass
class CheckpointConfig:
    """The settings of checkpoints, from which a run can be resumed."""

    every_rounds: int = number(1, doc="rounds between two checkpoints")
    keep: int = number(1, doc="number of newest checkpoints kept, besides the networks of the best evaluation")
    replays: bool = value(doc="whether a replay is kept with each checkpoint, where the world's units can be drawn")


@dataclass
class StopConfig:
    """The conditions under which training ends."""

    env_steps: int = number(1, doc="environment steps of the whole team in training episodes")
    rounds: int | None = number(1, doc="rounds after which the run ends in any case")
    win_rate: float | None = number(
        0, 1, doc="where episodes are won: end early after stop.evaluations evaluations in a row with this win rate"
    )
    return_mean: float | None = value(
        None, doc="where no episode is won: end early after stop.evaluations evaluations in a row with this mean return"
    )
    evaluations: int = number(1, doc="win_rate, return_mean: evaluations in a row")


@dataclass
class Config:
    """All settings of one run. A group's section has the class of its choice (conf/registry.py)."""

    algorithm: AlgorithmConfig = MISSING
    strategy: StrategyConfig = MISSING
    env: EnvConfig = MISSING
    model: ModelConfig = MISSING
    runtime: RuntimeConfig = MISSING
    logger: LoggerConfig = MISSING
    evaluation: EvaluationConfig = MISSING
    checkpoint: CheckpointConfig = MISSING
    stop: StopConfig = MISSING
    experiment: str = value(doc="name of the experiment file with the values")
    map: str = value(doc="the task of the suite: in a battle its map")
    seed: int = number(0, doc="fixes, with what a random draw is for, every draw of the run")
    run_dir: str = value(doc="the run folder; a new run requires an empty one")
    resume: str | None = value(doc="the run folder, or one of its checkpoints, to resume")
    init_from: str | None = value(doc="another run, or one of its checkpoints, with whose networks this run begins")
