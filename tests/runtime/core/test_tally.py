"""What a world counts is what its agents add up, episode by episode."""

import numpy as np
import pytest

from fedqmix.clients.playing import play
from fedqmix.runtime.core.tally import TalliedWorld
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from support.toy_team import algorithm, make_agents, make_learner
from support.toy_world import ToyWorld, toy_spec

SPEC = toy_spec()


class Breaking(ToyWorld):
    """Games of these episodes break down the first time."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.to_break = {3, 5}

    def _break_down(self, batch) -> None:
        for place in range(batch.count):
            if batch.first + place in self.to_break and self._time == 2:
                self.to_break.discard(batch.first + place)
                self._turn.terminated[place] = self._turn.broken[place] = True


def tallied(world=ToyWorld):
    return TalliedWorld(world(SPEC, 5, make_learner(SPEC, algorithm()).records))


@pytest.mark.parametrize("kind", [ToyWorld, Breaking])
def test_counts_equal_what_the_agents_say_to_the_last_bit(kind):
    world = tallied(kind)
    agents = make_agents(tuple(range(SPEC.n_agents)), SPEC, algorithm())
    individual_returns, lengths, won, broken = np.zeros(SPEC.n_agents), 0, 0, 0
    for first, count in ((0, 7), (7, 2), (9, 5)):
        played = play(agents, world, EpisodeBatch(Purpose.TRAINING, first, count), 0.5)
        individual_returns += played.individual_returns
        lengths, won = lengths + int(played.lengths.sum()), won + int(played.won.sum())
        broken += played.broken
    counted = world.counted()[Purpose.TRAINING]
    assert counted.individual_returns == tuple(individual_returns.tolist())
    assert (counted.episodes, counted.env_steps, counted.won, counted.broken) == (14, lengths, won, broken)
    assert broken == (2 if kind is Breaking else 0)


def test_purposes_are_counted_apart_and_forgotten_together():
    world, agents = tallied(), make_agents((0, 1, 2), SPEC, algorithm())
    play(agents, world, EpisodeBatch(Purpose.TRAINING, 0, 2), 1.0)
    shown = play(agents, world, EpisodeBatch(Purpose.EVALUATION, 0, 3), 0.0)
    assert world.counted()[Purpose.EVALUATION].win_rate == float(shown.won.mean())
    assert world.counted()[Purpose.TRAINING].episodes == 2
    world.forget()
    assert world.counted() == {}


def test_a_batch_that_is_left_in_the_middle_is_not_counted():
    world, agents = tallied(), make_agents((0, 1, 2), SPEC, algorithm())
    world.begin(EpisodeBatch(Purpose.TRAINING, 0, 2))
    play(agents, world, EpisodeBatch(Purpose.TRAINING, 2, 2), 1.0)
    assert world.counted()[Purpose.TRAINING].episodes == 2
