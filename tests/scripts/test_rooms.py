"""Every room of the house is in every list of rooms: packages, types, import arrows, the image, Flower's bundle."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
NOT_FLOWERS = {"benchmarks", "reports", "viewer"}  # what neither the ServerApp nor the ClientApp imports


def test_every_room_is_installed_and_checked() -> None:
    assert {"clients", "kernels", "server"} <= ROOMS
    assert {name.rstrip("*") for name in PROJECT["setuptools"]["packages"]["find"]["include"]} == ROOMS
    assert set(PROJECT["mypy"]["files"]) == ROOMS
    arrows = configparser.ConfigParser()
    arrows.read(ROOT / ".importlinter")
    assert set(arrows["importlinter"]["root_packages"].split()) == ROOMS


def test_every_room_goes_into_the_image() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed >= ROOMS


def test_flower_takes_along_what_its_apps_import() -> None:
    assert {name.split("/")[0] for name in PROJECT["flwr"]["app"]["fab-include"]} == ROOMS - NOT_FLOWERS
