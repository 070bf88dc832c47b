"""`fedqmix train seeds=[1,2,3]`: train or resume several seeds of one experiment."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fedqmix.runtime.configuration.names import program
from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.configuration.runs import RUN
from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.runs.lifecycle.progress import closing_table_of_seeds
from fedqmix.runtime.runs.lifecycle.ready import device_warning
from fedqmix.runtime.runs.lifecycle.sides import choose_device
from fedqmix.runtime.runs.seeds.experiment import Experiment
from fedqmix.runtime.runs.seeds.threads import Threads
from fedqmix.runtime.runs.side_by_side.compiling import compile_kernels
from fedqmix.runtime.runs.side_by_side.cores import cores, side_by_side
from fedqmix.runtime.runs.side_by_side.display import Display
from fedqmix.runtime.runs.side_by_side.run import Run, State
from fedqmix.runtime.runs.side_by_side.train import train_all

READY = "preparing (a new machine first compiles kernels: under a minute)"


def begin_seeds(words: Sequence[str], seeds: Sequence[int]) -> int:
    """Train several seeds, or resume those that the folder holds; return the exit status."""
    with Experiment.begin(words, seeds) as experiment:
        return _train(experiment)


def resume_seeds(folder: Path, words: Sequence[str]) -> int:
    """Resume all seeds of a folder; return the exit status."""
    with Experiment.resume(folder, [word for word in words if name_of(word) != "resume"]) as experiment:
        return _train(experiment)


def _train(experiment: Experiment) -> int:
    console = Console()
    again = shlex.join([*program().split(), "train", f"resume={quoted(str(experiment.path))}"])
    runs = experiment.runs()
    begun = (run.folder for run in runs if run.state is State.WAITING and (run.folder / RUN).is_file())
    another_device = next(filter(None, (device_warning(folder, experiment.config) for folder in begun)), None)
    for warning in filter(None, (experiment.warning, another_device)):
        console.print(Text(warning), soft_wrap=True)
    try:
        _side_by_side(experiment, runs, console)
    except KeyboardInterrupt:
        Console(stderr=True).print(Text(f"\ninterrupted. Go on with all seeds: {again}"), soft_wrap=True)
        raise
    failed = [run for run in runs if run.state is State.FAILED]
    if done := {seed: run.rows for seed, run in zip(experiment.seeds, runs, strict=True) if run.state is State.DONE}:
        console.print(closing_table_of_seeds(done))
    for run in failed:
        console.print(Text(f"{run.name} failed; its log: {run.log}"), soft_wrap=True)
    if failed:
        console.print(Text(f"go on with what failed: {again}"), soft_wrap=True)
    console.print(Text(f"run folders: {experiment.path}"), soft_wrap=True)
    return 1 if failed else 0


def _side_by_side(experiment: Experiment, runs: Sequence[Run], console: Console) -> None:
    """Train the seeds that are not done, and print how they share the machine."""
    waiting = sum(run.state is State.WAITING for run in runs)
    if not waiting:
        console.print("all seeds are done; stop.env_steps=... makes them go on")
        return
    device, threads = choose_device(experiment.config.runtime.device), experiment.config.runtime.threads
    together = device.type != "cpu"  # a GPU computes for all seeds at once; on a processor each has its cores
    at_once = waiting if together else side_by_side(waiting, threads)
    shares = f"in one program on {device}" if together else f"{at_once} at once on {cores()} cores"
    sentence = f"{waiting} of {len(runs)} seeds to train: {shares}, runtime.threads={threads} each"
    console.print(Text(sentence), soft_wrap=True)
    if at_once > 1 and not together:
        console.print(Text(READY), soft_wrap=True)
        compile_kernels(experiment.config)
    with Display(runs, console) as display:
        train_all(runs, at_once, display, Threads() if together else None)
