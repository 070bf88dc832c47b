"""`fedqmix bench`: benchmark figures as JSON on standard output."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

from fedqmix.conf.schema import EnvConfig
from fedqmix.runtime.cli import bench_runs
from fedqmix.runtime.cli.bench_episodes import EPISODES, episodes
from fedqmix.runtime.cli.bench_options import MOST_SHIFT, between, choices, maps, number, numbers, only, seed, split
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.lifecycle.memory import keep_freed_memory

HELP = """\
fedqmix bench world [env=skirmish|bps|lbf|predator_prey|rware] [maps=3m,8m] [batches=1,32,256] [threads=2] [seconds=3]
                    [env.name=value ...]
    environment steps a second of a world in this process with random available actions, by map and batch of episodes
fedqmix bench spread [maps=bps-1,bps-3] [policies=random,greedy] [episodes=1000] [seed=0] [threads=2]
                     [env.name=value ...]
    returns of hand-written policies in blind-particle spread (env=bps); as a table:
    python -m fedqmix.analysis.benchmarks.spread table FILE
fedqmix bench foraging [maps=Foraging-8x8-2p-3f-v3] [policies=random,nearest] [episodes=1000] [seed=0] [threads=2]
                       [env.name=value ...]
    returns of hand-written policies in level-based foraging (env=lbf)
fedqmix bench warehouse [maps=rware-tiny-2ag-v2] [policies=random,carrier] [episodes=1000] [seed=0] [threads=2]
                        [env.name=value ...]
    returns of hand-written policies in the multi-robot warehouse (env=rware)
fedqmix bench peers [peers=smax,smaclite] [maps=3m,2s3z] [rounds=3] [seconds=3] [threads=2] [peer_python=PATH]
                    [smaclite_path=PATH]
    environment steps a second of the embedded world beside other worlds', on the maps they share, measured in turn;
    peer_python: the interpreter that has the others' packages; smaclite_path: SMAClite's source
fedqmix bench packages env=lbf|rware [maps=rware-tiny-2ag-v2] [rounds=3] [seconds=3] [threads=2] [peer_python=PATH]
    environment steps a second of a suite beside the Python package whose rules it has, on the tasks of both, measured
    in turn; peer_python: the interpreter that has the package
fedqmix bench fidelity [maps=3m,8m] [policies=nearest,upwards] [episodes=256] [seed=0] [threads=2]
                       [shift=0] [explore=0]
    win rate, return and episode length of scripted teams on the embedded world; as a table:
    python -m fedqmix.analysis.benchmarks.fidelity table FILE; shift: cells by which every unit's start is moved,
    drawn anew every episode; explore: the chance that an agent takes a random action instead
fedqmix bench winnable [maps=3m,8m] [copies=256] [tries=30] [seed=0] [threads=2]
    whether each map can be won: scripts that try again and again from moments of their best attempt at one episode
fedqmix bench learner [maps=3m,8m] [batches=32,96] [lengths=mixed|full] [steps=40,60] [repeats=20] [seeds=1]
                      [name=value ...]
fedqmix bench learner run=RUN [batches=32,96] [repeats=20] [seeds=1] [name=value ...]
    milliseconds per training step by map and batch, beside the floor of its matrix products; with seeds, so many runs'
    steps together in one program. Other settings as for train, such as algorithm=vdn runtime.device=cuda. Episodes are
    random, of `steps` environment steps (one number for each map or one for all; by default the map's limit), mixed:
    of a third of that to all of it; or, with run, drawn from those that the newest checkpoint of a run holds
fedqmix bench learners [peers=ppsqmix,epymarl_ns,epymarl] [maps=3m,2s3z] [lengths=full|mixed] [steps=40,60] [run=RUN]
                       [batch=96] [rounds=5] [repeats=1] [ppsqmix_path=PATH] [epymarl_path=PATH] [pymarl2_path=PATH]
                       [refil_path=PATH] [transf_qmix_path=PATH] [peer_python=PATH] [name=value ...]
    the same training step beside other projects', with the same episodes and sizes, in turn; the paths are their
    sources, peer_python an interpreter with PyTorch and NumPy; episodes as for bench learner. Peers follow algorithm=:
    with qplex pymarl2_qplex, with qtran pymarl2_qtran, with refil refil, with transf_qmix transf_qmix
fedqmix bench collecting [maps=3m] [batches=8,32] [seconds=3] [name=value ...]
    environment steps a second of training's collection loop: world, networks that act, and storing
fedqmix bench coupling [map=3m] [train_ms=50] [act_ms=1] [steps=300] [name=value ...]
    waiting time of a federated round beyond computing: real services and processes, agents that sleep instead
fedqmix bench matrix [map=qtran] [algorithms=iql,vdn,qmix] [seeds=1,2,3] [name=value ...]
    what algorithms learn of a matrix game (env=matrix) that they explore fully: on standard error the value of every
    joint action beside its payoff, the agents' own values, the joint action that they take. Other settings as for train
fedqmix bench attacks [attacks=honest,sign_flip] [aggregations=a_pps,median] [seeds=1,2,3,4,5] [processes=2]
                      [name=value ...]
    win rates of teams whose last agent attacks the server in every round, by attack and by the server's aggregation:
    real runs, one process each, `processes` at once. Other settings as for train, such as map=2s3z
    stop.env_steps=300000; by default 3m, experiment=quick and 100,000 environment steps. As a table and as a picture:
    python -m fedqmix.analysis.benchmarks.attack_table table FILE, and python -m
    fedqmix.analysis.benchmarks.attack_table picture FILE
"""


def bench_command(words: list[str]) -> int:
    """Run the benchmark that the words name, and print its figures; return the exit status."""
    if words[0] not in BENCHMARKS:
        raise ConfigurationError(unknown("benchmark", words[0], tuple(BENCHMARKS)))
    figures = BENCHMARKS[words[0]](words[1:])
    figures["command"] = shlex.join(["fedqmix", "bench", *words])
    json.dump(figures, sys.stdout, indent=2)
    print()
    return 0


def _world(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import world

    options, env = _of_suite("world", words, ("maps", "batches", "threads", "seconds"))
    return world.measure(
        maps=maps(options, env),
        batches=numbers(options, "batches", world.BATCHES),
        threads=number(options, "threads", int, _processors()),
        seconds=number(options, "seconds", float, 3.0),
        env=env,
    )


def _spread(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import spread
    from fedqmix.envs.bps.policies import POLICIES

    return _policies("spread", "bps", tuple(POLICIES), words, spread.measure)


def _foraging(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import foraging
    from fedqmix.envs.lbf.policies import EXPLORE

    return _policies("foraging", "lbf", tuple(EXPLORE), words, foraging.measure)


def _warehouse(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import warehouse
    from fedqmix.envs.rware.policies import POLICIES

    return _policies("warehouse", "rware", POLICIES, words, warehouse.measure)


def _policies(
    benchmark: str, suite: str, known: Sequence[str], words: Sequence[str], measure: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    """Measure the returns of a suite's hand-written policies. known: their names."""
    from fedqmix.runtime.cli.bench_progress import CountBar

    names = ("maps", "policies", "episodes", "seed", "threads")
    options, env = _of_suite(benchmark, [f"env={suite}", *(word for word in words if word != f"env={suite}")], names)
    tasks, policies = maps(options, env), choices(options, "policies", "policy", known)
    episodes = number(options, "episodes", int, 1000)
    with CountBar(len(tasks) * len(policies) * episodes) as bar:
        threads = number(options, "threads", int, _processors())
        return measure(tasks, env, policies, episodes, seed(options), threads, bar.tell)


def _of_suite(benchmark: str, words: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], EnvConfig]:
    """Return a benchmark's own options and the settings of the suite that the words env=... and env.NAME=... set."""
    chosen = [word for word in words if word.startswith(("env=", "env."))]
    return only(benchmark, [word for word in words if word not in chosen], names), compose(chosen).env


def _peers(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import peers

    names = ("peers", "maps", "rounds", "seconds", "threads", "peer_python", "smaclite_path")
    options = only("peers", words, names)
    return peers.measure(
        peers=choices(options, "peers", "peer", peers.PEERS),
        maps=maps(options),
        rounds=number(options, "rounds", int, 3),
        seconds=number(options, "seconds", float, 3.0),
        threads=number(options, "threads", int, _processors()),
        python=options.get("peer_python", sys.executable),
        smaclite_path=options.get("smaclite_path"),
    )


def _packages(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import packages

    options, env = _of_suite("packages", words, ("maps", "rounds", "seconds", "threads", "peer_python"))
    if env.name not in packages.PACKAGES:
        raise ConfigurationError(unknown("env", env.name, tuple(packages.PACKAGES)))
    return packages.measure(
        maps=maps(options, env),
        rounds=number(options, "rounds", int, 3),
        seconds=number(options, "seconds", float, 3.0),
        threads=number(options, "threads", int, _processors()),
        python=options.get("peer_python", sys.executable),
        env=env,
    )


def _fidelity(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import fidelity
    from fedqmix.envs.scripted import POLICIES
    from fedqmix.runtime.cli.bench_progress import CountBar

    options = only("fidelity", words, ("maps", "policies", "episodes", "seed", "threads", "shift", "explore"))
    names, policies = maps(options), choices(options, "policies", "policy", tuple(POLICIES))
    episodes = number(options, "episodes", int, 256)
    conditions = fidelity.Conditions(between(options, "shift", MOST_SHIFT), between(options, "explore", 1.0))
    with CountBar(len(names) * len(policies) * episodes) as bar:
        threads = number(options, "threads", int, _processors())
        return fidelity.measure(names, policies, episodes, seed(options), threads, bar.tell, conditions)


def _winnable(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import planned
    from fedqmix.runtime.cli.bench_progress import CountBar

    options = only("winnable", words, ("maps", "copies", "tries", "seed", "threads"))
    names, copies = maps(options), number(options, "copies", int, 256)
    tries = number(options, "tries", int, 30)
    with CountBar(len(names) * tries * copies) as bar:
        return planned.measure(
            maps=names,
            copies=copies,
            tries=tries,
            seed=seed(options),
            threads=number(options, "threads", int, _processors()),
            tell=bar.tell,
        )


def _learner(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import learner
    from fedqmix.runtime.cli.bench_progress import CountBar

    keep_freed_memory()  # as training does
    options, rest = split(words, (*EPISODES, "batches", "repeats", "seeds"))
    config = compose(list(rest))
    sources, about = episodes(options, config, learner.MAPS, "mixed")
    batches, repeats = numbers(options, "batches", learner.BATCHES), number(options, "repeats", int, 20)
    with CountBar(len(sources) * len(batches) * repeats, "training steps") as bar:
        seeds = number(options, "seeds", int, 1)
        return {**learner.measure(config, sources, batches, repeats, seeds, bar.tell), **about}


def _learners(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import learners
    from fedqmix.runtime.cli.bench_progress import CountBar

    keep_freed_memory()  # as training does
    paths = {f"{project}_path": project for project in learners.PLACES}
    options, rest = split(words, (*EPISODES, *paths, "peers", "batch", "rounds", "repeats", "peer_python"))
    config = compose(list(rest))
    steps = learners.STEPS if "maps" not in options else None
    sources, about = episodes(options, config, learners.MAPS, "full", steps)
    names = choices(options, "peers", "peer", learners.PEERS.get(config.algorithm.name, tuple(learners.SOURCES)))
    rounds = number(options, "rounds", int, 5)
    with CountBar(len(sources) * (1 + len(names)) * (1 + rounds), "rounds") as bar:
        figures = learners.measure(
            config,
            sources,
            peers=names,
            paths={project: options[name] for name, project in paths.items() if name in options},
            python=options.get("peer_python", sys.executable),
            batch=number(options, "batch", int, 96),
            rounds=rounds,
            repeats=number(options, "repeats", int, 1),
            tell=bar.tell,
        )
    return {**figures, **about}


def _collecting(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import collecting

    keep_freed_memory()
    options, rest = split(words, ("maps", "batches", "seconds"))
    return collecting.measure(
        compose(list(rest)),
        maps=maps(options) if "maps" in options else ["3m"],
        batches=numbers(options, "batches", collecting.BATTLES),
        seconds=number(options, "seconds", float, 3.0),
    )


def _coupling(words: Sequence[str]) -> dict[str, Any]:
    from fedqmix.analysis.benchmarks import coupling

    options, rest = split(words, ("train_ms", "act_ms", "steps"))
    return coupling.measure(
        compose(list(rest)),
        train_ms=number(options, "train_ms", float, 50.0),
        act_ms=number(options, "act_ms", float, 1.0),
        steps=number(options, "steps", int, 300),
    )


def _processors() -> int:
    return os.cpu_count() or 1


BENCHMARKS: dict[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "world": _world,
    "spread": _spread,
    "foraging": _foraging,
    "warehouse": _warehouse,
    "peers": _peers,
    "packages": _packages,
    "fidelity": _fidelity,
    "winnable": _winnable,
    "learner": _learner,
    "learners": _learners,
    "collecting": _collecting,
    "coupling": _coupling,
    "matrix": bench_runs.matrix,
    "attacks": bench_runs.attacks,
}
