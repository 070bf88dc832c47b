"""The contract of an algorithm, as tests for pytest.

Derive from AlgorithmContract and set `algorithm`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from fedqmix.algorithms import ALGORITHMS, make_team_half
from fedqmix.algorithms.base import (
    COLUMNS,
    INDIVIDUAL_REWARD,
    TERMINATED,
    Algorithm,
    TeamInputs,
    learn,
    target_of,
)
from fedqmix.algorithms.individual import with_reward
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.learning import agent_rows
from fedqmix.clients.rows import backward_batched
from fedqmix.conf.registry import make_settings
from fedqmix.conf.schema import AlgorithmConfig, ModelConfig
from fedqmix.networks.contract import SPEC
from fedqmix.runtime.core.episodes import SampledEpisodes, StepDraws, TeamTransitions
from fedqmix.runtime.core.existence import entries
from fedqmix.runtime.core.rows import name_faults
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.storage.draw import slots_to_learn_from

LENGTHS = (6, 5, 5, 3, 1)
CPU = torch.device("cpu")
VARYING = np.array([[1, 1, 0, 1, 1], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1]], np.bool_)
"""[agents, episodes]: teams of different sizes."""
RARE = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], np.bool_)
"""The last agent exists in no episode."""

SIZES: Mapping[str, Any] = {
    "mixing_embed": 4,
    "hypernetwork_layers": 2,
    "hypernetwork_hidden": 5,
    "alpha": 0.3,
    "central_hidden": 7,
    "attention_heads": 3,
    "attention_layers": 2,
    "encoding_embed": 5,
    "joint_hidden": 7,
    "lambda_opt": 0.7,
    "lambda_nopt": 0.3,
    "epochs": 3,
    "clip_ratio": 0.2,
    "gae_lambda": 0.9,
    "entropy_coefficient": 0.05,
    "value_coefficient": 0.5,
    "normalise_advantages": True,
    "critic_hidden": 7,
    "token_width": 8,
    "mixer_blocks": 2,
    "mixer_width": 6,
    "mixer_heads": 2,
    "imagined_weight": 0.3,
}
"""Small values of the settings that only some algorithms have."""


class AlgorithmContract:
    """The properties of an algorithm.

    algorithm: the pair of halves. changes: settings other than the defaults; with reward="individual", the losses are
    those that agents compute from their own rewards. spec: the team's sizes (for methods that need entities,
    networks.contract.ENTITY_SPEC). model: the networks' settings.
    """

    algorithm: ClassVar[Algorithm]
    spec: ClassVar[TeamSpec] = SPEC
    changes: ClassVar[dict[str, Any]] = {}
    model: ClassVar[ModelConfig] = ModelConfig(
        name="gru", hidden=8, initialisation="uniform", agent_id=True, last_action=True
    )

    def settings(self) -> AlgorithmConfig:
        """Return settings of small sizes, overridden by `changes`."""
        name = next((name for name, one in ALGORITHMS.items() if one is self.algorithm), "own")
        values: dict[str, Any] = {
            "code": None,
            "learning_rate": 0.01,
            "gamma": 0.9,
            "td_lambda": 0.6,
            "batch_size": len(LENGTHS),
            "buffer_size": len(LENGTHS),
            "parallel_episodes": 1,
            "updates_per_episode": 1.0,
            "double_q": True,
            "target_update_interval": 100,
            "target_update_rate": 1.0,
            "grad_norm_clip": 10.0,
            "max_q": None,
            "max_gradient": None,
            "epsilon_start": 1.0,
            "epsilon_finish": 0.1,
            "epsilon_anneal_steps": 100,
            "exploration_draws": "agent",
            "reward": "team",
            **SIZES,
        }
        found: AlgorithmConfig = make_settings("algorithm", name, values, self.changes)
        return found

    def stack(
        self, agent_ids: tuple[int, ...], exists: np.ndarray | None = None, absent_sees: float = 0.0
    ) -> AgentStack:
        """Return agents with random episodes of different lengths; an agent has the same ones in any stack.

        exists: [agents, episodes] of the whole team; None: all exist. absent_sees: every number that an agent observes
        in an episode in which it does not exist (a world's zeros, or others to show that they do not count).
        """
        common = self.spec, self.model, self.settings()
        algorithm = with_reward(self.algorithm, self.settings())
        agents = AgentStack(agent_ids, *common, seed=1, device=CPU, backend="torch", algorithm=algorithm)
        columns: dict[str, list[np.ndarray]] = {}
        moments, count = self.spec.episode_limit + 1, len(LENGTHS)
        for agent in agent_ids:
            random = np.random.default_rng(agent)
            available = random.random((moments, count, self.spec.n_actions)) < 0.6
            actions = random.integers(0, self.spec.n_actions, (moments, count))
            np.put_along_axis(available, actions[..., None], True, axis=-1)
            seen = random.standard_normal((moments, count, self.spec.obs_dim)).astype(np.float32)
            if exists is not None:
                gone = ~exists[agent]
                seen[:, gone], actions[:, gone] = absent_sees, 0
                available[:, gone] = np.arange(self.spec.n_actions) == 0
            own = {"observations": seen, "available_actions": available, "actions": actions}
            for name in agents.recorded:
                own[name] = _recorded(name, random.random((moments, count), dtype=np.float32))
            for name, column in own.items():
                columns.setdefault(name, []).append(np.asarray(column))
        stacked = {name: torch.from_numpy(np.stack(column)) for name, column in columns.items()}
        here = None if exists is None else exists[list(agent_ids)]
        agents.ring.add(stacked, np.array(LENGTHS, np.int64), here)
        return agents

    def transitions(self, agents: AgentStack) -> TeamTransitions:
        """Return random states and team rewards for the episodes that `rows` samples."""
        random = np.random.default_rng(99)
        order = timeline(agents.ring.lengths(self.slots(agents)))
        states = torch.from_numpy(random.standard_normal((order.moments, self.spec.state_dim)).astype(np.float32))
        rewards = torch.from_numpy(random.standard_normal(order.transitions).astype(np.float32))
        not_terminated = torch.ones(order.transitions)
        not_terminated[torch.from_numpy(order.ends[::2])] = 0
        after = np.arange(order.batch, order.moments)
        if agents.individual_loss is not None:
            rewards, not_terminated = self.recorded(agents)
        exists = agents.ring.exists(self.slots(agents))
        here = None if exists is None else entries(torch.from_numpy(exists), order, "transition")
        draws = StepDraws(agents.seed, agents.train_steps)
        return TeamTransitions(states, order.taken, after, rewards, not_terminated, order, here, draws)

    def episodes(self, agents: AgentStack) -> SampledEpisodes:
        """Return the sampled episodes."""
        return sample_episodes(agents.ring, self.slots(agents), StepDraws(agents.seed, agents.train_steps))

    def recorded(self, agents: AgentStack) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the recorded individual rewards [agents, transitions] and not_terminated [transitions]."""
        episodes = self.episodes(agents)
        taken = episodes.rows[episodes.timeline.taken]
        rewards, terminated = (episodes.recorded[name][:, taken] for name in (INDIVIDUAL_REWARD, TERMINATED))
        return rewards, 1 - terminated[0].float()

    def slots(self, agents: AgentStack) -> np.ndarray:
        """Return the slots of the sampled episodes."""
        return slots_to_learn_from(agents.ring, len(LENGTHS), agents.seed, 0, agents.half.replay)

    def gradients(self, agents: AgentStack, team: TeamInputs) -> Mapping[str, torch.Tensor]:
        """Return the rows' gradients as a training step has them: from the team half, or from the agents' losses."""
        if agents.individual_loss is not None:
            episodes = self.episodes(agents)
            return agents.individual_loss.gradients(team.rows, episodes, agents.thread_pool)
        gradients, figures = learn(team, self.algorithm.rows)
        assert set(figures) == set(team.half.figures)
        return gradients

    def test_rows_are_those_declared(self) -> None:
        """Names, types and shapes match the declaration; floating-point numbers are finite."""
        agents = self.stack((0, 1, 2))
        found = agent_rows(agents, self.episodes(agents)).rows
        assert name_faults(found, self.algorithm.rows) is None
        order = timeline(agents.ring.lengths(self.slots(agents)))
        for row in self.algorithm.sized_rows(self.spec, self.settings()):
            assert tuple(found[row.name].shape) == (3, row.count(order), *row.lengths), row.name
            assert str(found[row.name].dtype).removeprefix("torch.") == row.dtype, row.name
            assert torch.isfinite(found[row.name].double()).all(), row.name
            if row.below is not None:
                assert ((found[row.name] >= 0) & (found[row.name] < int(row.below))).all(), row.name

    def test_gradients_through_the_cut_are_those_of_the_joint_loss(self) -> None:
        """The agents' gradients equal the gradients of one autograd graph without a cut, to 1e-6."""
        self.compare_with_joint_loss(None)

    def test_gradients_of_teams_of_several_sizes_are_those_of_the_joint_loss(self) -> None:
        """The same holds where agents do not exist in some of the episodes."""
        self.compare_with_joint_loss(VARYING)

    def compare_with_joint_loss(self, exists: np.ndarray | None) -> None:
        """Compare gradients through the cut with those of the joint loss. exists: as for `stack`."""
        agents = self.stack((0, 1, 2), exists)
        half = make_team_half(self.algorithm, self.settings(), self.spec, seed=2)
        target = target_of(make_team_half(self.algorithm, self.settings(), self.spec, seed=3))
        transitions, episodes = self.transitions(agents), self.episodes(agents)
        cut = agent_rows(agents, episodes)
        given = {name: row.detach() for name, row in cut.rows.items()}
        gradients = self.gradients(agents, TeamInputs(half, target, given, transitions))
        agents.train_state.zero_gradients()
        backward_batched([(cut, gradients)])
        own = {name: value.grad.clone() for name, value in half.named_parameters() if value.grad is not None}
        through = {name: value.grad.clone() for name, value in agents.online.items() if value.grad is not None}

        agents.by_agent = False  # one graph over the whole stack
        agents.train_state.zero_gradients()
        half.zero_grad()
        joint = agent_rows(agents, episodes)
        loss, _ = half.loss(target, joint.rows, transitions)
        torch.autograd.backward(loss)
        for name, value in agents.online.items():
            expected = torch.zeros_like(value) if value.grad is None else value.grad
            assert torch.allclose(through[name], expected, rtol=1e-5, atol=1e-6), name
        for name, value in half.named_parameters():
            if value.grad is not None:
                assert torch.allclose(own[name], value.grad, rtol=1e-5, atol=1e-6), name

    def test_stacks_of_one_send_what_a_stack_of_all_sends(self) -> None:
        """Every agent's rows, and its gradients from individual rewards, are the same bit for bit in any stack."""
        for exists in (None, VARYING, RARE):
            whole = self.of_step(self.stack((0, 1, 2), exists))
            for agent in range(3):
                own = self.of_step(self.stack((agent,), exists))
                assert all(torch.equal(own[name][0], row[agent]) for name, row in whole.items())

    def test_agents_that_do_not_exist_send_zeros_and_learn_nothing(self) -> None:
        """Their rows are 0, whatever they observe; they change no gradient, and an agent that never exists has none."""
        found = []
        for sees in (0.0, 3.0):
            agents = self.stack((0, 1, 2), RARE, sees)
            episodes = self.episodes(agents)
            computed = agent_rows(agents, episodes)
            transitions, order = self.transitions(agents), episodes.timeline
            assert episodes.exists is not None
            for row in self.algorithm.agent.rows:
                here = entries(torch.from_numpy(episodes.exists), order, row.per)
                assert not computed.rows[row.name][~here].any(), row.name
            half = make_team_half(self.algorithm, self.settings(), self.spec, seed=2)
            given = {name: row.detach() for name, row in computed.rows.items()}
            gradients = self.gradients(agents, TeamInputs(half, target_of(half), given, transitions))
            agents.train_state.zero_gradients()
            # a mixer may return a gradient of an absent agent's zeros, which ends at the agent
            backward_batched([(computed, {name: gradient + 1 for name, gradient in gradients.items()})])
            found.append({name: value.grad for name, value in agents.online.items() if value.grad is not None})
        for name, gradient in found[0].items():
            assert torch.equal(gradient, found[1][name]), name
            assert not gradient[2].any(), name
        assert any(gradient[1].any() for gradient in found[0].values())

    def of_step(self, agents: AgentStack) -> dict[str, torch.Tensor]:
        """Return the tensors that a stack computes before the team's side is asked: [agents, ...] by name."""
        episodes = self.episodes(agents)
        rows = {name: row.detach() for name, row in agent_rows(agents, episodes).rows.items()}
        if agents.individual_loss is None:
            return rows
        gradients = agents.individual_loss.gradients(rows, episodes, agents.thread_pool)
        return rows | {f"gradient of {name}": gradient for name, gradient in gradients.items()}


def _recorded(name: str, drawn: np.ndarray) -> np.ndarray:
    """Return a recorded column [moments, episodes] from draws in [0, 1)."""
    if name == TERMINATED:  # as a world reports it to all agents: of every second episode, at its end
        times, episodes = np.arange(len(drawn))[:, None], np.arange(len(LENGTHS))
        ended: np.ndarray = (times + 1 >= np.array(LENGTHS)) & (episodes % 2 == 0)
        return ended
    signed = 4 * drawn - 2 if name == INDIVIDUAL_REWARD else -drawn
    return signed.astype(COLUMNS[name])
