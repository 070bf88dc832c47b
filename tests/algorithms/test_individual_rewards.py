"""algorithm.reward=individual: every agent learns the values of its own rewards, and sends no row."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedqmix.algorithms import ALGORITHMS, Algorithm, find_algorithm
from fedqmix.algorithms.individual import NoTeamLoss, make_individual_half, with_reward
from fedqmix.algorithms.q_learning.agent import QLearningAgent
from fedqmix.algorithms.q_learning.team import IqlTeam
from fedqmix.clients.acting import play_batch
from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.learning import agent_rows, train_step
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, DivergenceError
from fedqmix.runtime.core.tally import TalliedWorld
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.runtime.runs.lifecycle.memory_need import of_run
from support.episodes import in_double, random_episode, store, with_individual_rewards, without_kernels
from support.pay_world import PAY, SPEC, TEAM_PAY, PayWorld
from support.plain import PlainTeam
from support.toy_team import ToyTeam, algorithm, make_agents, make_learner, make_team
from support.toy_world import toy_spec
from support.watched import WatchedMixer

FOREVER = 10**9
FLOAT64 = 1e-10
TOY = toy_spec(n_agents=3, n_actions=4, limit=5)
LENGTHS = (1, 5, 3, 5, 1, 4, 2)
KERNELS_AND_TORCH = pytest.mark.parametrize("backend", ["auto", "torch"])


def paid(name: str, backend: str = "auto", **changes) -> ToyTeam:
    """A team in PayWorld, which acts uniformly at random or by its policy."""
    settings = algorithm(name=name, **{"batch_size": 16, "buffer_size": 16, "parallel_episodes": 16} | changes)
    learner = make_learner(SPEC, settings, backend=backend)
    agents = make_agents((0, 1), SPEC, settings, backend=backend)
    return ToyTeam(agents, TalliedWorld(PayWorld(learner.records)), learner)


def greedy_actions(team: ToyTeam) -> list[int]:
    """Each agent's last action when all act greedily."""
    played, _ = play_batch(team.agents, team.world, EpisodeBatch(Purpose.EVALUATION, 0, 1), epsilon=0.0)
    return played.actions[:, 1, 0].tolist()


def sampled(team: ToyTeam):
    """Rows and actions of the newest batch: [agents, time, episodes] each."""
    episodes = sample_episodes(team.agents.ring, np.arange(16))
    rows = agent_rows(team.agents, episodes).rows
    order = episodes.timeline
    actions = episodes.actions[:, torch.from_numpy(episodes.rows[order.taken])]
    return {name: row.detach().view(2, -1, 16) for name, row in rows.items()}, actions.view(2, 2, 16)


@KERNELS_AND_TORCH
def test_q_values_are_those_of_the_agents_own_rewards(backend: str) -> None:
    """At the end what the action pays; before, gamma times the best pay. The team's reward says otherwise."""
    exploring = {"epsilon_finish": 1.0, "updates_per_episode": 0.25, "learning_rate": 0.02}
    team = paid("iql", backend, reward="individual", gamma=0.5, **exploring)
    train_round(team.agents, team.world, team.learner, RoundPlan(200, FOREVER, False))
    rows, actions = sampled(team)
    for agent in range(2):
        expected = PAY[agent][actions[agent, 1].numpy()]
        assert set(expected) == {PAY[agent, 1], PAY[agent, 2]}
        assert rows["q_taken"][agent, 1].numpy() == pytest.approx(expected, abs=0.1)
        assert rows["q_taken"][agent, 0].numpy() == pytest.approx(np.full(16, 0.5 * PAY[agent, 2]), abs=0.1)
    assert greedy_actions(team) == [2, 2]


def test_with_the_teams_reward_the_same_agents_learn_the_team_s_choice() -> None:
    """Uniformly random teammates take action 1 half of the time: action 1 is worth half of what the team earns."""
    team = paid("iql", gamma=0.5, epsilon_finish=1.0, updates_per_episode=0.25, learning_rate=0.01)
    train_round(team.agents, team.world, team.learner, RoundPlan(300, FOREVER, False))
    assert greedy_actions(team) == [1, 1]
    rows, actions = sampled(team)
    ones = actions[:, 1] == 1
    assert float(rows["q_taken"][:, 1][ones].mean()) == pytest.approx(TEAM_PAY / 2, abs=1.5)
    assert float(rows["q_taken"][:, 1][~ones].mean()) == pytest.approx(0, abs=1.5)


@pytest.mark.parametrize(("reward", "action"), [("individual", 2), ("team", 1)])
def test_policies_follow_the_reward_that_was_chosen(reward: str, action: int) -> None:
    """The critic's value of the last moment is what its agent then earns."""
    team = paid("ippo", reward=reward, epsilon_finish=1.0, gamma=0.5, entropy_coefficient=0.0, epochs=5)
    train_round(team.agents, team.world, team.learner, RoundPlan(200, FOREVER, False))
    assert greedy_actions(team) == [action, action]
    rows, actions = sampled(team)
    assert (actions[:, 1] == action).float().mean() > 0.9
    expected = PAY[:, 2] if reward == "individual" else np.full(2, TEAM_PAY)
    assert rows["value"][:, 1].mean(1).numpy() == pytest.approx(expected, rel=0.15)


@KERNELS_AND_TORCH
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("td_lambda", [0.0, 0.6])
def test_steps_agree_with_plain_autograd(backend: str, shared: bool, td_lambda: float) -> None:
    """Gradients, their joint norm and its clipping, and three steps of Adam, in float64; episodes are ragged."""
    settings = algorithm(name="iql", reward="individual", td_lambda=td_lambda, batch_size=5, grad_norm_clip=0.05)
    agents, learner = make_agents((0, 1, 2), TOY, settings), make_learner(TOY, settings)
    if backend == "torch":
        without_kernels(agents, learner)
    if shared:
        agents.load({name: value[:1].expand_as(value) for name, value in agents.online.items()})
    in_double(agents, learner)
    random = np.random.default_rng(11)
    drawn = (random_episode(random, TOY, length, bool(at % 2)) for at, length in enumerate(LENGTHS))
    episodes = [with_individual_rewards(random, one, TOY.n_agents) for one in drawn]
    store(episodes, agents, learner)
    networks = [{name: value[agent] for name, value in agents.online.items()} for agent in agents.agent_ids]
    plain = PlainTeam(networks[:1] if shared else networks, {}, TOY.n_agents, settings)
    for _ in range(3):
        mixer = WatchedMixer(learner, agents)
        batch = [episodes[slot] for slot in learner.slots]
        train_step(agents, mixer, shared)
        expected = plain.step(batch)
        assert learner.report() == {"grad_norm": pytest.approx(expected.norm, rel=FLOAT64)}
        assert mixer.scale == pytest.approx(expected.scale, rel=FLOAT64)
        assert mixer.scale < 1
        for agent in agents.agent_ids:
            own = 0 if shared else agent
            for name in agents.online:
                assert torch.allclose(mixer.gradients[name][agent], expected.gradients[own][name], rtol=0, atol=1e-12)
                learned = plain.networks[own][name].detach()
                assert torch.allclose(agents.online[name][agent].detach(), learned, rtol=0, atol=1e-10), name


def test_no_row_is_exchanged_and_training_steps_are_counted() -> None:
    team = make_team(algorithm(name="iql", reward="individual"))

    def exchange(rows):
        raise AssertionError(f"rows {list(rows)} were sent")

    team.learner.exchange = exchange
    train_round(team.agents, team.world, team.learner, RoundPlan(6, FOREVER, False))
    assert team.learner.train_steps == team.agents.train_steps == 6
    report = team.learner.report()
    assert report["grad_norm"] > 0
    assert not {"loss", "td_error_abs"} & set(report)


@pytest.mark.parametrize("name", ["iql", "ippo"])
def test_the_buffer_holds_each_agents_own_rewards_and_ends(name: str) -> None:
    newest = {"batch_size": 6, "buffer_size": 6, "parallel_episodes": 6, "epsilon_finish": 1.0}
    team = make_team(algorithm(name=name, reward="individual", **newest))
    counted = []
    step = team.world.step

    def listening(actions):
        time_step = step(actions)
        counted.append((time_step.individual_rewards.copy(), time_step.terminated.copy()))
        return time_step

    team.world.step = listening
    train_round(team.agents, team.world, team.learner, RoundPlan(1, FOREVER, False))
    ring = team.agents.ring
    for slot, length in enumerate(ring.lengths(np.arange(6)).tolist()):
        rows = slice(slot * (ring.limit + 1), slot * (ring.limit + 1) + length)
        for time in range(length):
            own, terminated = counted[time][0][:, slot], counted[time][1][slot]
            assert ring.columns["individual_reward"][:, rows][:, time].tolist() == own.tolist()
            assert ring.columns["terminated"][:, rows][:, time].tolist() == [terminated] * 3
    assert ring.fields["individual_reward"].dtype == torch.float32
    assert ring.fields["terminated"].dtype == torch.bool
    assert float(sum(own.sum() for own, _ in counted)) > 0


@pytest.mark.parametrize("name", ["iql", "ippo"])
def test_the_team_s_reward_needs_no_column(name: str) -> None:
    assert not {"individual_reward", "terminated"} & set(make_agents((0,), TOY, algorithm(name=name)).ring.fields)


def test_the_columns_memory_is_counted() -> None:
    """5 bytes for each agent and moment: a float32 and a bool."""
    team, individual = (of_run(compose(["algorithm=iql", f"algorithm.reward={one}"])) for one in ("team", "individual"))
    spec = team_spec("3m", compose([]).env)
    assert individual.episode - team.episode == 5 * spec.n_agents * (spec.episode_limit + 1)


def test_episodes_without_own_rewards_cannot_be_restored() -> None:
    """The checkpoint of a run that learned from the team's reward."""
    before = make_team(algorithm(name="iql"))
    train_round(before.agents, before.world, before.learner, RoundPlan(1, FOREVER, False))
    ring = make_agents((0, 1, 2), toy_spec(), algorithm(name="iql", reward="individual")).ring
    with pytest.raises(CheckpointError, match=r"must hold .*'individual_reward'.* Resume with the settings"):
        ring.restore(0, before.agents.ring.packed(0))
    assert ring.added == 0


@KERNELS_AND_TORCH
def test_a_gradient_that_is_not_finite_names_its_agent_and_changes_nothing(backend: str) -> None:
    team = paid("iql", backend, reward="individual")
    train_round(team.agents, team.world, team.learner, RoundPlan(1, FOREVER, False))
    team.agents.ring.columns["individual_reward"][1] = torch.inf
    before = {name: value.clone() for name, value in team.agents.state().items()}
    with pytest.raises(DivergenceError, match=r"the gradient of .* of agent 1"):
        train_step(team.agents, team.learner)
    assert all(torch.equal(value, before[name]) for name, value in team.agents.state().items())
    assert team.learner.train_steps == 1


class Normed(IqlTeam):
    """A half that keeps IqlTeam's claim to be independent, and has a parameter."""

    def make_mixer(self) -> torch.nn.Module:
        return torch.nn.LayerNorm(3)


def test_only_independent_halves_without_networks_can() -> None:
    own = algorithm(name="own", reward="individual")
    for name, one in ALGORITHMS.items():
        if name in ("iql", "ippo"):
            found = with_reward(one, own)
            assert (found.rows, found.team, found.individual) == ((), NoTeamLoss, one.team)
            assert {"individual_reward", "terminated"} <= set(found.recorded)
            continue
        with pytest.raises(
            ConfigurationError, match=rf"{one.team.__name__} is not independent, .*algorithm.reward=team"
        ):
            with_reward(one, own)
    found = with_reward(Algorithm(QLearningAgent, Normed), own)
    with pytest.raises(ConfigurationError, match=r"Normed .* has parameters \(mixer.weight, mixer.bias\)"):
        make_individual_half(found.individual, TOY, own)


@pytest.mark.parametrize("name", ["iql", "ippo"])
def test_the_settings_choose(name: str) -> None:
    assert find_algorithm(algorithm(name=name)) is ALGORITHMS[name]
    assert find_algorithm(algorithm(name=name, reward="individual")).rows == ()
