"""The type, range and meaning of every setting. The values live in the YAML files beside this one, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


def number(low: float, high: float | None = None, *, above: bool = False, below: bool = False) -> Any:
    """A required number: low <= value <= high (low < value when above, value < high when below)."""
    return field(default=MISSING, metadata={"low": low, "high": high, "above": above, "below": below})


def choice(*values: str) -> Any:
    """A required word, one of the values."""
    return field(default=MISSING, metadata={"choices": values})


@dataclass
class AlgorithmConfig:
    """Multi-agent Q-learning: how the agents' Q-values are mixed, and how they are learned."""

    name: str = choice("iql", "vdn", "qmix", "ow_qmix", "cw_qmix", "own")
    code: str | None = None  # own: FILE.py:NAME or module:NAME of an Algorithm (docs/own_methods.md)
    learning_rate: float = number(0, 1, above=True)  # Adam, agents and mixer alike
    gamma: float = number(0, 1)  # discount of one environment step
    td_lambda: float = number(
        0, 1
    )  # share of the longer return in the TD target (algorithms/q_learning/td_targets.py); 0: one step
    batch_size: int = number(1)  # episodes per training step
    buffer_size: int = number(1)  # episodes kept
    parallel_episodes: int = number(1)  # battles played side by side between two bouts of learning
    updates_per_episode: float = number(0, above=True)  # training steps per collected episode
    double_q: bool = MISSING  # pick the next action with the online network (van Hasselt 2016)
    target_update_interval: int = number(1)  # training steps between two updates of the target networks
    target_update_rate: float = number(0, 1, above=True)  # 1 copies (hard update); below 1 moves a part (soft)
    grad_norm_clip: float = number(0, above=True)  # global 2-norm over all agents and the mixer
    max_q: float | None = number(0, above=True)  # an agent's |Q|, at most, in largest rewards / (1 - gamma)
    max_gradient: float | None = number(0, above=True)  # an agent's gradient norm, at most, in others' medians
    epsilon_start: float = number(0, 1)
    epsilon_finish: float = number(0, 1)
    epsilon_anneal_steps: int = number(1)  # environment steps from start to finish, linear
    exploration_draws: str = choice("agent", "team")  # who decides to explore: each agent, or one coin for all
    mixing_embed: int = number(1)  # qmix: width of the mixing network
    hypernetwork_layers: int = number(1, 2)  # qmix: layers of the weight hypernetworks
    hypernetwork_hidden: int = number(1)  # qmix: their hidden width when there are two
    alpha: float = number(0, 1)  # ow_qmix, cw_qmix: weight of the transitions that do not count fully
    central_hidden: int = number(1)  # ow_qmix, cw_qmix: width of the central mixer's layers


@dataclass
class ModelConfig:
    """The agents' Q-network."""

    name: str = choice("gru", "mlp", "own")
    code: str | None = None  # own: FILE.py:Class or module:Class of a Network (docs/own_methods.md)
    hidden: int = number(1)  # width of the hidden layers and of the GRU
    agent_id: bool = MISSING  # whether the input holds the one-hot agent id
    initialisation: str = choice("orthogonal", "uniform")  # uniform: PyTorch's own default


@dataclass
class StrategyConfig:
    """Federated aggregation: who is averaged with whom, with what weight, which layers."""

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
    reward: str = choice("individual", "team", "policy")  # rs_pps, pp_pps: what R_i is
    max_weight: float = number(0, 1, above=True)  # no agent weighs more than this (but never less than 1/N)
    policy_episodes: int = number(1)  # reward=policy: episodes that measure one agent's network
    common_start: bool = MISSING  # begin with agent 0's shared parameters everywhere (McMahan 2017, section 2)
    server_optimiser: str = choice("none", "momentum", "adam")  # how the server moves on from the aggregate
    server_learning_rate: float = number(0, above=True)  # momentum (FedAvgM): of the server's step; 1 is FedAvg's
    server_momentum: float = number(0, 1, below=True)  # momentum
    server_adam_eta: float = number(0, above=True)  # adam (FedAdam): the server's learning rate
    server_adam_beta_1: float = number(0, 1, below=True)  # adam: decay of the first moment
    server_adam_beta_2: float = number(0, 1, below=True)  # adam: decay of the second moment
    server_adam_tau: float = number(0, above=True)  # adam: added to the root of the second moment
    proximal_mu: float = number(0)  # FedProx: weight of the agents' pull towards the round's first parameters; 0: off
    adam_moments: str = choice("keep", "average", "reset")  # the agents' Adam moments of shared parameters
    share_targets: bool = MISSING  # aggregate the target networks' shared parameters too
    max_update: float | None = number(1)  # no update larger than this many times the median of the others'; null: any
    on_fault: str = choice("stop", "leave_out")  # an agent broke a rule: end the run, or go on without its update
    max_faults: int = number(0)  # leave_out: a run with more faults than this ends
    byzantine: int = number(0)  # robust strategies: dishonest agents that the team is assumed to have at the most
    krum_select: int = number(1)  # krum: the agents whose networks are averaged; 1 is Krum, more is Multi-Krum
    clip_update: float | None = number(0, above=True)  # longest update that counts, in medians of all; null: off


LESSENING_OFF = {"server_optimiser": "none", "proximal_mu": 0, "adam_moments": "keep", "share_targets": False}
"""The settings that lessen what averaging costs (docs/strategies.md), each with the value that switches it off."""
ROBUST = ("median", "trimmed_mean", "krum", "bulyan")
"""The strategies that hold against so many dishonest agents as strategy.byzantine says."""


def least_agents(name: str, byzantine: int, krum_select: int) -> int:
    """Return the smallest team that a strategy is defined for, given its settings (sources: its file).

    With fewer agents, the dishonest ones could decide what the aggregate is.
    """
    return {
        "median": 2 * byzantine + 1,
        "trimmed_mean": 2 * byzantine + 1,
        "krum": max(2 * byzantine + 3, krum_select + byzantine),
        "bulyan": 4 * byzantine + 3,
    }.get(name, 1)


@dataclass
class EnvConfig:
    """The world, under the names and defaults of SMAC's StarCraft2Env."""

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
    randomise: str = choice("nothing", "types", "positions", "both")  # drawn anew for every battle, as in SMACv2
    starts: str = choice("fixed", "varied")  # of all battles but evaluations: where units stand, as evaluation.starts
    games: int = number(1)  # smac: games side by side, a process each
    call_seconds: float = number(1)  # smac: a game that has not answered a call after so long is started again
    replay_dir: str = MISSING  # smac: where the game keeps replays of battles that are shown; "" keeps none
    difficulty: str = choice("1", "2", "3", "4", "5", "6", "7", "8", "9", "A")  # smac: of the built-in opponent


@dataclass
class RuntimeConfig:
    """Where it runs."""

    name: str = choice("local", "deployment")
    device: str = choice("cpu", "cuda", "auto")
    backend: str = choice("auto", "torch", "compiled")  # of networks and mixers; auto takes kernels where they exist
    threads: int = number(1)  # of the learner and of those who act; kernels give the same bits with any number
    world_threads: int = number(1)  # battles are played by this many threads; does not change results


@dataclass
class LoggerConfig:
    """Who is told beside metrics.jsonl, which is always written."""

    name: str = choice("jsonl", "tensorboard", "wandb")
    wandb_project: str = MISSING
    wandb_mode: str = choice("offline", "online", "disabled")


@dataclass
class EvaluationConfig:
    """Greedy episodes in between."""

    every_env_steps: int = number(1)  # at the first round's end after this many more environment steps
    episodes: int = number(1)  # of each kind that `starts` names
    starts: str = choice("varied", "fixed", "both")  # where units stand: drawn around the map's places, or in these
    around_aggregation: bool = MISSING  # at every round's end, with the agents' own networks and with the aggregate


@dataclass
class CheckpointConfig:
    """What a run can be resumed from."""

    every_rounds: int = number(1)
    keep: int = number(1)  # the newest so many; the best evaluation's networks are kept besides


@dataclass
class StopConfig:
    """When training ends."""

    env_steps: int = number(1)  # training battles' steps of the whole team
    rounds: int | None = number(1)  # end after so many rounds, whatever else
    win_rate: float | None = number(0, 1)  # end early once so many evaluations in a row won at least this much
    evaluations: int = number(1)


@dataclass
class Config:
    """One run."""

    algorithm: AlgorithmConfig = MISSING
    strategy: StrategyConfig = MISSING
    env: EnvConfig = MISSING
    model: ModelConfig = MISSING
    runtime: RuntimeConfig = MISSING
    logger: LoggerConfig = MISSING
    evaluation: EvaluationConfig = MISSING
    checkpoint: CheckpointConfig = MISSING
    stop: StopConfig = MISSING
    experiment: str = MISSING  # name of the experiment file the values came from
    map: str = MISSING
    seed: int = number(0)
    run_dir: str = MISSING  # the run folder; new runs refuse one that is not empty
    resume: str | None = MISSING  # a run folder (or one of its checkpoints) to go on with
