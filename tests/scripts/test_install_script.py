"""scripts/install_sc2.sh, run for real with archives of our own making."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from fedqmix.envs.maps import available_maps
from fedqmix.envs.smac.packages import SMAC_SOURCE
from fedqmix.envs.smac.requirements import findings

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "install_sc2.sh"
SUMS = ROOT / "scripts" / "smac_maps.sha256"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "unzip"))), reason="curl and unzip are not installed"
)


class Archives:
    """A game and maps to be installed from file:// URLs, and the words that name them."""

    def __init__(self, folder: Path) -> None:
        self.game, self.maps, self.sums = folder / "game.zip", folder / "maps.zip", folder / "sums"
        with zipfile.ZipFile(self.game, "w") as archive:
            archive.writestr("StarCraftII/.build.info", "4.10")
            archive.writestr("StarCraftII/Versions/Base75689/SC2_x64", "#!/bin/sh\n")
            archive.writestr("StarCraftII/Maps/README", os.urandom(5000))
        contents = {f"{name}.SC2Map": f"MPQ {name}".encode() for name in available_maps()}
        with zipfile.ZipFile(self.maps, "w") as archive:
            for name, data in contents.items():
                archive.writestr(f"smac-d6aab33/smac/env/starcraft2/maps/SMAC_Maps/{name}", data)
        self.sums.write_text("".join(f"{digest(data)}  {name}\n" for name, data in contents.items()))

    def words(self) -> list[str]:
        return [
            *("--game-url", self.game.as_uri(), "--game-sha256", digest(self.game.read_bytes())),
            *("--maps-url", self.maps.as_uri(), "--maps-sums", str(self.sums)),
        ]


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    (tmp_path / "archives").mkdir()
    return Archives(tmp_path / "archives")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def install(*words: str | Path, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *words], input=said, capture_output=True, text=True, check=False)


def test_what_it_installs_is_what_the_world_looks_for(
    archives: Archives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "the game"
    done = install("--folder", folder, *archives.words(), said="I agree\n")
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("SC2PATH", str(folder))
    found = {finding.name: finding for finding in findings(None)}
    assert found["StarCraft II"].ok
    assert "build 75689" in found["StarCraft II"].found
    assert found["SMAC's maps"].ok
    assert (folder / ".build.info").read_text() == "4.10"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archives", "the game"], "nothing is left beside it"
    assert f"export SC2PATH={str(folder).replace(' ', chr(92) + ' ')}" in done.stdout
    again = install("--folder", folder, "--maps-sums", archives.sums)
    assert again.returncode == 0
    assert "StarCraft II is already in" in again.stdout
    assert "SMAC's maps are already in" in again.stdout


@pytest.mark.parametrize("answer", ["", "\n", "yes\n", "i agree\n"])
def test_nothing_happens_without_agreement(archives: Archives, tmp_path: Path, answer: str) -> None:
    done = install("--folder", tmp_path / "game", *archives.words(), said=answer)
    assert done.returncode == 1
    assert "AI_AND_MACHINE_LEARNING_LICENSE" in done.stdout
    assert "without agreement nothing is downloaded" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["archives"]


def test_a_dry_run_does_nothing(archives: Archives, tmp_path: Path) -> None:
    done = install("--dry-run", "--folder", tmp_path / "game", *archives.words())
    assert done.returncode == 0
    assert f"would download {archives.game.as_uri()}" in done.stdout
    assert f"would download {archives.maps.as_uri()}" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["archives"]


def test_a_download_goes_on_where_it_was(archives: Archives, tmp_path: Path) -> None:
    """The part that is there is not fetched again: were it another's, the sum of the whole would be wrong."""
    part, whole = tmp_path / "game.zip.part", archives.game.read_bytes()
    part.write_bytes(b"another" + whole[7:3000])
    words = ["--folder", tmp_path / "game", "--accept-blizzard-license", *archives.words()]
    refused = install(*words)
    assert refused.returncode == 1
    assert f"not {digest(whole)}" in refused.stderr
    (tmp_path / "game.zip").unlink()
    part.write_bytes(whole[:3000])
    done = install(*words)
    assert done.returncode == 0, done.stderr


def test_an_archive_that_is_not_the_game_is_refused(archives: Archives, tmp_path: Path) -> None:
    accepted = ["--folder", tmp_path / "game", "--accept-blizzard-license", "--maps-sums", archives.sums]
    small = install(*accepted, "--game-url", archives.game.as_uri())
    assert small.returncode == 1
    assert f"sha256 {digest(archives.game.read_bytes())}" in small.stdout
    assert "too small for the game" in small.stderr
    (tmp_path / "game.zip").unlink()
    other = install(
        *accepted, "--game-url", archives.maps.as_uri(), "--game-sha256", digest(archives.maps.read_bytes())
    )
    assert other.returncode == 1
    assert "it is not StarCraft II for Linux" in other.stderr
    missing = install("--folder", tmp_path / "b", "--accept-blizzard-license", "--game-url", (tmp_path / "no").as_uri())
    assert missing.returncode == 1
    assert "cannot download" in missing.stderr
    assert not (tmp_path / "game").exists()


def test_maps_that_are_not_smacs_are_refused(archives: Archives, tmp_path: Path) -> None:
    """Ours have other contents than SMAC's, whose sums are in the repository."""
    folder = tmp_path / "game"
    folder.mkdir()
    done = install("--folder", folder, "--maps-only", "--maps-url", archives.maps.as_uri())
    assert done.returncode == 1
    assert "do not match" in done.stderr
    assert list(folder.iterdir()) == []
    nowhere = install("--folder", tmp_path / "nowhere", "--maps-only", "--maps-url", archives.maps.as_uri())
    assert "there is no game in" in nowhere.stderr


def test_the_sums_are_those_of_all_maps() -> None:
    lines = [line.split() for line in SUMS.read_text().splitlines()]
    assert sorted(name for _, name in lines) == sorted(f"{name}.SC2Map" for name in available_maps())
    source = os.environ.get("FEDQMIX_SMAC_PATH")
    for sum_, name in lines:
        assert len(sum_) == 64
        if source is not None:
            assert digest((Path(source) / "smac/env/starcraft2/maps/SMAC_Maps" / name).read_bytes()) == sum_


def test_everybody_means_the_same_commit_of_smac() -> None:
    for file in ("smac.Dockerfile", "docs/starcraft.md"):
        assert SMAC_SOURCE in (ROOT / file).read_text(), file
    said = install("--dry-run", "--maps-only").stdout
    assert f"pip install --no-deps {SMAC_SOURCE}" in said
    assert f"would download {SMAC_SOURCE}" in said


def test_an_image_has_no_game_unless_the_license_was_accepted() -> None:
    text = (ROOT / "smac.Dockerfile").read_text()
    assert "ARG ACCEPT_BLIZZARD_LICENSE=no\n" in text
    step = next(step for step in text.split("\nRUN ") if "install_sc2.sh --accept" in step)
    command = step.split("\nUSER")[0].replace("\\\n", " ").partition("&& rm -rf /tmp")[0]
    for said, called in (("no", ""), ("", ""), ("Yes", ""), ("yes", "installs\n")):
        stand_ins = "scripts/install_sc2.sh() { echo installs; }; python() { :; }"
        shell = f"{stand_ins}; ACCEPT_BLIZZARD_LICENSE={said}; {command}"
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
        assert done.stdout.replace("No game in this image: ACCEPT_BLIZZARD_LICENSE=yes was not said.\n", "") == called


def test_a_word_it_does_not_know_is_refused() -> None:
    done = install("--folderr", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "unknown option '--folderr'" in done.stderr
    assert "--accept-blizzard-license" in install("--help").stdout
