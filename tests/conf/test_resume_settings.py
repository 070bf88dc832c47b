"""resume=RUN takes the run's own configuration; what may change beside it, and what may not."""

from pathlib import Path

import pytest

from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.settings import compose, load
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.runs.lifecycle.folder import RunFolder

MAPS = ("3m", "8m")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    words = ["experiment=smoke", "strategy=pp_pps", "seed=7", f"run_dir={path}"]
    RunFolder.create(path, compose(words, maps=MAPS), ["fedqmix", "train", *words]).close()
    return path


def test_a_written_configuration_reads_back_equal(run: Path) -> None:
    config = load(run, maps=MAPS)
    assert config == compose(["experiment=smoke", "strategy=pp_pps", "seed=7", f"run_dir={run}"], maps=MAPS)
    assert load(run / "config.yaml", maps=MAPS) == config
    assert (run / "config.yaml").read_text() == to_yaml(config)


def test_a_resumed_run_keeps_its_settings(run: Path) -> None:
    config = compose([f"resume={run}"], maps=MAPS)
    assert (config.seed, config.strategy.name, config.experiment) == (7, "pp_pps", "smoke")
    assert config.resume == config.run_dir == str(run)


def test_a_moved_run_resumes_where_it_is(run: Path) -> None:
    moved = run.rename(run.with_name("elsewhere"))
    assert compose([f"resume={moved}"], maps=MAPS).run_dir == str(moved)


def test_settings_that_did_not_exist_when_a_run_was_begun_are_the_defaults(run: Path) -> None:
    file = run / "config.yaml"
    lines = file.read_text().splitlines(keepends=True)
    newer = ("games", "exploration_draws", "return_mean")
    file.write_text("".join(line for line in lines if line.split(":")[0].strip() not in newer))
    config = compose([f"resume={run}"], maps=MAPS)
    assert config.stop == compose(["experiment=smoke"], maps=MAPS).stop
    assert config.env == compose([], maps=MAPS).env
    assert (config.algorithm.exploration_draws, config.algorithm.batch_size) == ("agent", 8)
    assert load(run, maps=MAPS).env == config.env


def test_a_run_begun_without_lambda_returns_goes_on_without(run: Path) -> None:
    """Whatever its experiment's settings are today."""
    file = run / "config.yaml"
    kept = [line for line in file.read_text().splitlines(keepends=True) if "td_lambda" not in line]
    file.write_text("".join(kept).replace("experiment: smoke", "experiment: tuned"))
    assert compose(["experiment=tuned"]).algorithm.td_lambda == 0.6
    assert compose([f"resume={run}"], maps=MAPS).algorithm.td_lambda == load(run, maps=MAPS).algorithm.td_lambda == 0.0


@pytest.mark.parametrize(("env", "starts"), [("skirmish", "fixed"), ("smac", "varied")])
def test_a_run_from_before_starts_could_be_chosen_goes_on_as_it_began(run: Path, env: str, starts: str) -> None:
    file = run / "config.yaml"
    lines = file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.partition(":")[0] != "  starts"]
    assert len(kept) == len(lines) - 2  # of training episodes and of evaluations
    file.write_text("".join(kept).replace("name: skirmish", f"name: {env}"))
    config = load(run, maps=MAPS)
    assert (config.env.starts, config.evaluation.starts) == (starts, starts)
    resumed = compose([f"resume={run}"], maps=MAPS)
    assert (resumed.env, resumed.evaluation) == (config.env, config.evaluation)


def test_a_run_begun_without_bounds_goes_on_with_todays(run: Path) -> None:
    """Honest teams never meet them, so nothing that it computes changes."""
    file = run / "config.yaml"
    lines = file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.partition(":")[0] not in ("  max_q", "  max_gradient")]
    assert len(kept) == len(lines) - 2
    file.write_text("".join(kept))
    usual = compose([]).algorithm
    for config in (load(run, maps=MAPS), compose([f"resume={run}"], maps=MAPS)):
        assert (config.algorithm.max_q, config.algorithm.max_gradient) == (usual.max_q, usual.max_gradient)
        assert None not in (usual.max_q, usual.max_gradient)


def test_what_does_not_change_the_computation_may_be_said(run: Path) -> None:
    words = ["stop.env_steps=9000", "logger=tensorboard", "logger.wandb_mode=disabled", "checkpoint.keep=5"]
    words += ["runtime.world_threads=2", "runtime.threads=3", "runtime.device=auto"]
    config = compose([f"resume={run}", *words], maps=MAPS)
    assert (config.runtime.threads, config.runtime.device) == (3, "auto")
    assert (config.stop.env_steps, config.logger.name, config.logger.wandb_mode) == (9000, "tensorboard", "disabled")
    assert (config.checkpoint.keep, config.runtime.world_threads) == (5, 2)
    assert compose([f"resume={run}", "stop={win_rate: 0.5}"], maps=MAPS).stop.env_steps == 2000


@pytest.mark.parametrize(
    "word",
    ["seed=8", "algorithm=vdn", "map=8m", "runtime=deployment", "run_dir=there", "experiment=paper", "model.hidden=8"],
)
def test_anything_else_is_refused(run: Path, word: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"'{word}' beside resume=: a resumed run keeps its own settings"):
        compose([f"resume={run}", word], maps=MAPS)


def test_mistakes_beside_resume_are_refused_as_usual(run: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"stop\.env_steps=0 is out of range"):
        compose([f"resume={run}", "stop.env_steps=0"], maps=MAPS)
    with pytest.raises(ConfigurationError, match=r"unknown logger 'foo'"):
        compose([f"resume={run}", "logger=foo"], maps=MAPS)


def test_a_path_that_is_no_run_is_refused(run: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no folder"):
        compose([f"resume={run.parent / 'nowhere'}"], maps=MAPS)
    with pytest.raises(CheckpointError, match=r"has no config\.yaml and no run\.json"):
        compose([f"resume={run.parent}"], maps=MAPS)
    with pytest.raises(CheckpointError, match=f"lies inside the run folder {run}"):
        compose([f"resume={run / 'checkpoints'}"], maps=MAPS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("algorithm: [", r"config\.yaml is refused: the run's settings cannot be read: .*, line 1\. Put the file back"),
        ("- 1\n", "holds no configuration"),
        ("", "has no value"),
        ("seed: 3\n", "has no value"),
        ("colour: red\n", "unknown setting 'colour'"),
    ],
)
def test_a_damaged_configuration_is_refused(run: Path, text: str, message: str) -> None:
    (run / "config.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        compose([f"resume={run}"], maps=MAPS)


def test_a_setting_changed_by_hand_is_checked(run: Path) -> None:
    file = run / "config.yaml"
    file.write_text(file.read_text().replace("batch_size: 8", "batch_size: -8"))
    with pytest.raises(ConfigurationError, match=r"algorithm\.batch_size=-8 is out of range"):
        load(run, maps=MAPS)
    (run / "config.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"has no config\.yaml"):
        load(run, maps=MAPS)


def test_a_run_from_before_init_from_begins_with_its_own_networks(run: Path) -> None:
    file = run / "config.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("init_from")]
    assert len(lines) == len(file.read_text().splitlines()) - 1
    file.write_text("\n".join(lines) + "\n")
    assert load(run, maps=MAPS).init_from is None
    assert compose([f"resume={run}"], maps=MAPS).init_from is None
