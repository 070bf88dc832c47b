"""`fedqmix watch`: show a saved episode as a page in the browser, as a GIF or as a video."""

from __future__ import annotations

import argparse
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from fedqmix.analysis import viewer
from fedqmix.envs.registry import find_suite
from fedqmix.envs.replays import Replay, read_replay, replay_files
from fedqmix.envs.replays.file import SUFFIX
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.configuration.runs import RUN, require_run
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.errors import ConfigurationError, ReplayError, StorageError
from fedqmix.runtime.diagnosis.extras import has_display
from fedqmix.runtime.runs.local.replays import BEST, REPLAYS
from fedqmix.runtime.storage.files import write_whole
from fedqmix.runtime.storage.untrusted import size_of

HELP = """\
fedqmix watch RUN|REPLAY [options]    play a saved episode in the browser; the page works without a network

  --replay NAME   best (default) or one of the checkpoints, such as round-000012
  --html FILE     the page's file (default RUN/replays/NAME.html)
  --gif FILE      write an animation; no page then, unless --html is given too
  --mp4 FILE      write a video; needs: pip install 'fedqmix[video]'
  --no-open       do not open the page

training saves a replay of its best evaluation, and one of every checkpoint, with the exploration of that round
"""
OPTIONS = ("--replay", "--html", "--gif", "--mp4", "--no-open")


def watch_command(words: list[str]) -> int:
    """Show or export the replay that the words name; return the exit status."""
    options = _options(words)
    path = chosen_replay(Path(options.place), options.replay)
    size_of(path)  # raises for anything but a regular file
    replay = read_replay(path)
    console = Console()
    console.print(Text(f"{path}: {replay.map}, {replay.result} after {replay.steps} environment steps"), soft_wrap=True)
    _film(replay, options.gif, viewer.GIF, viewer.write_gif, console)
    _film(replay, options.mp4, viewer.MP4, viewer.write_mp4, console)
    if options.html is None and (options.gif is not None or options.mp4 is not None):
        return 0
    html = Path(options.html) if options.html is not None else _beside(path)
    _write(html, viewer.page(replay).encode())
    console.print(Text(f"page: {html}"), soft_wrap=True)
    if not options.no_open and has_display():
        webbrowser.open(html.resolve().as_uri())
    return 0


def chosen_replay(place: Path, name: str | None) -> Path:
    """Return the replay file for a run folder (or a replay file) and a name.

    name: best, or a checkpoint's name; None for the best, or the newest before the first evaluation.
    Raises ReplayError when there is none, ConfigurationError for an unknown name or several runs, CheckpointError for a
    folder that is not a run folder.
    """
    if place.is_file():
        if name is not None:
            raise ConfigurationError(f"--replay chooses one of a run's replays; {place} is one already.")
        return place
    if not (place / RUN).is_file() and (runs := sorted(path.parent for path in place.glob(f"*/{RUN}"))):
        raise ConfigurationError(f"{place} holds several choices: {', '.join(map(str, runs))}. Name one.")
    require_run(place)
    found = replay_files(place / REPLAYS)
    if not found:
        _require_recorded(place)
        raise ReplayError(
            f"{place} has no replays yet. Training saves one at each checkpoint (checkpoint.every_rounds), and one of "
            f"the best evaluation; a run that was interrupted before goes on with: fedqmix train resume={place}"
        )
    if name is None:
        return found.get(BEST, found[max(found)])
    if name not in found:
        raise ConfigurationError(unknown("replay", name, tuple(found)))
    return found[name]


def _require_recorded(run: Path) -> None:
    """Check that a run's settings and world let replays be saved. Raises ReplayError."""
    config = load(run)
    if not config.checkpoint.replays:
        raise ReplayError(
            f"{run} was trained with checkpoint.replays=false. To save replays from here on: fedqmix train "
            f"resume={run} checkpoint.replays=true"
        )
    if not find_suite(config.env.name).replayable:
        raise ReplayError(f"{run} has no replays: episodes of env={config.env.name} cannot be drawn.")


def _beside(replay: Path) -> Path:
    """Return the path of a replay's page. Raises ConfigurationError when its folder is a link."""
    if replay.parent.is_symlink():
        raise ConfigurationError(f"{replay.parent} is a symbolic link to elsewhere: choose a place with --html FILE.")
    return replay.with_name(replay.name.removesuffix(SUFFIX) + ".html")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}. See: fedqmix watch --help")


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="fedqmix watch", add_help=False, allow_abbrev=False)
    parser.add_argument("place", nargs="?", metavar="RUN")
    for name in ("--replay", "--html", "--gif", "--mp4"):
        parser.add_argument(name)
    parser.add_argument("--no-open", action="store_true")
    options, left = parser.parse_known_args(words)
    for word in left:
        if word.startswith("-"):
            raise ConfigurationError(unknown("option", word.partition("=")[0], OPTIONS))
        raise ConfigurationError(f"watch shows one episode at a time: leave out '{word}'.")
    if options.place is None:
        raise ConfigurationError("watch needs a run folder or a replay. See: fedqmix watch --help")
    return options


def _film(
    replay: Replay,
    file: str | None,
    film: viewer.Film,
    write: Callable[[Replay, Path, Callable[[], None]], None],
    console: Console,
) -> None:
    if file is None:
        return
    path = Path(file)
    _require_folder(path)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(path.name, total=viewer.frame_count(replay, film))
        write(replay, path, lambda: progress.advance(task))
    console.print(Text(f"film: {path}"), soft_wrap=True)


def _write(path: Path, data: bytes) -> None:
    _require_folder(path)
    try:
        write_whole(path, data)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}. Choose another place with --html FILE.") from error


def _require_folder(path: Path) -> None:
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder: name a file in it.")
    if not path.parent.is_dir():
        raise ConfigurationError(f"cannot write {path}: there is no folder {path.parent}.")
