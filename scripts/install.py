"""Install the locked packages and fedqmix into the environment of the Python that runs this.

    python scripts/install.py                        the packages that `fedqmix train` needs
    python scripts/install.py sc2 dev                also these extras and dependency groups of pyproject.toml
    python scripts/install.py --torch-index URL      only PyTorch from this index; the rest from the default index
    python scripts/install.py --dependencies-only    without fedqmix itself
    python scripts/install.py sc2 -- --timeout 60    options after `--` are passed to pip

pip checks every file against its hashes in scripts/requirements/ and refuses files without a hash. Builds are not
isolated, because pip would install packages into an isolated environment without checking. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata

from requirements import PROJECT, requirements

ROOT = PROJECT.parent
BUILD, LOCKED = ROOT / "scripts" / "requirements" / "build.txt", ROOT / "scripts" / "requirements" / "locked.txt"
LOCK = ["--require-hashes", "--no-build-isolation", "--constraint", str(LOCKED)]


def pip(*words: str) -> None:
    """Run pip in this environment. Raises CalledProcessError; pip has reported the reason."""
    # setuptools warns at every editable installation that folders might hide each other.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore:Editable installation"}
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, env=environment)


def install(names: list[str], torch_index: str, itself: bool, options: list[str]) -> None:
    """Install packages in an order in which each step needs only packages checked before."""
    quiet = ["--quiet", "--disable-pip-version-check", *options]
    # pysc2 is installed without most of its dependencies; pip would warn each time.
    now = ["install", *quiet, "--no-warn-conflicts"]
    pip(
        *now, "--require-hashes", "--requirement", str(BUILD)
    )  # any version of pip can do this; the next steps need the locked pip
    _install_torch(torch_index, quiet, now)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("\n".join(requirements(names)))
        wanted.flush()
        pip(*now, *LOCK, "--requirement", wanted.name)
    if "sc2" in names:
        pip(*now, *LOCK, "--no-deps", "pysc2")  # its dependencies would replace Flower's protobuf
    if itself:
        pip(*now, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def _install_torch(index: str, quiet: list[str], now: list[str]) -> None:
    """Install the locked PyTorch from one index, in the build that pip chooses without hashes.

    Download and check are two steps: among several builds of one version pip prefers those whose hash the index
    states. It would therefore ignore a CPU build in a folder of wheels (pip's --find-links).
    """
    (version,) = re.findall(r"^torch==(\S+)", LOCKED.read_text(), re.MULTILINE)
    if _installed("torch") == version:
        return
    source = ["--index-url", index] if index else []
    with tempfile.TemporaryDirectory() as folder:
        wheels = ["download", *quiet, *source, "--no-deps", "--only-binary", ":all:", "--dest", folder]
        pip(*wheels, f"torch=={version}")
        pip(*now, *LOCK, "--no-deps", "--no-index", "--find-links", folder, "torch")


def _installed(package: str) -> str | None:
    """Return the version of an installed package without its local part (`+cpu`)."""
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def main(words: list[str]) -> int:
    """Install; return 0, or pip's exit code when it fails."""
    parser = argparse.ArgumentParser(description="Install the locked packages and fedqmix.")
    parser.add_argument("names", nargs="*", help="extras and dependency groups of pyproject.toml")
    parser.add_argument("--torch-index", default="", help="the one index that PyTorch comes from")
    parser.add_argument("--dependencies-only", action="store_true", help="do not install fedqmix itself")
    end = words.index("--") if "--" in words else len(words)
    given = parser.parse_args(words[:end])
    try:
        install(given.names, given.torch_index, not given.dependencies_only, words[end + 1 :])
    except KeyError as error:
        parser.error(f"pyproject.toml has no extra and no dependency group named {error}.")
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
