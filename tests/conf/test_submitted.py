"""What may be submitted: each road by which a submission could name a path, code or an address is refused."""

import os
import sys
from pathlib import Path

import pytest

from fedqmix.envs.options import skirmish_options
from fedqmix.runtime.configuration.allowed import NOTHING, Allowed
from fedqmix.runtime.configuration.names import groups, settings, writable
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.runs import in_runs
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.configuration.submitted import require_submittable, submittable, submitted
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.members import require_members
from fedqmix.runtime.deployment.server_end import _configuration

NOT_SUBMITTABLE = {"env.payoffs", "env.replay_dir"}
CHECKED = {"run_dir", "resume", "strategy.code", "logger.wandb_project", "logger.wandb_mode"}
CHECKED |= {"map", "strategy.shared", "strategy.clusters"}


def test_every_setting_is_decided_on() -> None:
    """A new setting of free text is refused until it is put into one of these lists on purpose."""
    free = {
        name
        for name in writable()
        if submittable(name) and name not in CHECKED and name not in groups() and settings()[name].type is str
    }
    assert all(settings()[name].metadata.get("choices") for name in free)
    assert {name for name in writable() if not submittable(name)} == NOT_SUBMITTABLE


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs with one run in it, and links that lead out of it."""
    folder = tmp_path / "runs"
    (folder / "old" / "replays").mkdir(parents=True)
    (folder / "old" / "run.json").write_text("{}")
    (tmp_path / "outside").mkdir()
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "up").symlink_to("..")
    return folder


ATTACKS = [
    # paths
    "run_dir=/absolute/path",
    "run_dir=../../x",
    "run_dir=a/../../x",
    "run_dir=runs/../x",
    "run_dir=..",
    "run_dir=.",
    "run_dir=runs",
    "run_dir=''",
    "run_dir=link/x",
    "run_dir=link",
    "run_dir=loop",
    "run_dir=up/x",
    "run_dir=old/replays",
    "run_dir=old/checkpoints/x",
    "run_dir='a\nb'",
    f"run_dir={'x' * 300}",
    f"run_dir='{'ü' * 150}'",
    f"run_dir={'a/' * 2000}b",
    "run_dir=[a]",
    "resume=[old]",
    f"seed={'9' * 5000}",
    f"strategy.shared={'[' * 2000}{']' * 2000}",
    "run_dir='${oc.env:HOME}'",
    "run_dir=${oc.env:HOME}",
    "run_dir=runs/${oc.env:FEDQMIX_CERTS}",
    "'run_dir'=/absolute/path",
    "resume=/absolute/path",
    "resume=../../x",
    "resume=link",
    "resume=link/checkpoints/round-000001",
    "resume=old/../../x",
    "resume='${oc.env:HOME}'",
    "env.replay_dir=/tmp/x",
    "env.replay_dir=x",
    "env={replay_dir: /tmp/x}",
    # code
    "strategy.code=antigravity:x",
    "strategy.code='antigravity:x'",
    "strategy.code=os:system",
    "strategy={code: 'antigravity:x'}",
    "strategy={name: own, code: 'antigravity:x'}",
    "+strategy.code=antigravity:x",
    "++strategy.code=antigravity:x",
    "strategy.code='${oc.env:X}'",
    "strategy.name=own",
    # Hydra's own roads
    "hydra.run.dir=/tmp/x",
    "hydra/launcher=x",
    "+hydra.searchpath=[file:///tmp]",
    "hydra.searchpath=[file:///tmp]",
    "--config-dir=/tmp",
    "--config-path=/tmp",
    "-cd=/tmp",
    "strategy@runtime=own",
    "strategy=../../x",
    "strategy=/tmp/x",
    "experiment=../../x",
    "+x=1",
    "~strategy",
    "seed=1,2",
    "strategy=glob(*)",
    "seed=choice(1,2)",
    "run_dir=shuffle(a,b)",
    # references, and what they would read
    "map=${oc.env:HOME}",
    "seed=${oc.env:UID}",
    "strategy.shared=['${oc.env:HOME}']",
    "strategy.shared=[[head.*]]",
    "strategy.shared=[{a: b}]",
    "strategy.clusters=[['${oc.env:HOME}']]",
    "strategy.clusters=[[{a: b}]]",
    "strategy.clusters=[[[0]]]",
    "strategy.clusters={a: b}",
    "seed=${oc.decode:'1'}",
    "map=${map}",
    "logger.wandb_project='\\${oc.env:HOME}'",
    # who is told
    "logger=wandb",
    "logger.wandb_mode=online",
    "logger.wandb_project=theirs",
    "logger={name: wandb, wandb_mode: online}",
]


@pytest.mark.parametrize("word", ATTACKS)
def test_what_a_submission_may_not_say(word: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused with an error of ours, before anything is imported, written or even composed."""
    monkeypatch.setattr("fedqmix.runtime.deployment.server_end.compose", lambda *_: pytest.fail("it was composed"))
    before, modules = sorted(runs.parent.rglob("*")), set(sys.modules)
    words = ["strategy=own", word] if "code" in word else [word]
    with pytest.raises(ConfigurationError) as refused:
        _configuration(words, runs, NOTHING)
    assert os.environ["HOME"] not in str(refused.value)
    assert sorted(runs.parent.rglob("*")) == before
    assert "antigravity" not in {name.partition(".")[0] for name in set(sys.modules) - modules}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("run_dir=/x", r"run_dir=/x: .*only a name under it .*run_dir=mine .*fedqmix superlink runs=DIR"),
        ("resume=../x", r"resume=\.\./x: .*only a name under it"),
        ("strategy.code=a.b:C", r"strategy.code=a.b:C: .*allowed now: none.*fedqmix superlink allow=a.b"),
        ("env.replay_dir=x", r"env.replay_dir may not be submitted.*numbers, choices, map"),
        ("logger=wandb", r"logger=wandb: .*superlink allow=wandb"),
        ("stop={rounds: 3}", r"one setting at a time, such as stop.env_steps="),
        ("map=${oc.env:HOME}", r"write the value itself"),
        ("run_dir=old/replays", r"lies inside the run folder old"),
    ],
)
def test_a_refusal_names_the_setting_what_is_allowed_and_how(word: str, message: str, runs: Path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        submitted([word], runs, NOTHING)


def test_what_is_submitted_every_day(runs: Path) -> None:
    words = [
        "map=3m",
        "strategy=rs_pps",
        "strategy.shared=[head.*]",
        "seed=3",
        "stop.win_rate=null",
        "env.reward_win=1e2",
    ]
    words += ["algorithm.double_q=false", "logger=tensorboard", "experiment=smoke", "runtime.device=auto"]
    words += ["strategy.server_optimiser=adam", "strategy.server_adam_eta=0.1", "strategy.proximal_mu=1e-3"]
    words += ["strategy.adam_moments=average", "strategy.share_targets=true"]
    config = _configuration([*words, "run_dir='runs/my first 1e5'", "env=smac", "env.difficulty=A"], runs, NOTHING)
    assert Path(config.run_dir) == runs / "my first 1e5"
    assert (config.strategy.shared, config.seed, config.env.reward_win) == (["head.*"], 3, 100.0)
    assert (config.strategy.server_optimiser, config.strategy.proximal_mu) == ("adam", 0.001)
    assert (config.strategy.adam_moments, config.strategy.share_targets) == ("average", True)
    assert Path(_configuration(["run_dir=1e5"], runs, NOTHING).run_dir) == runs / "100000.0"
    assert Path(_configuration(["run_dir='1e5'"], runs, NOTHING).run_dir) == runs / "1e5"
    assert Path(_configuration(["map=3m"], runs, NOTHING).run_dir).parent == runs
    assert submitted(["resume=runs/old"], runs, NOTHING) == [f"resume={runs}/old"]
    assert submitted(["resume=old/checkpoints/round-000001"], runs, NOTHING) == [
        f"resume={runs}/old/checkpoints/round-000001"
    ]


def test_a_word_is_composed_as_it_was_checked(runs: Path) -> None:
    """Nothing that only Hydra would see can hide in a value: every value is written anew."""
    assert submitted(["run_dir='a,b=c'", "seed=7", "map='3m'"], runs, NOTHING) == [
        "run_dir='a,b=c'",
        "seed=7",
        "map='3m'",
    ]


def test_a_submission_of_any_length_is_not_read(runs: Path) -> None:
    with pytest.raises(ConfigurationError, match="longer than"):
        submitted(["seed=" + "[" * 100_000], runs, NOTHING)


STRATEGY = """
from pathlib import Path
Path(__file__).with_name("imported").touch()
from fedqmix.strategies.a_pps import APPS
class Mine(APPS):
    pass
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that leaves a file when it is imported."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "leaves_a_trace.py").write_text(STRATEGY)
    monkeypatch.syspath_prepend(str(folder))
    return folder / "leaves_a_trace.py"


@pytest.mark.parametrize("code", ["leaves_a_trace:Mine", "leaves_a_trace:Other", "leaves_a_trace"])
def test_code_that_is_not_allowed_is_never_imported(code: str, module: Path, runs: Path) -> None:
    for allowed in (NOTHING, Allowed.parse("leaves_a_trace.sub,leaves,leaves_a_trace:Third")):
        with pytest.raises(ConfigurationError, match="may only name code that the SuperLink's operator allows"):
            _configuration(["strategy=own", f"strategy.code={code}"], runs, allowed)
    assert not module.with_name("imported").exists()


@pytest.mark.parametrize("how", ["leaves_a_trace", "leaves_a_trace:Mine", "FILE", "wandb,other,leaves_a_trace:Mine"])
def test_code_that_is_allowed_by_module_class_or_file(how: str, module: Path, runs: Path) -> None:
    allowed = Allowed.parse(how.replace("FILE", str(module)))
    assert Allowed.parse(allowed.text) == allowed
    config = _configuration(["strategy=own", "strategy.code=leaves_a_trace:Mine"], runs, allowed)
    assert config.strategy.code == "leaves_a_trace:Mine"
    assert not module.with_name("imported").exists()  # what imports it is the run


def test_an_allowed_file_is_no_leave_for_another_of_its_name(module: Path, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "leaves_a_trace.py").write_text("")
    with pytest.raises(ConfigurationError, match=r"is hidden by another module of that name"):
        _configuration(
            ["strategy=own", "strategy.code=leaves_a_trace:Mine"], runs, Allowed.parse(f"{tmp_path}/leaves_a_trace.py")
        )


@pytest.mark.parametrize("word", ["nowhere/x.py", "no such", "a b:C", "os;x"])
def test_an_allowance_that_allows_nothing_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match="allow="):
        Allowed.parse(word)


def test_a_resumed_run_is_checked_as_a_new_one(runs: Path) -> None:
    """Its settings lie in its folder, where somebody else's run may have put what a submission may not."""
    config = compose(["strategy=own", "strategy.code=antigravity:x", "runtime=deployment"])
    (runs / "old" / "config.yaml").write_text(to_yaml(config))
    (runs / "old" / "run.json").write_text('{"run_id": "0", "commands": []}')
    with pytest.raises(ConfigurationError, match=r"strategy.code=antigravity:x: a submitted run may only name code"):
        _configuration(["resume=old"], runs, NOTHING)
    with pytest.raises(ConfigurationError, match="logger=wandb"):
        _configuration(["resume=old", "logger=wandb"], runs, Allowed.parse("antigravity:x"))
    assert "antigravity" not in sys.modules
    require_submittable(config, Allowed.by(config))  # `up` allows what its own user has typed


def test_the_operators_own_words_may_name_any_folder(runs: Path, tmp_path: Path) -> None:
    """In Flower's simulation everything runs as the user who typed them."""
    assert _configuration([f"run_dir={tmp_path}/x"], runs, None).run_dir == f"{tmp_path}/x"
    assert _configuration(["run_dir=x"], runs, None).run_dir == f"{runs}/x"


def test_where_runs_lie(runs: Path) -> None:
    assert in_runs("a b/c", runs) == in_runs("runs/a b/c", runs) == runs / "a b" / "c"
    assert in_runs("runs/runs", runs) == runs / "runs"


def test_a_map_for_more_agents_than_the_federation_has() -> None:
    env = skirmish_options()
    require_members("3m", env, [0, 1, 2])
    require_members("3m", env, [0, 1, 2, 3])
    require_members("8m", env, None)  # nobody knows
    with pytest.raises(
        ConfigurationError, match=r"map=8m has 8 agents, and this federation has 3: .* 3, 4, 5, 6, 7\. .*3m"
    ):
        require_members("8m", env, [0, 1, 2])
    with pytest.raises(ConfigurationError, match=r"no SuperNode of agent 1\."):
        require_members("3m", env, [0, 2])
