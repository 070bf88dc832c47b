"""Kill a process with SIGKILL while it saves, at every point, and look at what it leaves. Run by test_kill.py.

Each attempt is a fork of this process that works on a copy of the same folder. Prints how many were killed.
"""

import os
import random
import shutil
import signal
import sys
import time
import warnings
from itertools import count
from pathlib import Path

import torch

from fedqmix.runtime.storage.checkpoint import CheckpointStore
from support.stored_run import RUN_ID, check, check_tensors, facts_of, leftovers, new_rings, play, save, tensors_of

CHANGES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")


def resume(folder):
    store = CheckpointStore(folder, 1, RUN_ID)
    loaded = CheckpointStore.load(store.latest())
    rings = check(loaded, loaded.round, loaded.round * 4)
    store.resume_from(loaded)
    return store, rings, loaded.round


def next_round(folder):
    store, rings, round_ = resume(folder)
    yield
    play(rings, 4)
    save(store, round_ + 1, rings)


def same_round(folder):
    store, rings, round_ = resume(folder)
    yield
    save(store, round_, rings)


def best(folder):
    store, _, round_ = resume(folder)
    yield
    store.save_best(tensors_of(round_ + 1), facts_of(round_ + 1))


def resuming(folder):
    yield
    resume(folder)


def many_rounds(folder):
    store, rings, round_ = resume(folder)
    yield
    for later in count(round_ + 1):
        play(rings, 4)
        save(store, later, rings)


def die_at(change):
    """Kill this process just before its so many-th change to the file system."""
    seen = count()

    def hook(event, arguments):
        writes = event in CHANGES and not (event == "open" and arguments[1] in ("r", "rb"))
        if writes and next(seen) == change:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def fork(scenario, folder, change=None):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            steps = scenario(folder)
            next(steps)
            if change is not None:
                die_at(change)
            next(steps, None)
            status = 0
        finally:
            os._exit(status)
    return child


def was_killed(child):
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return os.WIFSIGNALED(status)


def inspect(folder):
    """The store is whole, goes on, and nothing of the killed attempt remains after that."""
    store, rings, round_ = resume(folder)
    best_round = CheckpointStore.load(store.best()).facts["round"]
    assert best_round in (2, 3)
    check_tensors(CheckpointStore.load(store.best()), best_round)
    play(rings, 4)
    save(store, round_ + 1, rings)
    resume(folder)
    assert not leftovers(folder)
    return round_


def main(work):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    start = work / "start"
    store, rings = CheckpointStore(start, 1, RUN_ID), new_rings()
    for round_ in (1, 2):
        play(rings, 4)
        save(store, round_, rings)
    store.save_best(tensors_of(2), facts_of(2))

    crashed = work / "crashed"  # a killed attempt's leftovers, to be killed again while they are cleaned up
    shutil.copytree(start, crashed)
    assert was_killed(fork(same_round, crashed, change=12))
    assert leftovers(crashed)

    for scenario, origin in ((next_round, start), (same_round, start), (best, start), (resuming, crashed)):
        for change in count():
            folder = shutil.copytree(origin, work / f"{scenario.__name__}-{change}")
            killed = was_killed(fork(scenario, folder, change))
            inspect(folder)
            shutil.rmtree(folder)
            if not killed:
                print(scenario.__name__, change)
                break

    delays = random.Random(0)
    folder = shutil.copytree(start, work / "any-time")
    reached = 0
    for _ in range(6):
        child = fork(many_rounds, folder)
        time.sleep(delays.uniform(0.01, 0.15))
        os.kill(child, signal.SIGKILL)
        assert was_killed(child)
        reached = inspect(folder)
    print("any_time", reached)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
