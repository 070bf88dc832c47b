"""-m: one run per combination, each with a folder of its own, and a mistake in any of them stops all."""

import pytest

from fedqmix.runtime.configuration.settings import compose, expand
from fedqmix.runtime.core.errors import ConfigurationError

MAPS = ("3m", "8m")


def test_every_combination_is_a_run_in_order() -> None:
    runs = expand(["strategy=none,a_pps", "seed=0,1,2", "map=8m"], maps=MAPS)
    assert runs == [[f"strategy={one}", f"seed={seed}", "map=8m"] for one in ("none", "a_pps") for seed in (0, 1, 2)]


def test_ranges_globs_and_lists_are_hydras() -> None:
    assert expand(["seed=range(2,5)"], maps=MAPS) == [["seed=2"], ["seed=3"], ["seed=4"]]
    assert expand(["strategy=glob(*p_pps)"], maps=MAPS) == [["strategy=pp_pps"]]
    assert len(expand(["strategy.shared=[head.*],[fc.*,head.*]"], maps=MAPS)) == 2


def test_nothing_to_sweep_is_one_run() -> None:
    assert expand(["seed=4"], maps=MAPS) == [["seed=4"]]


def test_each_run_has_a_folder_of_its_own_even_within_a_second() -> None:
    runs = expand(["algorithm.gamma=0.9,0.95,0.99"], maps=MAPS)
    assert len({compose(run, maps=MAPS).run_dir for run in runs}) == 3
    assert len({compose(["seed=1"], maps=MAPS).run_dir for _ in range(5)}) == 5


def test_one_folder_for_several_runs_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'seed=0 run_dir=here' and 'seed=1 run_dir=here' would both write"):
        expand(["seed=0,1", "run_dir=here"], maps=MAPS)
    assert len(expand(["seed=0,1", "run_dir='here-${seed}'"], maps=MAPS)) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["strategy=none,apps"], "did you mean 'a_pps'?"),
        (["seed=0,-1"], "seed=-1 is out of range"),
        (["algorithm.gamma=interval(0,1)"], "cannot sweep"),
        (["sed=0,1"], "did you mean 'seed=0,1'?"),
    ],
)
def test_a_mistake_in_the_last_run_stops_the_first(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        expand(words, maps=MAPS)
    assert message in str(caught.value)
