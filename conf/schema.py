"""The type, range and meaning of every setting. The YAML files in this folder hold the values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


def number(low: float, high: float | None = None, *, above: bool = False, below: bool = False) -> Any:
    """Return the field of a required number, low <= value <= high.

    above: low < value. below: value < high.
    """
    return field(default=MISSING, metadata={"low": low, "high": high, "above": above, "below": below})


def choice(*values: str) -> Any:
    """Return the field of a required word, one of the values."""
    return field(default=MISSING, metadata={"choices": values})


@dataclass
class AlgorithmConfig:
    """The settings of multi-agent learning: the agents' Q-values or policies, the team's half, and their learning."""

    name: str = choice("iql", "vdn", "qmix", "ow_qmix", "cw_qmix", "ippo", "mappo", "own")
    code: str | None = None  # own: FILE.py:NAME or module:NAME of an Algorithm (docs/own_methods.md)
    learning_rate: float = number(0, 1, above=True)  # of Adam, for agents and mixer
    gamma: float = number(0, 1)  # discount of one environment step
    td_lambda: float = number(0, 1)  # lambda of the TD target (algorithms/q_learning/td_targets.py); 0: one-step
    batch_size: int = number(1)  # episodes per training step
    buffer_size: int = number(1)  # episodes kept
    parallel_episodes: int = number(1)  # episodes played in parallel between training steps
    updates_per_episode: float = number(0, above=True)  # training steps per collected episode
    double_q: bool = MISSING  # the online network selects the next action (van Hasselt 2016)
    target_update_interval: int = number(1)  # training steps between two updates of the target networks
    target_update_rate: float = number(0, 1, above=True)  # 1 copies (hard update); below 1 moves a part (soft)
    grad_norm_clip: float = number(0, above=True)  # global 2-norm over all agents and the mixer
    max_q: float | None = number(0, above=True)  # bound of an agent's |Q|, in largest rewards / (1 - gamma)
    max_gradient: float | None = number(0, above=True)  # bound of an agent's gradient norm, in medians of the others
    epsilon_start: float = number(0, 1)
    epsilon_finish: float = number(0, 1)
    epsilon_anneal_steps: int = number(1)  # environment steps from start to finish, linear
    exploration_draws: str = choice("agent", "team")  # the draw that decides to explore: per agent, or one for the team
    mixing_embed: int = number(1)  # qmix: width of the mixing network
    hypernetwork_layers: int = number(1, 2)  # qmix: layers of the weight hypernetworks
    hypernetwork_hidden: int = number(1)  # qmix: their hidden width when there are two
    alpha: float = number(0, 1)  # ow_qmix, cw_qmix: weight of the transitions whose weight is not 1
    central_hidden: int = number(1)  # ow_qmix, cw_qmix: width of the central mixer's layers
    epochs: int = number(1)  # ippo, mappo: training steps with each batch of parallel_episodes, in place of
    # updates_per_episode
    clip_ratio: float = number(0, above=True)  # ippo, mappo: a ratio of probabilities beyond 1 +- this gains nothing
    gae_lambda: float = number(0, 1)  # ippo, mappo: lambda of the generalised advantage estimate, in place of td_lambda
    entropy_coefficient: float = number(0)  # ippo, mappo: weight of the policy's entropy
    value_coefficient: float = number(0, above=True)  # ippo, mappo: weight of the critic's squared error
    normalise_advantages: bool = MISSING  # ippo, mappo: to mean 0 and standard deviation 1 over a batch
    critic_hidden: int = number(1)  # mappo: width of the critic's layers


@dataclass
class ModelConfig:
    """The settings of the agents' Q-network."""

    name: str = choice("gru", "mlp", "own")
    code: str | None = None  # own: FILE.py:Class or module:Class of a Network (docs/own_methods.md)
    hidden: int = number(1)  # width of the hidden layers and of the GRU
    agent_id: bool = MISSING  # whether the input holds the one-hot agent id
    initialisation: str = choice("orthogonal", "uniform")  # uniform: PyTorch's default


@dataclass
class StrategyConfig:
    """The settings of federated aggregation: its layers, weights, server optimiser and checks."""

    name: str = choice(
        "none",
        "a_pps",
        "rs_pps",
        "pp_pps",
        "full_sharing",
        "own",
        "median",
        "trimmed_mean",
        "krum",
        "bulyan",
        "norm_clip",
    )
    code: str | None = None  # own: FILE.py:Class or module:Class of the strategy (docs/strategies.md)
    aggregation_interval: int = number(1)  # training steps per round
    shared: list[str] = MISSING  # name patterns of the parameters that are aggregated
    reward: str = choice("individual", "team", "policy")  # rs_pps, pp_pps: the meaning of R_i
    max_weight: float = number(0, 1, above=True)  # the largest weight of an agent (at least 1/N)
    policy_episodes: int = number(1)  # reward=policy: episodes that measure one agent's network
    common_start: bool = MISSING  # all agents begin with agent 0's shared parameters (McMahan 2017, section 2)
    server_optimiser: str = choice("none", "momentum", "adam")  # the server's update towards the aggregate
    server_learning_rate: float = number(
        0, above=True
    )  # momentum (FedAvgM): the server's learning rate; 1 as in FedAvg
    server_momentum: float = number(0, 1, below=True)  # momentum
    server_adam_eta: float = number(0, above=True)  # adam (FedAdam): the server's learning rate
    server_adam_beta_1: float = number(0, 1, below=True)  # adam: decay of the first moment
    server_adam_beta_2: float = number(0, 1, below=True)  # adam: decay of the second moment
    server_adam_tau: float = number(0, above=True)  # adam: added to the root of the second moment
    proximal_mu: float = number(0)  # FedProx: weight of the proximal term to the round's first parameters; 0: off
    adam_moments: str = choice("keep", "average", "reset")  # the agents' Adam moments of shared parameters
    share_targets: bool = MISSING  # aggregate the target networks' shared parameters too
    max_update: float | None = number(1)  # bound of an update's length, in medians of the others; null: none
    on_fault: str = choice("stop", "leave_out")  # after an agent's fault: end the run, or continue without its update
    max_faults: int = number(0)  # leave_out: a run with more faults than this ends
    byzantine: int = number(0)  # robust strategies: the assumed maximum of dishonest agents
    krum_select: int = number(1)  # krum: the number of networks averaged; 1 is Krum, more is Multi-Krum
    clip_update: float | None = number(
        0, above=True
    )  # bound to which updates are clipped, in medians of all; null: off


ON_POLICY = ("ippo", "mappo")
"""The algorithms that learn from the newest episodes alone, with actions drawn from the policy."""
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
    """The settings of the world, with the names and defaults of SMAC's StarCraft2Env."""

    name: str = choice("skirmish", "smac")
    obs_all_health: bool = MISSING
    obs_own_health: bool = MISSING
    obs_last_action: bool = MISSING
    obs_pathing_grid: bool = MISSING
    obs_terrain_height: bool = MISSING
    obs_instead_of_state: bool = MISSING
    obs_timestep_number: bool = MISSING
    state_last_action: bool = MISSING
    state_timestep_number: bool = MISSING
    reward_sparse: bool = MISSING
    reward_only_positive: bool = MISSING
    reward_death_value: float = number(0)
    reward_win: float = number(0)
    reward_defeat: float = MISSING
    reward_negative_scale: float = number(0)
    reward_scale: bool = MISSING
    reward_scale_rate: float = number(0, above=True)
    randomise: str = choice("nothing", "types", "positions", "both")  # drawn for every episode, as in SMACv2
    starts: str = choice("fixed", "varied")  # the units' initial positions outside evaluations, as evaluation.starts
    games: int = number(1)  # smac: games in parallel, a process each
    call_seconds: float = number(1)  # smac: seconds without an answer after which a game is started again
    replay_dir: str = MISSING  # smac: folder of the game's replays of shown battles; "": none
    difficulty: str = choice("1", "2", "3", "4", "5", "6", "7", "8", "9", "A")  # smac: of the built-in opponent


@dataclass
class RuntimeConfig:
    """The settings of the processes, devices and threads of a run."""

    name: str = choice("local", "deployment")
    device: str = choice("cpu", "cuda", "auto")
    backend: str = choice("auto", "torch", "compiled")  # of networks and mixers; auto uses kernels where they exist
    threads: int = number(1)  # of acting and learning; kernels give the same bits with any number
    world_threads: int = number(1)  # threads that play episodes; does not change results


@dataclass
class LoggerConfig:
    """The settings of loggers; metrics.jsonl is always written."""

    name: str = choice("jsonl", "tensorboard", "wandb")
    wandb_project: str = MISSING
    wandb_mode: str = choice("offline", "online", "disabled")


@dataclass
class EvaluationConfig:
    """The settings of evaluations by greedy episodes."""

    every_env_steps: int = number(1)  # at the first round's end after this many more environment steps
    episodes: int = number(1)  # of each kind that `starts` names
    starts: str = choice("varied", "fixed", "both")  # the units' initial positions: around the map's, or the map's
    around_aggregation: bool = MISSING  # at every round's end, with the agents' own networks and with the aggregate


@dataclass
class CheckpointConfig:
    """The settings of checkpoints, from which a run can be resumed."""

    every_rounds: int = number(1)
    keep: int = number(1)  # number of newest checkpoints kept, besides the networks of the best evaluation


@dataclass
class StopConfig:
    """The conditions under which training ends."""

    env_steps: int = number(1)  # environment steps of the whole team in training episodes
    rounds: int | None = number(1)  # rounds after which the run ends in any case
    win_rate: float | None = number(0, 1)  # end early after `evaluations` evaluations in a row with this win rate
    evaluations: int = number(1)


@dataclass
class Config:
    """All settings of one run."""

    algorithm: AlgorithmConfig = MISSING
    strategy: StrategyConfig = MISSING
    env: EnvConfig = MISSING
    model: ModelConfig = MISSING
    runtime: RuntimeConfig = MISSING
    logger: LoggerConfig = MISSING
    evaluation: EvaluationConfig = MISSING
    checkpoint: CheckpointConfig = MISSING
    stop: StopConfig = MISSING
    experiment: str = MISSING  # name of the experiment file with the values
    map: str = MISSING
    seed: int = number(0)
    run_dir: str = MISSING  # the run folder; a new run requires an empty one
    resume: str | None = MISSING  # the run folder, or one of its checkpoints, to resume
