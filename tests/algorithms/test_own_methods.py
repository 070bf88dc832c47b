"""docs/own_methods.md as a reader follows it: a mixer and a network from outside, trained in both ways."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.verify import differences, tensors_of
from support.paths import ROOT, python_path

PAGE = ROOT / "docs" / "own_methods.md"
SMALL = ("experiment=smoke", "stop.rounds=2", "evaluation.episodes=2", "evaluation.every_env_steps=100000")
OWN = {
    "value network": ("algorithm=ippo", "algorithm.parallel_episodes=4", "model=own", "model.code=elman.py:Elman"),
    "algorithm": ("algorithm=own", "algorithm.code=square_mixer.py:Mine"),
    "network": ("model=own", "model.code=elman.py:Elman"),
}


BROKEN = """
from fedqmix.algorithms import ALGORITHMS, AgentHalf, Algorithm
from fedqmix.networks import Mlp, ModuleNetwork

known = ALGORITHMS["vdn"]
Swapped = Algorithm(agent=known.team, team=known.agent)


class Half(AgentHalf):
    rows = ()


Abstract = Algorithm(agent=Half, team=known.team)


class Empty(ModuleNetwork):
    pass


class Deaf(Mlp):
    def __init__(self, spec, settings):
        super().__init__(spec, settings)


class Stubborn(Mlp):
    def __init__(self, spec, settings, outputs=None):
        super().__init__(spec, settings)


class Misnamed(Mlp):
    def shapes(self):
        return {f"agents-{name}": shape for name, shape in super().shapes().items()}


class Greedy(AgentHalf):
    rows, recorded = known.agent.rows, ("log_prob",)

    def compute(self, networks, episodes, order):
        return {}


Forgetful = Algorithm(agent=Greedy, team=known.team)
OnPolicy = ALGORITHMS["mappo"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files, under the names it gives them."""
    pattern = r"^`(\w+\.py)`[^\n]*:\n\n```python\n(.*?)```"
    found = re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert [name for name, _ in found] == ["square_mixer.py", "elman.py", "test_mine.py"]
    for name, text in found:
        assert len(text.splitlines()) < 60
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, *words: str) -> str:
    """Run one command in the folder; return what it printed."""
    environment = {**os.environ, "PYTHONPATH": python_path(Path("."))}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pages_methods_hold_their_contracts(folder: Path) -> None:
    assert "10 passed" in run(folder, "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.parametrize("own", OWN)
def test_the_pages_methods_train(folder: Path, own: str) -> None:
    run(folder, "fedqmix", "train", *OWN[own], *SMALL, "run_dir=run")
    learned = dict(tensors_of(folder / "run"))
    names = {
        "algorithm": "mixer/mixer.slope",
        "network": "agent-0/online.recurrent.weight",
        "value network": "agent-0/online.value.recurrent.weight",
    }
    assert names[own] in learned
    assert str(folder) in (folder / "run" / "config.yaml").read_text()  # found from any folder, by every party


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("own", OWN)
def test_a_federation_of_the_pages_methods_learns_what_one_process_learns(folder: Path, own: str) -> None:
    words = (*OWN[own], *SMALL, "checkpoint.every_rounds=1")
    run(folder, "fedqmix", "train", *words, "run_dir=local")
    run(folder, "fedqmix", "up", "insecure=true", *words, "run_dir=federated")
    gaps = differences(dict(tensors_of(folder / "local")), dict(tensors_of(folder / "federated")))
    assert set(gaps.values()) == {0.0}


def test_what_the_page_says_of_privacy(folder: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(folder)
    assert main(["privacy", "algorithm=own", "algorithm.code=square_mixer.py:Mine"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "q_taken" in printed
    assert "8 bytes up and 4 bytes down" in printed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["algorithm=own"], "algorithm.code=null: a file or a module"),
        (["algorithm=own", "algorithm.code=gone.py:Mine"], "there is no file of Python"),
        (["algorithm=own", "algorithm.code=square_mixer.py:Yours"], "has no attribute 'Yours'"),
        (["algorithm=own", "algorithm.code=square_mixer.py:Curve"], "is not a valid algorithm"),
        (["algorithm=own", "algorithm.code=broken_halves.py:Swapped"], "is not a valid algorithm"),
        (["algorithm=own", "algorithm.code=broken_halves.py:Abstract"], "abstract method"),
        (["model=own", "model.code=broken_halves.py:Empty"], "is incomplete: it does not implement module"),
        (["model=own", "model.code=elman.py:Layers"], "derive it from fedqmix.networks.Network"),
        (["model=own", "model.code=elman.py:Elman", "strategy.shared=[gru.*]"], "unknown parameter or pattern 'gru.*'"),
        (["model=own", "model.code=broken.py:Broken"], "ZeroDivisionError"),
        (["algorithm=ippo", "model=own", "model.code=broken_halves.py:Deaf"], "accept (spec, settings, outputs)"),
        (["algorithm=ippo", "model=own", "model.code=broken_halves.py:Stubborn"], "outputs. The algorithm needs"),
        (["algorithm=qtran", "model=own", "model.code=elman.py:Elman"], "Elman does not give its features"),
        (["model=own", "model.code=broken_halves.py:Misnamed"], "the parameter 'agents-fc1.weight' must have another"),
        (
            ["algorithm=own", "algorithm.code=broken_halves.py:Forgetful"],
            "epsilon_greedy: individual_reward, terminated; categorical: log_prob, individual_reward",
        ),
        (["algorithm=own", "algorithm.code=broken_halves.py:OnPolicy"], "learns from the newest batch of episodes"),
        (["algorithm=mappo", "runtime.backend=compiled"], "runtime.backend=compiled has kernels for model=gru"),
        (["algorithm=qmix", "algorithm.code=square_mixer.py:Mine"], "write algorithm=own"),
        (["model=gru", "model.code=elman.py:Elman"], "write model=own"),
        (["model=mlp", "runtime.backend=compiled"], "runtime.backend=compiled has kernels for model=gru"),
        (["algorithm=ow_qmix", "runtime.backend=compiled"], "runtime.backend=compiled has kernels for model=gru"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "broken_halves.py").write_text(BROKEN)
    assert main(["train", *SMALL, *words, "run_dir=run"]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert not (folder / "run").exists()
