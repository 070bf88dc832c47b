"""Write the lock files in scripts/requirements/: exact versions and hashes of all packages.

    make lock          (python scripts/lock.py; needs uv, which Flower brings, and a package index)

constraints.txt states the versions; a package without a line there gets the newest version that fits, and a line. The
lock files hold for Python 3.11 and later on every platform, so they include CUDA's packages, which few machines
install. The hashes are those of every file of a release on the package index. The hashes of PyTorch's CPU builds,
which have an index of their own, come from scripts/requirements/torch-cpu.sha256.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from requirements import PROJECT, requirements

ROOT = PROJECT.parent
FOLDER = ROOT / "scripts" / "requirements"
TORCH_CPU = FOLDER / "torch-cpu.sha256"
CONSTRAINTS = ROOT / "constraints.txt"
HEADER = "# Written by `make lock` (scripts/lock.py); docs/supply-chain.md. {}\n"
EXTRAS = ["pettingzoo", "sc2", "simulation", "tensorboard", "video", "wandb"]
IN_TESTS = ["pettingzoo", "sc2", "tensorboard", "video", "wandb"]
"""The extras that `make test` installs."""
SINGLE_RUN = ["pysc2"]
"""Installed without their dependencies, which would replace Flower's protobuf (docs/starcraft.md)."""


def compile_lock(lines: list[str], *options: str) -> str:
    """Return requirement lines with pins and hashes, for every platform.

    Raises CalledProcessError when uv fails.
    """
    words = ["pip", "compile", "-", "--quiet", "--universal", "--python-version=3.11", "--generate-hashes"]
    words += ["--strip-extras", "--no-annotate", "--no-header", "--no-config", f"--constraints={CONSTRAINTS}", *options]
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [str(uv), *words], input="\n".join(lines), text=True, cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    return done.stdout


def with_cpu_builds(lock: str) -> str:
    """Add the hashes of PyTorch's CPU builds to torch's line.

    Raises SystemExit when they are not known.
    """
    (version,) = re.findall(r"^torch==(\S+)", lock, re.MULTILINE)
    known = [line.split() for line in TORCH_CPU.read_text().splitlines()]
    hashes = [f"    --hash=sha256:{digest}" for digest, wheel in known if wheel.startswith(f"torch-{version}+cpu-")]
    if not hashes:
        raise SystemExit(
            f"{TORCH_CPU} has no CPU build of torch {version}: docs/supply-chain.md says where to get them."
        )
    pin = f"torch=={version} \\\n"
    return lock.replace(pin, pin + "".join(f"{line} \\\n" for line in hashes))


def without(lock: str, other: str) -> str:
    """Return the packages of one lock that another one does not have."""
    known = set(re.findall(r"^([a-z0-9-]+)==", other, re.MULTILINE))
    packages = re.findall(r"^[a-z0-9-]+==.*\n(?:    .*\n)*", lock, re.MULTILINE)
    return "".join(one for one in packages if one.partition("==")[0] not in known)


def main() -> None:
    """Write build.txt, locked.txt, oracles.txt, audit.txt, and the versions of locked.txt to constraints.txt."""
    build = compile_lock(requirements(["build"], own=False))
    everything = compile_lock(requirements([*EXTRAS, "build", "dev"])) + compile_lock(SINGLE_RUN, "--no-deps")
    audit = compile_lock(requirements(["audit"], own=False))
    tests = compile_lock(requirements([*IN_TESTS, "build", "dev"]))
    oracles = without(compile_lock(requirements(["oracles"], own=False)), tests)
    (FOLDER / "oracles.txt").write_text(
        HEADER.format("Beside what `make test` installs: pip install --no-deps -r.") + oracles
    )
    (FOLDER / "build.txt").write_text(HEADER.format("pip itself, and what it builds with: pip install -r.") + build)
    (FOLDER / "locked.txt").write_text(HEADER.format("All packages: pip install -c.") + with_cpu_builds(everything))
    (FOLDER / "audit.txt").write_text(HEADER.format("The tools of `make audit`: pip install -r.") + audit)
    comment, *_ = CONSTRAINTS.read_text().splitlines()
    pins = sorted(re.findall(r"^[a-z0-9-]+==[^\s;]+", everything, re.MULTILINE))
    CONSTRAINTS.write_text("\n".join([comment, *pins]) + "\n")


if __name__ == "__main__":
    main()
