"""The identity model: transitions as the world had them, and federated training equal to training in one place."""

import numpy as np
import pytest
import torch

from fedqmix.algorithms.base import INDIVIDUAL_REWARD
from fedqmix.clients.compiled_train_state import CompiledTrainState
from fedqmix.clients.identity.model import LOG_VARIANCE, MEAN, IdentityModel
from fedqmix.clients.identity.training import DECODER_RATE, TABLE_RATE, IdentityPlan, IdentityTraining
from fedqmix.clients.identity.transitions import AT_ONCE, play_randomly
from fedqmix.networks.base import Parameters
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import DivergenceError
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.server.team_records import TeamRecords
from support.toy_team import CPU, algorithm, make_agents, make_learner, make_team
from support.toy_world import ToyWorld, toy_spec

PLAN = IdentityPlan(latent=4, kl_weight=1e-3, batch=8, average_every=0)


def doubled(values: Parameters) -> Parameters:
    return {name: value.detach().double() for name, value in values.items()}


def trained(plan: IdentityPlan, steps: int, seed: int = 5) -> tuple[IdentityTraining, torch.Tensor]:
    team = make_team(seed=seed)
    transitions, _ = play_randomly(team.agents, team.world, 0, 6)
    training = IdentityTraining(team.agents, plan, transitions)
    return training, training.train(steps, team.learner)


@pytest.mark.parametrize("episodes", [4, AT_ONCE + 3], ids=["one batch", "two batches"])
def test_transitions_are_what_the_world_returned(episodes: int) -> None:
    spec = toy_spec()
    team = make_team(spec=spec)
    transitions, results = play_randomly(team.agents, team.world, 3, episodes)
    np.testing.assert_allclose(results.individual_returns, transitions.rewards.sum(1), rtol=1e-6)
    assert team.world.counted()[Purpose.IDENTITY].individual_returns == tuple(results.individual_returns)
    again, row = ToyWorld(spec, 5, TeamRecords(spec, 12, CPU)), 0
    for first in range(3, 3 + episodes, AT_ONCE):
        batch = EpisodeBatch(Purpose.IDENTITY, first, min(AT_ONCE, 3 + episodes - first))
        step = again.begin(batch)
        while (living := ~(step.terminated | step.truncated)).any():
            rows = slice(row, row + living.sum())
            assert np.array_equal(transitions.observations[:, rows], step.observations[:, living])
            actions = np.zeros((3, batch.count), np.int64)
            actions[:, living] = transitions.actions[:, rows]
            step = again.step(actions)
            assert np.array_equal(transitions.next_observations[:, rows], step.observations[:, living])
            assert np.array_equal(transitions.rewards[:, rows], step.individual_rewards[:, living])
            row = rows.stop
    assert row == transitions.actions.shape[1]


def test_the_exact_form_equals_training_in_one_place() -> None:
    """All transitions in one place, one decoder, torch's Adam: the independent computation.

    In float64: Adam divides by the size of gradients, so that in float32 rounding differs by 1e-3 after 200 steps.
    """
    team = make_team()
    transitions, _ = play_randomly(team.agents, team.world, 0, 6)
    transitions = transitions._replace(
        observations=transitions.observations.astype(np.float64),
        rewards=transitions.rewards.astype(np.float64),
        next_observations=transitions.next_observations.astype(np.float64),
    )
    training = IdentityTraining(team.agents, PLAN, transitions)
    pool = team.agents.thread_pool
    training._decoder = CompiledTrainState(doubled(training._decoder.online), DECODER_RATE, pool)
    training._table = CompiledTrainState(doubled(training._table.online), TABLE_RATE, pool)
    training.train(200, team.learner)

    model = IdentityModel(team.agents.spec, PLAN.latent, PLAN.kl_weight)
    decoder = {name: value[:1].requires_grad_() for name, value in doubled(model.draw_decoder(1, 5)).items()}
    table = {name: value.requires_grad_() for name, value in doubled(model.draw_table((0, 1, 2), 5)).items()}
    optimiser = torch.optim.Adam(
        [{"params": list(decoder.values()), "lr": DECODER_RATE}, {"params": list(table.values()), "lr": TABLE_RATE}]
    )
    agents = torch.arange(3).repeat_interleave(PLAN.batch)
    for step in range(200):
        columns, noises = [], []
        for agent in range(3):
            random = seeds.generator(5, "identity batch", agent, step)
            rows = random.integers(transitions.actions.shape[1], size=PLAN.batch)
            noises.append(random.standard_normal((PLAN.batch, PLAN.latent), dtype=np.float32))
            columns.append([column[agent, rows] for column in transitions])
        observations, actions, rewards, following = (
            torch.from_numpy(np.concatenate(one)) for one in zip(*columns, strict=True)
        )
        mean, log_variance = table[MEAN][agents], table[LOG_VARIANCE][agents]
        z = mean + (log_variance / 2).exp() * torch.from_numpy(np.concatenate(noises))
        features = torch.cat([z, observations, torch.nn.functional.one_hot(actions, 5)], 1)
        for name in ("fc1", "fc2"):
            features = (features @ decoder[f"{name}.weight"][0] + decoder[f"{name}.bias"][0]).relu()
        found = features @ decoder["head.weight"][0] + decoder["head.bias"][0]
        error = ((found - torch.cat([following, rewards[:, None]], 1)) ** 2).sum(1).reshape(3, -1).mean(1)
        divergence = -0.5 * (1 + table[LOG_VARIANCE] - table[MEAN] ** 2 - table[LOG_VARIANCE].exp()).sum(1)
        optimiser.zero_grad()
        # the decoder's gradient is the mean over agents; a row of the table has its agent's alone
        (error + PLAN.kl_weight * divergence).sum().backward()
        for value in decoder.values():
            value.grad /= 3
        optimiser.step()
    torch.testing.assert_close(training.means, table[MEAN].detach(), rtol=1e-8, atol=1e-9)
    for name, value in training._decoder.online.items():
        torch.testing.assert_close(value[1].detach(), decoder[name][0].detach(), rtol=1e-8, atol=1e-9)
        assert torch.equal(value[0], value[2])


def test_a_stack_and_stacks_of_one_learn_the_same_identities() -> None:
    """A federation's agents, whose sums are taken by one coordinator."""
    whole, _ = trained(PLAN, 5)
    spec, settings = toy_spec(), algorithm()
    pooled: list[torch.Tensor] = []

    class Recorded:
        """Keep what the whole team's steps summed, in order."""

        def __init__(self) -> None:
            self.learner = make_learner(spec, settings)

        def pool(self, gradients: torch.Tensor) -> torch.Tensor:
            pooled.append(self.learner.pool(gradients).clone())
            return pooled[-1]

    team = make_team()
    transitions, _ = play_randomly(team.agents, team.world, 0, 6)
    IdentityTraining(team.agents, PLAN, transitions).train(5, Recorded())  # type: ignore[arg-type]
    for agent in range(3):
        sums = iter(pooled)

        class Played:
            """Return the team's sums to one agent."""

            def pool(self, gradients: torch.Tensor, sums=sums, agent=agent) -> torch.Tensor:
                return next(sums)[agent : agent + 1]

        alone = make_agents((agent,), spec, settings)
        own = type(transitions)(*(column[agent : agent + 1] for column in transitions))
        one = IdentityTraining(alone, PLAN, own)
        one.train(5, Played())  # type: ignore[arg-type]
        assert torch.equal(one.means[0], whole.means[agent])


def test_averaged_decoders_are_equal_after_each_average_and_apart_between() -> None:
    plan = IdentityPlan(latent=4, kl_weight=1e-3, batch=8, average_every=3)
    for steps, equal in ((3, True), (5, False), (6, True)):
        decoder = trained(plan, steps)[0]._decoder.online
        assert all(torch.equal(value[0], value[1]) for value in decoder.values()) is equal, steps


def test_the_error_falls() -> None:
    training, first = trained(PLAN, 20)
    _, later = trained(PLAN, 400)
    assert (later < first).all()
    assert training.steps == 20


def test_an_error_that_is_not_finite_names_the_agent() -> None:
    team = make_team()
    transitions, _ = play_randomly(team.agents, team.world, 0, 6)
    transitions.rewards[1] = np.inf
    with pytest.raises(DivergenceError, match="the error of the identity model of agent 1"):
        IdentityTraining(team.agents, PLAN, transitions).train(1, team.learner)


def test_rewards_are_recorded_for_identities_alone() -> None:
    team = make_team()
    assert INDIVIDUAL_REWARD not in team.agents.recorded
    play_randomly(team.agents, team.world, 0, 2)
    assert team.agents.ring.filled == 0


def test_actions_are_uniform_also_where_a_policy_would_prefer_one() -> None:
    """A policy whose logit of one action is far above the others would take it in nearly every step."""
    team = make_team(algorithm("ippo"))
    with torch.no_grad():
        team.agents.online["head.bias"][:, 1] = 50.0
    transitions, _ = play_randomly(team.agents, team.world, 0, 40)
    assert np.bincount(transitions.actions.ravel(), minlength=5)[1:].min() > 40
