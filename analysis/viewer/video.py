"""A replay as a GIF (Pillow) or an MP4 (H.264, through imageio-ffmpeg)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fedqmix.analysis.viewer.frames import field_of, frames
from fedqmix.envs.replays import Replay
from fedqmix.runtime.core.errors import ConfigurationError, StorageError

Shown = Callable[[], None]
"""A callback after each frame."""


@dataclass(frozen=True)
class Film:
    """The frame size and speed of an animation.

    GIF and MP4 both play 3.125 environment steps a second.
    """

    width: int  # pixels
    pictures_per_step: int  # frames per environment step
    pictures_per_second: float
    last: int  # repetitions of the last frame


GIF = Film(width=640, pictures_per_step=4, pictures_per_second=12.5, last=18)
MP4 = Film(width=960, pictures_per_step=8, pictures_per_second=25, last=36)


def frame_count(replay: Replay, film: Film) -> int:
    """Return the number of frames in an animation of this replay."""
    return replay.steps * film.pictures_per_step + 1 + film.last


def write_gif(replay: Replay, path: Path, shown: Shown = lambda: None) -> None:
    """Write a GIF that loops. shown: callback for a progress display.

    Raises StorageError when the file cannot be written.
    """
    # All frames share the first one's palette: otherwise flat ground flickers between frames.
    pictures = _counted(frames(replay, _times(replay, GIF), GIF.width), shown)
    first = next(pictures).quantize(128)
    rest = (picture.quantize(palette=first, dither=Image.Dither.NONE) for picture in pictures)
    duration = round(1000 / GIF.pictures_per_second)
    with _unfinished(path) as file:
        first.save(file, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0)


def write_mp4(replay: Replay, path: Path, shown: Shown = lambda: None) -> None:
    """Write an MP4 video. shown: callback for a progress display.

    Raises ConfigurationError when the encoder is not installed, StorageError when the file cannot be written.
    """
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ConfigurationError(
            "--mp4 needs a video coder that is not installed: pip install 'fedqmix[video]'. --gif needs nothing more."
        ) from error
    field = field_of(replay, MP4.width)
    with _unfinished(path) as file:
        writer = imageio_ffmpeg.write_frames(
            str(file),
            (field.width, field.height),
            fps=MP4.pictures_per_second,
            macro_block_size=2,
            output_params=["-f", "mp4", "-movflags", "+faststart"],
        )
        try:
            writer.send(None)
            for picture in _counted(frames(replay, _times(replay, MP4), MP4.width), shown):
                writer.send(picture.tobytes())
        finally:
            writer.close()
        # The encoder is a separate process, and closing it does not report whether it finished.
        if imageio_ffmpeg.count_frames_and_secs(str(file))[0] != frame_count(replay, MP4):
            raise OSError("not all pictures were written")


def _times(replay: Replay, film: Film) -> Iterator[float]:
    for picture in range(frame_count(replay, film)):
        yield min(picture / film.pictures_per_step, float(replay.steps))


def _counted(pictures: Iterator[Image.Image], shown: Shown) -> Iterator[Image.Image]:
    for picture in pictures:
        yield picture
        shown()


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """Yield a temporary path, renamed to `path` on success and deleted on failure.

    Raises StorageError when the file cannot be written.
    """
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or "the video coder gave up; is there room on the disk?"
        raise StorageError(f"cannot write {path}: {reason}.") from error
    finally:
        temporary.unlink(missing_ok=True)
