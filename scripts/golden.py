"""Record hashes of all tensors after three rounds, to prove a refactoring bit-identical.

    python scripts/golden.py record FILE [MODULE]    train all pairs and write the hashes of their final tensors
    python scripts/golden.py compare BEFORE AFTER    print every difference; exit status 1 if there is one

Trains {iql, vdn, qmix} x {none, a_pps, rs_pps, pp_pps, full_sharing} for three rounds of experiment=smoke: in one
process with one thread and with two, interrupted after two rounds and resumed, and as a federation.
MODULE is the module for `python -m`, `fedqmix` by default. Hashes depend on the processor: record both files on the
same machine.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.numpy import load_file

ALGORITHMS = ("iql", "vdn", "qmix")
STRATEGIES = ("none", "a_pps", "rs_pps", "pp_pps", "full_sharing")
COMMON = ("experiment=smoke", "stop.env_steps=100000", "evaluation.episodes=8")
RUN_ID = re.compile("[0-9a-f]{16}")
TIMES = {"elapsed_s", "env_steps_per_s", "train_steps_per_s"}


def record(module: str) -> dict[str, dict[str, str]]:
    """Return every run's hashes by the run's name."""
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for algorithm in ALGORITHMS:
            for strategy in STRATEGIES:
                pair = f"algorithm={algorithm}", f"strategy={strategy}", *COMMON
                for threads in (1, 2):
                    run = folder / f"{algorithm}-{strategy}-threads{threads}"
                    start(module, "train", *pair, f"runtime.threads={threads}", "stop.rounds=3", f"run_dir={run}")
                    found[run.name] = hashes(run)
                run = folder / f"{algorithm}-{strategy}-resumed"
                start(module, "train", *pair, "stop.rounds=2", f"run_dir={run}")
                start(module, "train", f"resume={run}", "stop.rounds=3")
                found[run.name] = hashes(run)
                run = folder / f"{algorithm}-{strategy}-federated"
                start(module, "up", "insecure=true", *pair, "stop.rounds=3", f"run_dir={run}")
                found[run.name] = hashes(run)
                print(f"{algorithm} {strategy}", file=sys.stderr, flush=True)
    return found


def start(module: str, *words: str) -> None:
    """Run one command to its end; exit with its output if it fails."""
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")


def hashes(run: Path) -> dict[str, str]:
    """Return the hashes of all parties' tensors in a run's last checkpoints, and of its metrics."""
    found = {}
    for file in sorted(run.rglob("round-000003/*.safetensors")):
        place = "/".join(part for part in file.relative_to(run).parts if not RUN_ID.fullmatch(part))
        for name, value in load_file(file).items():
            if name != "sums":
                found[f"{place}:{name}"] = hashlib.sha256(value.tobytes()).hexdigest()[:16]
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept = [
        {name: value for name, value in row.items() if name not in TIMES and not name.startswith("fed/bytes")}
        for row in rows
    ]
    return found | {"metrics": hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]}


def compare(before: Path, after: Path) -> int:
    """Print the differences between two records; return 1 if there are any."""
    one, other = (json.loads(path.read_text()) for path in (before, after))
    differing = 0
    for run in sorted(one.keys() | other.keys()):
        old, new = one.get(run, {}), other.get(run, {})
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                differing += 1
                print(f"{run} {name}: {old.get(name, 'missing')} -> {new.get(name, 'missing')}")
    numbers = sum(map(len, one.values()))
    print(f"{numbers} hashes of {len(one)} runs, {differing} differ")
    return int(differing > 0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["record", file, *module] if len(module) < 2:
            Path(file).write_text(json.dumps(record(*(module or ["fedqmix"])), indent=1) + "\n")
        case ["compare", before, after]:
            sys.exit(compare(Path(before), Path(after)))
        case words:
            print(__doc__)
            sys.exit(0 if words == ["--help"] else 2)
