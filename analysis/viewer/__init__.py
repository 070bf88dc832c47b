"""The viewer of replays: an HTML page that plays an episode, a GIF, or an MP4 video."""

from fedqmix.analysis.viewer.page import page
from fedqmix.analysis.viewer.video import GIF, MP4, Film, frame_count, write_gif, write_mp4

__all__ = ["GIF", "MP4", "Film", "frame_count", "page", "write_gif", "write_mp4"]
