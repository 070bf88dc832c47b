"""docs/own_worlds.md as a reader follows it, and what env=own says about rules that go wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fedqmix
from fedqmix.envs import make_world
from fedqmix.envs.code_suite import measured
from fedqmix.envs.options import world_options
from fedqmix.envs.random_play import KeepingSink, RandomPlayer, over, play, training
from fedqmix.runtime.api.world import make_world as public_world
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.verify import differences, numbers_of
from fedqmix.runtime.configuration.allowed import Allowed
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.received import received
from fedqmix.runtime.configuration.settings import compose, load
from fedqmix.runtime.core.errors import ConfigurationError, WorldError
from fedqmix.testing import WorldContract
from support.own_worlds_page import program
from support.paths import python_path

SMALL = ("experiment=smoke", "stop.rounds=2", "evaluation.episodes=2", "evaluation.every_env_steps=100000")


MEETING = program('"""Agents walk')

CARELESS = '''"""Episode 0 ends after two steps, agent 1 is absent; whatever does not count is not a number."""

import numpy as np

from fedqmix.envs.own import Flat, Outcome, TeamSpec


class Careless:
    spec = TeamSpec("careless", 2, 2, Flat(1), Flat(1), episode_limit=4)

    def begin(self, generators):
        self.count, self.time = len(generators), 0
        return self.moment()

    def step(self, actions):
        self.time += 1
        return self.moment()

    def moment(self):
        seen, state = np.ones((2, self.count, 1)), np.ones((self.count, 1))
        own, reward = np.ones((2, self.count)), np.ones(self.count)
        seen[1] = own[1] = np.nan
        if self.time > 2:
            seen[:, 0], state[0], own[:, 0], reward[0] = np.nan, np.nan, np.nan, np.nan
        exists = np.array([[True], [False]]).repeat(self.count, 1)
        ended = (np.arange(self.count) == 0) & (self.time == 2)
        return Outcome(
            observations=seen,
            state=state,
            individual_rewards=own,
            team_reward=reward,
            terminated=ended,
            exists=exists,
        )
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a reader who has saved the page's files."""
    (tmp_path / "meeting.py").write_text(MEETING)
    (tmp_path / "test_meeting.py").write_text(program("from fedqmix.testing"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestMeeting(WorldContract):
    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        """Play in the reader's folder."""

    options = {"code": "meeting.py:Meeting"}  # noqa: RUF012


def test_the_page_s_world_is_short() -> None:
    assert len(MEETING.splitlines()) <= 60


def test_the_page_s_own_test_passes(folder: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_meeting.py"],
        env=os.environ | {"PYTHONPATH": str(python_path())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "15 passed, 2 skipped" in found.stdout  # an own world has neither units nor a scene to draw


def test_its_rules_are_what_the_page_says(folder: Path) -> None:
    """The team earns a cell's share for each step that brings an agent closer, and 1 when all have met."""
    options = measured(world_options("own", code="meeting.py:Meeting"))
    sink = KeepingSink()
    world = make_world("meeting", 1, options, sink)
    time_step, arrived = world.begin(training(0, 8)), np.zeros(8, bool)
    while not over(time_step).all():
        cells = time_step.observations * 9
        actions = np.where(cells[..., 0] < cells[..., 1] - 0.5, 2, np.where(cells[..., 0] > cells[..., 1] + 0.5, 1, 0))
        ended, before = over(time_step), np.abs(cells[..., 0] - cells[..., 1])
        time_step = world.step(actions)
        cells = time_step.observations * 9
        after = np.abs(cells[..., 0] - cells[..., 1])
        arrived |= after.max(0) < 0.5
        np.testing.assert_allclose(time_step.individual_rewards, np.where(ended, 0, before - after) / 9, atol=1e-5)
        expected = np.where(ended, 0, (before - after).sum(0) / 9 + (after.max(0) < 0.5))
        np.testing.assert_allclose(sink.time_steps[-1].team_reward, expected, atol=1e-5)
    assert arrived.all()
    assert time_step.won.all()


@pytest.mark.parametrize("algorithm", ["iql", "mappo"])
def test_a_team_trains_in_it(folder: Path, algorithm: str) -> None:
    words = ("env=own", "env.code=meeting.py:Meeting", "map=meeting", f"algorithm={algorithm}", "run_dir=run")
    assert main(["train", *words, *SMALL]) == 0
    config = load("run")
    assert config.env == measured(config.env)
    assert (config.env.n_agents, config.env.obs_dim, config.env.episode_limit) == (3, 2, 15)
    with pytest.raises(ConfigurationError, match=r"write env.code=.*allow_code=True"):
        fedqmix.evaluate(fedqmix.load("run"), episodes=4)
    team = fedqmix.load("run", allow_code=True)
    assert fedqmix.evaluate(team, episodes=4).game == "Meeting"
    (folder / "meeting.py").unlink()
    assert load("run") == config  # the run is read without the code


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_federation_ends_with_the_same_numbers(folder: Path) -> None:
    words = ("env=own", "env.code=meeting.py:Meeting", "map=meeting", *SMALL, "checkpoint.every_rounds=1")
    assert main(["train", *words, "run_dir=alone"]) == 0
    assert main(["up", "insecure=true", *words, "run_dir=together"]) == 0
    apart = differences(*(dict(numbers_of(folder / name)) for name in ("alone", "together")))
    assert apart
    assert max(apart.values()) == 0


def test_a_party_gets_the_sizes_and_the_world_the_code_that_its_operator_allows(folder: Path) -> None:
    config = compose(["env=own", "env.code=meeting.py:Meeting", "map=meeting"])
    text = to_yaml(config)
    (folder / "meeting.py").unlink()
    for party in ("agent", "mixer"):
        found = received(text, party).env
        assert (found.code, found.n_agents, found.state_dim) == (None, 3, 4)
    with pytest.raises(ConfigurationError, match=r"`fedqmix world allow=.*meeting.py"):
        received(text)
    (folder / "meeting.py").write_text(MEETING)
    assert received(text, "world", Allowed.parse("meeting.py")).env.code == config.env.code


def test_python_programs_make_it_too(folder: Path) -> None:
    with public_world("own", "meeting", episodes=4, code="meeting.py:Meeting") as world:
        assert world.reset().observations.shape == (3, 4, 2)
        assert world.game == "Meeting"


def test_python_programs_make_worlds_of_users_without_code_only_to_be_told(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"write env.code=FILE.py:NAME"):
        public_world("own", "meeting", episodes=4)


@pytest.mark.parametrize("code", ["meeting:np.abort", "meeting:np.testing.suppress", "meeting:", "meeting:a b"])
def test_a_submission_reaches_nothing_that_an_allowed_module_imports(folder: Path, code: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a name"):
        Allowed.parse("meeting.py").require_code("env.code", code)


def test_what_rules_return_for_ended_episodes_and_absent_agents_is_ignored(folder: Path) -> None:
    """NaN everywhere that nothing counts, in rules that end some episodes early and leave out an agent."""
    (folder / "careless.py").write_text(CARELESS)
    sink = KeepingSink()
    world = make_world("careless", 1, measured(world_options("own", code="careless.py:Careless")), sink)
    time_steps = play(world, training(0, 4), RandomPlayer(9, 0, 4))
    for time_step, team in zip(time_steps, sink.time_steps, strict=True):
        assert np.isfinite(time_step.observations).all()
        assert np.isfinite(team.state).all()
        assert not time_step.individual_rewards[1].any()
    assert [bool(last) for last in time_steps[-1].terminated] == [True, False, False, False]


def spoilt(folder: Path, old: str, new: str):
    """Return the world of the page's rules with a change, in a file of its own."""
    assert old in MEETING
    file = folder / f"spoilt_{abs(hash((old, new)))}.py"
    file.write_text(MEETING.replace(old, new))
    return make_world("meeting", 1, measured(world_options("own", code=f"{file.name}:Meeting")), KeepingSink())


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("MOVES[actions]", "MOVES[missing]", r"failed: NameError: .*'missing' .*\(spoilt_\d+.py, line \d+\)"),
        ("MOVES[actions]", "MOVES[actions + 9]", r"failed: IndexError: .*\(spoilt_\d+.py, line \d+\)"),
        ("axis=-1) / CELLS", "axis=0) / CELLS", r"observations has shape \[2, 3, 4\]; needed: \[3, 4, 2\]"),
        ("closer.sum(0) + together", "closer.sum(0) / 0", "team_reward is not finite in training episode 0, environ"),
        ("closer.sum(0) + together", "closer.sum(0) + 1e300", "team_reward is not finite"),
        ("closer.sum(0) + together", "closer.sum(0) + 1j", "team_reward is of type complex128; needed: real numbers"),
        ("MOVES[actions]", "MOVES[__import__('sys').exit(0)]", r"failed: SystemExit: 0 \(spoilt_\d+.py, line \d+\)"),
        ("(target >= 0) & (target < CELLS)", "0.3 * (target < CELLS)", "available_actions holds other values"),
        ("(target >= 0) & (target < CELLS)", "target > CELLS", "agent 0 has no available action in episode 0"),
        ("return Outcome(", "return dict(", "returned a dict; needed: fedqmix.envs.own.Outcome"),
        (
            "individual_rewards=closer",
            "individual_rewards='much'",
            "individual_rewards is of type <U4; needed: real numbers",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:(divide|invalid)")
def test_rules_that_go_wrong_are_named_with_their_line(folder: Path, old: str, new: str, text: str) -> None:
    world = spoilt(folder, old, new)
    with pytest.raises(WorldError, match=f"(?s)env.code=.*{text}"):
        play(world, training(0, 4), RandomPlayer(9, 0, 4))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("meeting.py:Nothing", "has no attribute 'Nothing'"),
        ("meeting.py:AGENTS", "TypeError: 'int' object is not callable"),
        ("meeting.py:dict", "AttributeError|has no attribute"),
        ("quits.py:quits", r"SystemExit: 0 \(quits.py, line \d+\)"),
        ("numbers.py:answer", "has no begin and no step; needed: begin, step, and a spec"),
        ("neighbour.py:Any", r"No module named 'helpers_of_mine'.* PYTHONPATH="),
        ("huge.py:Huge", "its obs_dim is 10000000000; needed: a whole number, at least 1 and at most 1000000"),
        ("nowhere.py:Meeting", "there is no file of Python"),
        ("meeting.py:Outcome", "TypeError"),
    ],
)
def test_code_without_rules_is_a_mistake_in_the_settings(folder: Path, code: str, text: str) -> None:
    (folder / "quits.py").write_text("import sys\n\ndef quits():\n    sys.exit(0)\n")
    (folder / "numbers.py").write_text("def answer():\n    return 42\n")
    (folder / "neighbour.py").write_text("import helpers_of_mine\n")
    (folder / "huge.py").write_text(
        MEETING.replace('Flat(2, names=("cell", "goal"))', "Flat(10**10)") + "\n\nHuge = Meeting\n"
    )
    with pytest.raises(ConfigurationError, match=text):
        compose(["env=own", f"env.code={code}"])


def test_settings_that_do_not_fit_are_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ("env=own", "env.code=meeting.py:Meeting", "run_dir=run", *SMALL)
    for words, text in (
        (("env=own", *SMALL), "write env.code=FILE.py:NAME"),
        ((*own, "env.obs_dim=9"), "env.obs_dim=9, but env.code="),
        ((*own, "evaluation.starts=fixed"), "evaluation.starts=fixed is for maps with fixed positions"),
        ((*own, "strategy=clusters"), "write strategy.clusters=[[0,1],...]"),
        ((*own, "map=a/b"), "map='a/b' is not a valid name"),
    ):
        assert main(["train", *words]) != 0
        assert text in " ".join(capsys.readouterr().err.split()), words
    assert not (folder / "run").exists()
