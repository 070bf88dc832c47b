"""What is installed is what was locked: exact versions, hashes, one index at a time, a base image by its digest."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scripts" / "requirements"
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load a file of scripts/, which is no package."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    spec = spec_from_file_location(f"script_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entries(file: str) -> dict[str, str]:
    """Return each package's whole entry of a locked file: its pin, its marker and its hashes."""
    text = "\n".join(line for line in (FOLDER / file).read_text().splitlines() if not line.startswith("#"))
    found = re.split(r"\n(?=\S)", text.strip())
    return {entry.partition("==")[0]: entry for entry in found}


def version(entry: str) -> str:
    return entry.partition("==")[2].split()[0]


# What is locked


@pytest.mark.parametrize("file", ["build.txt", "locked.txt", "audit.txt", "oracles.txt"])
def test_every_package_has_an_exact_version_and_hashes_and_names_no_place(file: str) -> None:
    for name, entry in entries(file).items():
        assert re.match(r"[a-z0-9-]+==\d\S*( ; [^\\]+)? \\\n", entry), name
        assert HASH.search(entry), name
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host|^/", (FOLDER / file).read_text(), re.M)


def test_all_that_the_project_asks_for_is_locked_at_a_version_it_accepts() -> None:
    file = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = file["project"], file["dependency-groups"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    asked = [*project["dependencies"], *extras, *groups["dev"]]
    locked = entries("locked.txt")
    for line in [*asked, *groups["build"], *file["build-system"]["requires"]]:
        requirement = Requirement(line)
        assert version(locked[canonicalize_name(requirement.name)]) in requirement.specifier, line
    for group in ("audit", "oracles"):
        own = entries(f"{group}.txt")
        for line in groups[group]:
            requirement = Requirement(line)
            assert version(own[canonicalize_name(requirement.name)]) in requirement.specifier, line


def test_the_files_agree_on_versions() -> None:
    """constraints.txt is what people read and change, locked.txt what pip checks: `make lock` writes both."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    locked = {name: version(entry) for name, entry in entries("locked.txt").items()}
    assert dict(line.split("==") for line in lines) == locked
    assert {name: version(entry) for name, entry in entries("build.txt").items()}.items() <= locked.items()


def test_the_cpu_builds_of_pytorch_are_locked_beside_those_of_the_package_index() -> None:
    entry = entries("locked.txt")["torch"]
    lines = [line.split() for line in (FOLDER / "torch-cpu.sha256").read_text().splitlines()]
    assert {name.split("-")[1] for _, name in lines} == {f"{version(entry)}+cpu"}
    assert {digest for digest, _ in lines} < set(HASH.findall(entry))
    for python in ("cp311", "cp312", "cp313"):
        for machine in ("x86_64", "aarch64"):
            assert any(f"-{python}-" in name and name.endswith(f"{machine}.whl") for _, name in lines)


# What is refused


def make_wheel(folder: Path, name: str, number: str) -> Path:
    """Write a wheel that pip installs without complaint, with other contents than the release of that name."""
    path = folder / f"{name}-{number}-py3-none-any.whl"
    info = f"{name}-{number}.dist-info"
    files = {
        f"{name}.py": "raise SystemExit('this is not the release')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(file, text)
    return path


def index_of(folder: Path, wheel: Path, *, states_hash: bool) -> str:
    """Make a package index that has one wheel, and return its address."""
    page = folder / "simple" / canonicalize_name(wheel.name.partition("-")[0])
    page.mkdir(parents=True)
    fragment = f"#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}" if states_hash else ""
    (page / "index.html").write_text(f'<a href="{wheel.as_uri()}{fragment}">{wheel.name}</a>')
    return (folder / "simple").as_uri()


def pip_install(target: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pip with no settings but the words, into a folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--target", str(target), *words]
    environment = {**clean, "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("states_hash", [True, False])
def test_a_wheel_that_was_tampered_with_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states_hash: bool
) -> None:
    """It has a locked package's name and version and comes from the index that pip is told to ask."""
    number = version(entries("locked.txt")["iniconfig"])
    wheel = make_wheel(tmp_path, "iniconfig", number)
    index = ["--index-url", index_of(tmp_path, wheel, states_hash=states_hash), "--no-deps", "iniconfig"]
    refused = pip_install(tmp_path / "locked", *script("install", monkeypatch).LOCK, *index)
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in refused.stderr
    assert not list((tmp_path / "locked").glob("**/*.py"))
    taken = pip_install(tmp_path / "free", *index)
    assert taken.returncode == 0, taken.stderr  # only its hash stood in the way
    assert (tmp_path / "free" / "iniconfig.py").exists()


def test_a_package_without_a_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path, "unheard_of", "1.0")
    lock = script("install", monkeypatch).LOCK
    index = ["--index-url", index_of(tmp_path, wheel, states_hash=True)]
    refused = pip_install(tmp_path / "target", *lock, *index, "unheard-of")
    assert refused.returncode != 0
    assert "all requirements must have their versions pinned" in refused.stderr
    assert not (tmp_path / "target").exists()


# From where


def test_pytorchs_index_is_asked_for_pytorch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    install = script("install", monkeypatch)
    calls: list[list[str]] = []
    monkeypatch.setattr(install, "pip", lambda *words, **_: calls.append(list(words)))
    monkeypatch.setattr(install, "_installed", lambda package: None)
    install.install(["sc2", "dev"], "https://torch.invalid/cpu", True, ["--timeout", "60"])
    asked = [words for words in calls if "--index-url" in words]
    torch = version(entries("locked.txt")["torch"])
    assert [(words[0], words[-1]) for words in asked] == [("download", f"torch=={torch}")]
    assert "--no-deps" in asked[0]
    assert not any("--extra-index-url" in words for words in calls)
    for words in calls:
        assert words[0] == "download" or "--require-hashes" in words or {"--no-deps", "--editable"} <= set(words)
        assert words[0] == "download" or "--no-build-isolation" in words or str(FOLDER / "build.txt") in words
    (from_folder,) = [words for words in calls if "--no-index" in words]
    assert from_folder[-1] == "torch"
    assert "--require-hashes" in from_folder


def test_the_locked_pytorch_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    install = script("install", monkeypatch)
    calls: list[str] = []
    monkeypatch.setattr(install, "pip", lambda *words, **_: calls.extend(words))
    monkeypatch.setattr(install, "_installed", lambda package: version(entries("locked.txt")["torch"]))
    install.install([], "https://torch.invalid/cpu", False, [])
    assert "download" not in calls
    assert "--editable" not in calls


def test_no_file_asks_two_indices() -> None:
    """pip takes the higher version from whichever index: who registers a name on one of them wins over the other."""
    files = [ROOT / "Makefile", *ROOT.glob("docker*/*"), *ROOT.glob("docker-compose*.yml"), *ROOT.glob("scripts/*")]
    files += [ROOT / ".ci" / "run", *ROOT.glob("runtime/deployment/compose*.py"), *ROOT.glob("scripts/requirements/*")]
    for file in files:
        if file.is_file():
            assert "extra-index-url" not in file.read_text(), file


def test_images_are_named_by_their_digest() -> None:
    for name in ("Dockerfile", "smac.Dockerfile"):
        text = (ROOT / name).read_text()
        assert "syntax=" not in text  # it would name an image, too
        arguments = dict(re.findall(r"^ARG (\w+)=(\S*)", text, re.MULTILINE))
        for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
            image = arguments[base.strip("${}")]
            assert image == "fedqmix:latest" or re.search(r":\S+@sha256:[0-9a-f]{64}$", image), image


def test_images_install_what_is_locked() -> None:
    """All by scripts/install.py; what pip itself installs there is fedqmix and SMAC, without asking an index."""
    for name in ("Dockerfile", "smac.Dockerfile"):
        text = (ROOT / name).read_text().replace("\\\n", " ")
        assert "scripts/install.py" in text
        installs = re.findall(r"pip install ([^&\n]*)", text)
        assert installs
        for words in installs:
            assert {"--no-deps", "--no-build-isolation"} <= set(words.split()), words
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"!scripts", "!pyproject.toml"} <= set(kept)


# make audit


def test_an_audit_that_looked_nothing_up_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip-audit says "No known vulnerabilities" to that."""
    audit = script("audit", monkeypatch)
    known = {"name": "one", "version": "1.0", "vulns": []}
    bad = {"name": "two", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}, {"id": "CVE-2"}]}
    skipped = {"name": "three", "version": "3.0", "skip_reason": "not found"}
    assert audit.verdict([known]) == (audit.CLEAN, "1 packages, no known vulnerability.")
    for answer, status in (([], 2), ([skipped], 2), ([known, skipped], 2), ([known, bad], 1), ([bad, skipped], 1)):
        assert audit.verdict(answer)[0] == status
    report = audit.verdict([known, bad, skipped])[1]
    assert "two 2.0: CVE-1, fixed in 2.1" in report
    assert "two 2.0: CVE-2, fixed in no release yet" in report
    assert "Not looked up: 1 of 3 packages" in report
    assert "answered for no package" in audit.verdict([skipped])[1]


def test_an_audit_without_a_service_still_writes_the_bill_of_materials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = script("audit", monkeypatch)
    monkeypatch.setattr(audit, "bill_of_materials", lambda file: file.write_text("{}"))
    monkeypatch.setattr(audit, "look_up", lambda file, options: "long\nConnectionError: no route to the service")
    assert audit.main([str(tmp_path / "audit")]) == audit.UNKNOWN
    assert (tmp_path / "audit" / "sbom.json").exists()
    assert "could not be reached, so the result is unknown: ConnectionError: no route" in capsys.readouterr().err


def test_an_unknown_extra_is_refused_before_anything_is_installed() -> None:
    words = [sys.executable, ROOT / "scripts" / "requirements.py", "--only", "vidoe"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no extra and no dependency group named 'vidoe'" in done.stderr
