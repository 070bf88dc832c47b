"""The texts shared by page and frames."""

from __future__ import annotations

from fedqmix.envs.replays import Replay, Result


def result(replay: Replay) -> str:
    """Return a text about the battle's end: "won in 27 steps"."""
    count = f"{replay.steps} step{'s' if replay.steps != 1 else ''}"
    return f"cut off after {count}" if replay.result is Result.CUT_OFF else f"{replay.result} in {count}"


def occasion(replay: Replay) -> str:
    """Return the battle's run, round, environment step, purpose, number and seed as text."""
    about = replay.occasion
    exploring = f"exploring {about.epsilon:.0%}" if about.epsilon > 0 else "greedy"
    return (
        f"{about.run} · round {about.round:,} · environment step {about.env_step:,} · "
        f"{about.purpose} battle {about.episode:,} · seed {about.seed} · {exploring}"
    )
