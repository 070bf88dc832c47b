"""`fedqmix doctor`: missing requirements by purpose, with the commands that install them."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from fedqmix.runtime.cli import service_options
from fedqmix.runtime.core.finding import Finding
from fedqmix.runtime.diagnosis.extras import libraries, logging, starcraft, watching
from fedqmix.runtime.diagnosis.federation import containers, federation, simulation
from fedqmix.runtime.diagnosis.machine import privacy, training
from fedqmix.runtime.diagnosis.section import Section

HELP = """\
fedqmix doctor [name=value ...]    requirements of each runtime and world: a tick, or the command to type

  map=3m         the map that env=smac is checked for; by default all of SMAC's
  certs=certs    the folder that `fedqmix certs` wrote to

Nothing is installed, started or sent. Exit status 0 when the requirements of `fedqmix train` are met, 1 when not; other
missing requirements are only reported.
"""
_WIDTH = 24


def doctor_command(words: list[str]) -> int:
    """Check and print all requirements; return 0 when training can begin."""
    options = service_options.parse("doctor", words, ("map", "certs"))
    map = options.get("map")
    if map is not None:
        from fedqmix.envs.maps import load_map  # here, because it loads numba, which may be missing

        load_map(map)
    console = Console()
    bad = []
    for section in _sections(map, Path(options.get("certs", "certs"))):
        _show(console, section)
        bad += [section for finding in section.findings if not finding.ok]
    needed = [section for section in bad if section.needed]
    others = len(bad) - len(needed)
    if needed:
        console.print(Text(f"fedqmix train cannot run: {len(needed)} of its requirements are not met.", "bold red"))
    else:
        console.print(Text("fedqmix train can run.", "bold green"))
    if others:
        console.print(Text(f"{others} requirements of other purposes are not met.", "default"))
    return 1 if needed else 0


def _sections(map: str | None, certs: Path) -> list[Section]:
    return [
        training(),
        federation(certs),
        containers(),
        simulation(),
        watching(),
        logging(),
        libraries(),
        privacy(),
        starcraft(map),
    ]


def _show(console: Console, section: Section) -> None:
    """Print a section: a line for each requirement, and its remedy below."""
    tick, cross = ("✓", "✗") if console.encoding.lower().startswith("utf") else ("ok", "--")
    console.print(Text(section.title, "bold"), soft_wrap=True)
    for finding in section.findings:
        style = "green" if finding.ok else "red" if section.needed else "yellow"
        console.print(Text(f"  {tick if finding.ok else cross} ", style) + _line(finding), soft_wrap=True)
        for line in finding.remedy.splitlines():
            console.print(Text(f"      {line}", "cyan"), soft_wrap=True)
    console.print()


def _line(finding: Finding) -> Text:
    return Text(f"{finding.name:<{_WIDTH}} {finding.found}", "default")
