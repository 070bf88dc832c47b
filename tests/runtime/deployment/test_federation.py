"""A federation of real processes computes what one process does, and survives the loss of any of them.

Nothing stands in for anything: SuperLink, SuperNodes, world, mixer and agents are separate processes with TLS.
"""

import json
import random
import re
import signal
import time
from pathlib import Path

import pytest
import torch

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.verify import differences, numbers_of, tensors_of
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.storage.private import readable
from support.federated_run import FederatedRun

SMALL = ("experiment=smoke", "stop.env_steps=1000000", "evaluation.every_env_steps=1000")
N10 = "map=10m_vs_11m"
STRATEGIES = ("none", "a_pps", "rs_pps", "pp_pps", "full_sharing")


def trained_locally(folder: Path, *words: str) -> dict[str, torch.Tensor]:
    assert main(["train", *SMALL, *words, "checkpoint.every_rounds=1", f"run_dir={folder}"]) == 0
    return dict(numbers_of(folder))


def federated(folder: Path, *words: str) -> dict[str, torch.Tensor]:
    with FederatedRun(folder, *SMALL, *words, f"run_dir={folder}") as run:
        run.finish(900)
    return dict(tensors_of(folder))


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max(differences(one, other).values())


def test_a_federation_computes_what_one_process_does(tmp_path: Path) -> None:
    words = ("stop.rounds=1", "strategy=rs_pps", "strategy.aggregation_interval=10")
    with FederatedRun(tmp_path / "up", *SMALL, *words, f"run_dir={tmp_path / 'up'}") as run:
        run.finish()
    assert apart(trained_locally(tmp_path / "local", *words), dict(numbers_of(tmp_path / "up"))) == 0
    assert list((tmp_path / "local").rglob("replays/*.json.gz"))
    assert not list((tmp_path / "up").rglob("*.json.gz"))  # no party has units and Q-values


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "strategy",
    [
        ["strategy=rs_pps"],
        ["strategy=clusters", "strategy.clusters=[[0,1],[2]]"],
        ["strategy=adaps", "strategy.clusters=[[0,1],[2]]"],
        ["strategy=snp_ps", "strategy.every_step=true"],
    ],
)
def test_a_federation_computes_what_one_process_does_even_if_an_agent_is_killed_in_mid_round(
    tmp_path: Path, strategy: list[str]
) -> None:
    words = ("stop.rounds=3", *strategy, "strategy.aggregation_interval=30")
    words += ("evaluation.starts=both", "evaluation.around_aggregation=true")
    with FederatedRun(tmp_path / "up", *SMALL, *words, f"run_dir={tmp_path / 'up'}") as run:
        run.wait_for_round(1)
        time.sleep(1)
        victim = run.party("agent-1")
        assert victim is not None
        victim.kill()
        said = run.finish()
    for private in ("state", "logs"):
        assert len(list((tmp_path / "up" / private).rglob("*"))) > 5
        assert not list(readable(tmp_path / "up" / private))
    assert apart(trained_locally(tmp_path / "local", *words), dict(numbers_of(tmp_path / "up"))) == 0
    assert load(tmp_path / "up").runtime.name == "deployment"
    assert "agent-1 was started again" in said
    assert "sent in 3 rounds" in said


IDENTITIES = ("env=bps", "map=bps-1", "env.groups=2", "env.group_size=2", "strategy.clusters=2", "model=mlp")
IDENTITIES += ("algorithm=iql", "algorithm.reward=individual", "strategy.identity_steps=600", "stop.rounds=2")
IDENTITIES += ("strategy.identity_episodes=16", "strategy.aggregation_interval=10")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("strategy", ["seps", "adaps"])
@pytest.mark.parametrize("victim", ["agent-1", "mixer", "world"])
def test_identities_are_found_as_in_one_process_even_if_a_party_is_killed_meanwhile(
    tmp_path: Path, strategy: str, victim: str
) -> None:
    words = (*IDENTITIES, f"strategy={strategy}")
    with FederatedRun(tmp_path / "up", *SMALL, *words, f"run_dir={tmp_path / 'up'}") as run:
        run.wait_for_line("identities: 16 episodes")
        time.sleep(1)
        party = run.party(victim)
        assert party is not None
        party.kill()
        said = run.finish(600)
    assert f"{victim} was started again" in said
    assert "identities: clusters" in said
    assert apart(trained_locally(tmp_path / "local", *words), dict(numbers_of(tmp_path / "up"))) == 0
    figures = [json.loads((tmp_path / run / "summary.json").read_text())["strategy_figures"] for run in ("up", "local")]
    assert figures[0] == figures[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_that_is_killed_while_identities_are_learned_begins_them_again(tmp_path: Path) -> None:
    words = (*IDENTITIES, "strategy=adaps")
    with FederatedRun(tmp_path / "up", *SMALL, *words, f"run_dir={tmp_path / 'up'}") as run:
        run.wait_for_line("identities: 16 episodes")
        run.process.kill()
    with FederatedRun(tmp_path / "up", f"resume={tmp_path / 'up'}") as run:
        assert "identities: clusters" in run.finish(600)
    assert apart(trained_locally(tmp_path / "local", *words), dict(numbers_of(tmp_path / "up"))) == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_connections_that_are_slow_cut_and_repeated_change_nothing(tmp_path: Path) -> None:
    words = ("stop.rounds=3", "strategy=rs_pps", "strategy.aggregation_interval=30")
    program = ["-m", "support.over_bad_wires"]
    with FederatedRun(tmp_path / "up", *SMALL, *words, f"run_dir={tmp_path / 'up'}", program=program) as run:
        said = run.finish(800)
    assert apart(trained_locally(tmp_path / "local", *words), dict(numbers_of(tmp_path / "up"))) == 0
    cuts, repetitions = map(int, re.findall(r"(\d+) cuts, (\d+) repetitions", said)[0])
    assert min(cuts, repetitions) > 10


ALL = [(method, strategy) for method in ("qmix", "vdn", "iql") for strategy in STRATEGIES]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("algorithm", "strategy"), ALL)
def test_three_rounds_of_quick_are_the_same_bit_for_bit(
    algorithm: str, strategy: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """900 training steps: with one unit in the last place apart, the runs would part by an action."""
    assert main(["verify", f"algorithm={algorithm}", f"strategy={strategy}"]) == 0
    assert "the same bit for bit" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("algorithm", ["ippo", "mappo"])
def test_policies_of_a_federation_are_the_same_bit_for_bit(algorithm: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A round ends between two epochs of a batch."""
    words = (f"algorithm={algorithm}", "rounds=3", "strategy=rs_pps", "strategy.aggregation_interval=23")
    assert main(["verify", *SMALL, *words]) == 0
    assert "the same bit for bit" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("algorithm", "strategy"), [("iql", "rs_pps"), ("iql", "full_sharing"), ("ippo", "rs_pps")])
def test_agents_that_learn_from_their_own_rewards_are_the_same_bit_for_bit(
    algorithm: str, strategy: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = (f"algorithm={algorithm}", "algorithm.reward=individual", f"strategy={strategy}", "rounds=3")
    assert main(["verify", *SMALL, *words, "strategy.aggregation_interval=23"]) == 0
    assert "the same bit for bit" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("algorithm", "strategy"), [("qmix", strategy) for strategy in STRATEGIES] + ALL[-1:])
def test_a_round_of_ten_agents_is_the_same_bit_for_bit(
    algorithm: str, strategy: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = (N10, "rounds=1", f"algorithm={algorithm}", f"strategy={strategy}", "strategy.aggregation_interval=60")
    assert main(["verify", *words]) == 0
    assert "the same bit for bit" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("one", "other", "gap"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.0], [1.0, 2.5], 0.5),
        ([1.0, float("nan")], [1.0, 2.0], float("inf")),
        ([float("nan")], [float("nan")], 0.0),
        ([float("inf")], [float("inf")], 0.0),
        ([float("inf")], [float("-inf")], float("inf")),
        ([], [], 0.0),
    ],
)
def test_differences_hide_nothing(one: list[float], other: list[float], gap: float) -> None:
    found = differences({"agent-0/online.a": torch.tensor(one)}, {"agent-0/online.a": torch.tensor(other)})
    assert found == {"agent online": gap}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_federation_that_is_killed_whole_and_resumed_ends_as_one_process_does(tmp_path: Path) -> None:
    """More training steps than it takes for a unit in the last place to decide an action."""
    sizes = ("experiment=quick", "stop.win_rate=null", "strategy=rs_pps", "strategy.aggregation_interval=120")
    words, up = (*sizes, "stop.rounds=4"), tmp_path / "up"
    with FederatedRun(up, *words, f"run_dir={up}") as run:
        run.wait_for_round(1)
        time.sleep(2)
        run.party("mixer").kill()  # type: ignore[union-attr]
        run.wait_for_round(2)
        time.sleep(1)
        for process in (run.process, *run.everybody()):
            process.kill()
    with FederatedRun(up, f"resume={up}") as run:
        run.finish(600)
    assert main(["train", *words, "checkpoint.every_rounds=1", f"run_dir={tmp_path / 'local'}"]) == 0
    assert apart(dict(tensors_of(tmp_path / "local")), dict(tensors_of(up))) == 0


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_any_process_may_be_killed_at_any_moment_twice(tmp_path: Path) -> None:
    words = ("stop.rounds=14", "strategy=rs_pps", "strategy.reward=policy", "strategy.aggregation_interval=30")
    draws = random.Random(5)
    victims = ["world", "mixer", "agent-1", "supernode-2", "superlink"]
    with FederatedRun(tmp_path / "up", *SMALL, *words, f"run_dir={tmp_path / 'up'}") as run:
        for number, victim in enumerate(victims * 2, start=1):
            run.wait_for_round(number)
            time.sleep(draws.uniform(0, 6))
            if (process := run.party(victim)) is not None:
                process.kill()
        run.finish(900)
    undisturbed, disturbed = federated(tmp_path / "undisturbed", *words), dict(tensors_of(tmp_path / "up"))
    assert undisturbed.keys() == disturbed.keys()
    assert [name for name, value in undisturbed.items() if not torch.equal(value, disturbed[name])] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_agent_that_is_stopped_for_a_minute_is_waited_for(tmp_path: Path) -> None:
    words = ("stop.rounds=3", "strategy.aggregation_interval=40")
    with FederatedRun(tmp_path / "up", *SMALL, *words, f"run_dir={tmp_path / 'up'}") as run:
        run.wait_for_round(1)
        victim = run.party("agent-2")
        assert victim is not None
        victim.send_signal(signal.SIGSTOP)
        time.sleep(60)
        victim.send_signal(signal.SIGCONT)
        run.finish()
    assert apart(trained_locally(tmp_path / "local", *words), dict(numbers_of(tmp_path / "up"))) == 0
