"""The question about identities over real gRPC, with every byte recorded: no transition leaves an agent."""

import numpy as np
import pytest
import torch
from flwr.app import ConfigRecord

from fedqmix.clients.identity.answers import answer_identity
from fedqmix.clients.identity.training import IdentityPlan, IdentityTraining
from fedqmix.clients.identity.transitions import Transitions, play_randomly
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import FederationError, RefusedError
from support.bad_wire import BadWire
from support.federation import Federation, together
from support.toy_team import make_team
from support.toy_world import SECRET, ToyWorld

BEFORE = Attempt("a run", 0, 1)
PLAN = {
    m.ROUND: 0,
    m.FIRST_EPISODE: 0,
    m.EPISODES: 6,
    m.TRAINING_STEPS: 20,
    m.IDENTITY_BATCH: 8,
    m.LATENT: 4,
    m.KL_WEIGHT: 1e-4,
}
OWN_SCALE = np.float32(1.1731)  # so that no sum of team rewards is an own reward


def pieces(transitions: Transitions) -> list[bytes]:
    """Return the private numbers, four in a row with a fraction: a state too may hold 0, 1, 1, 0."""
    found = []
    for column in transitions:
        rows = column.astype(np.float32).reshape(-1)
        found += [rows[at : at + 4] for at in range(0, len(rows) - 3, 4)]
    return [piece.tobytes() for piece in found if (piece % 1).any()]


@pytest.mark.parametrize("average_every", [0, 5], ids=["gradients", "decoders"])
def test_agents_learn_what_one_process_learns_and_send_no_transition(
    average_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyWorld, "own_scale", OWN_SCALE)
    wires: dict[int, BadWire] = {}

    def via(port: int) -> int:
        wires.setdefault(port, BadWire(port))
        return wires[port].port

    fed = Federation(via=via)
    via(fed.world_port), via(fed.mixer_port)  # one wire each, before the agents connect at the same time
    fed.open(BEFORE, "identity")
    stacks = fed.stacks()
    plan = ConfigRecord({**PLAN, m.AVERAGE_EVERY: average_every})

    def learn(agent: int) -> torch.Tensor:
        world, mixer = fed.remote(agent, BEFORE)
        found, _ = answer_identity(stacks[agent], world, mixer, plan)
        return found[m.IDENTITY_MEAN][0]

    means = torch.stack(together(learn))
    fed.close()
    said = b"\0".join(bytes(stream) for stream in wires[fed.mixer_port].said)
    heard = b"\0".join(bytes(stream) for stream in wires[fed.world_port].answered)
    for wire in wires.values():
        wire.close()

    team = make_team()
    transitions, _ = play_randomly(team.agents, team.world, 0, 6)
    training = IdentityTraining(team.agents, IdentityPlan(4, 1e-4, 8, average_every), transitions)
    training.train(20, team.learner)
    assert torch.equal(means, training.means)
    assert SECRET.tobytes() in heard
    assert SECRET.tobytes() not in said
    private = pieces(transitions)
    assert len(private) > 50
    assert not any(piece in said for piece in private)
    assert all(mean.numpy().tobytes() not in said for mean in means)  # the server alone gets the means


def test_nothing_else_is_learned_in_such_an_attempt() -> None:
    fed = Federation()
    fed.open(BEFORE, "identity")

    def clip(agent: int) -> None:
        _, mixer = fed.remote(agent, BEFORE)
        with pytest.raises(RefusedError, match="Nothing is learned in this attempt"):
            mixer.clip(torch.zeros(1, dtype=torch.float64))

    assert together(clip) == [None] * 3
    fed.close()


WRONG = {
    m.EPISODES: [0, -1, True, 1.5, "x", 10**6],
    m.LATENT: [0, 257],
    m.IDENTITY_BATCH: [0, 5000],
    m.TRAINING_STEPS: [0, 9, 10**8],
    m.KL_WEIGHT: [-1.0, float("nan"), float("inf"), True],
    m.FIRST_EPISODE: [-1],
    m.AVERAGE_EVERY: [-1],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_plan_that_is_not_valid_is_refused_before_anything_is_played(name: str, value: object) -> None:
    team = make_team()
    plan = ConfigRecord({**PLAN, m.AVERAGE_EVERY: 0, name: value})  # type: ignore[dict-item]
    with pytest.raises(FederationError, match=rf"the plan's {name} must be"):
        answer_identity(team.agents, team.world, team.learner, plan)
    assert team.world.counted() == {}
