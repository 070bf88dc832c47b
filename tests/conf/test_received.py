"""What a server that was taken over could send to world, mixer and agents is refused or left out."""

import os
from pathlib import Path

import pytest

from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.received import received, run_state
from fedqmix.runtime.configuration.settings import compose, load
from fedqmix.runtime.core.errors import ConfigurationError, RefusedError
from fedqmix.runtime.deployment.mixer import DeployedMixer

SENT = to_yaml(
    compose(["map=3m", "env=smac", "env.replay_dir=/tmp/x", "runtime.threads=100000", "runtime.world_threads=100000"])
)


def test_parties_leave_out_what_names_a_path_or_code() -> None:
    config = received(SENT)
    assert (config.run_dir, config.resume, config.strategy.code, config.env.replay_dir) == ("", None, None, "")
    assert max(config.runtime.threads, config.runtime.world_threads) <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    "words",
    [
        ["strategy=clusters", "strategy.clusters=[[0,1],[2]]"],
        ["strategy=clusters", "map=2s3z", "strategy.clusters=types"],
        ["strategy=pp_pps", "strategy.shared=[fc.*,gru.*]"],
    ],
)
def test_parties_receive_lists_as_they_are_written(words: list[str], tmp_path: Path) -> None:
    """The deepest setting is a list of lists in a section; a resumed run reads it from its folder as well."""
    config = compose(words)
    assert received(to_yaml(config)).strategy == config.strategy
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert load(tmp_path).strategy == config.strategy


@pytest.mark.parametrize(
    "text",
    [
        SENT.replace("map: 3m", "map: ${oc.env:HOME}"),
        SENT.replace("map: 3m", "map: '${oc.env:HOME}'"),
        SENT.replace("map: 3m", 'map: "\\x24{oc.env:HOME}"'),
        SENT.replace("map: 3m", "${oc.env:HOME}: 3m"),
        SENT.replace("map: 3m", "map: &a 3m"),
        SENT.replace("map: 3m", "map: !!python/object/apply:os.system [id]"),
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "a: " + "[" * 5000,
        SENT.replace("map: 3m", "map: [[[[3m]]]]"),
        SENT + "#" * 100_000,
        "3",
        "",
        "- a",
        "a: [",
        "map: 3m",
    ],
)
def test_parties_refuse_settings_that_are_more_than_names_and_values(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        received(text)
    assert os.environ["HOME"] not in str(refused.value)


@pytest.mark.parametrize("run", ["../../x", "/x", "..", "", "a/b", "a.b", "a" * 65, "\u0661", "a\n"])
def test_a_runs_id_is_no_path(run: str, tmp_path: Path) -> None:
    """The server says which run it is, and mixer and agents keep its states in a folder of that name."""
    assert run_state(tmp_path, "0123456789abcdef") == tmp_path / "0123456789abcdef" / "rounds"
    with pytest.raises(RefusedError, match="is not a run's id"):
        run_state(tmp_path, run)
    with pytest.raises(RefusedError, match="is not a run's id"):
        DeployedMixer(tmp_path, run, SENT)
    assert not list(tmp_path.iterdir())
