"""`fedqmix compose`: write a compose file with as many agents as a map has."""

from __future__ import annotations

import sys
from pathlib import Path

from fedqmix.envs import team_spec
from fedqmix.runtime.cli import service_options
from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError, StorageError
from fedqmix.runtime.deployment.compose_file import compose_file
from fedqmix.runtime.storage.files import write_whole

HELP = """\
fedqmix compose map=MAP [env=SUITE] [out=docker-compose.yml]    write the compose file of a federation on that map

  map=MAP    decides the number of agents; runs on other maps need as many
  out=FILE   the file to write; `-` prints it. An existing file is replaced only with replace=true
"""
_OPTIONS = ("env", "map", "out", "replace")


def compose_command(words: list[str]) -> int:
    """Write the compose file; return the exit status."""
    options = service_options.parse("compose", words, _OPTIONS)
    replace = service_options.flag(options, "replace", default=False)
    chosen = {name: options[name] for name in ("env", "map") if name in options}
    if not chosen:
        raise ConfigurationError("name the task of the federation: fedqmix compose map=MAP")
    config = compose([f"{name}={quoted(value)}" for name, value in chosen.items()])
    task = " ".join(f"{name}={value}" for name, value in chosen.items())
    text = compose_file(task, team_spec(config.map, config.env).n_agents)
    if options.get("out") == "-":
        sys.stdout.write(text)
        return 0
    return _write(Path(options.get("out", "docker-compose.yml")), text, replace=replace)


def _write(path: Path, text: str, *, replace: bool) -> int:
    if path.exists() and not replace and path.read_text(errors="replace") != text:
        raise ConfigurationError(f"{path} exists already with other content; add replace=true, or name another out=")
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from None
    print(f"{path}")
    return 0
