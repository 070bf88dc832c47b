"""The texts shared by page and frames."""

from __future__ import annotations

from fedqmix.envs.replays import Replay, Result
from fedqmix.runtime.core.scenes import Kind


def result(replay: Replay) -> str:
    """Return a text about the episode's end: "won in 27 steps", "return -27.31 in 50 steps" of other worlds."""
    count = f"{replay.steps} step{'s' if replay.steps != 1 else ''}"
    if replay.kind is not Kind.BATTLE:
        return f"{'won, ' if replay.result is Result.WON else ''}return {replay.team_return:.2f} in {count}"
    return f"cut off after {count}" if replay.result is Result.CUT_OFF else f"{replay.result} in {count}"


def noun(replay: Replay) -> str:
    """Return what the episode is called: "battle" or "episode"."""
    return "battle" if replay.kind is Kind.BATTLE else "episode"


def occasion(replay: Replay) -> str:
    """Return the episode's run, round, environment step, purpose, number and seed as text."""
    about = replay.occasion
    exploring = f"exploring {about.epsilon:.0%}" if about.epsilon > 0 else "greedy"
    return (
        f"{about.run} · round {about.round:,} · environment step {about.env_step:,} · "
        f"{about.purpose} {noun(replay)} {about.episode:,} · seed {about.seed} · {exploring}"
    )
