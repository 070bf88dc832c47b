"""Evaluation of a trained team in greedy episodes, by the code that evaluates in training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fedqmix.analysis.reports.statistics import mean_interval, win_rate_interval
from fedqmix.envs import require_world, team_spec
from fedqmix.runtime.api.arguments import whole
from fedqmix.runtime.api.options import with_world
from fedqmix.runtime.api.team import Team
from fedqmix.runtime.core.errors import ConfigurationError, InputError
from fedqmix.runtime.core.world import EVALUATIONS, Score, TeamSpec
from fedqmix.runtime.runs.lifecycle.threads import shared_out
from fedqmix.runtime.runs.local.team import LocalTeam
from fedqmix.runtime.runs.local.trained import FIRST_EPISODE, play_greedily, to_play

SIZES = {"n_agents": "the number of agents", "n_actions": "the number of actions", "obs_dim": "an observation's length"}
"""The sizes that a network depends on, in words."""


@dataclass(frozen=True)
class Evaluation:
    """The results of greedy episodes.

    score: the metric that leads. win_rate, won: None and empty where no episode can be won.
    win_rate_interval, return_interval: 95 %, of the number of episodes (Wilson 1927; bootstrap of the mean); they say
    nothing of other seeds of training. return_std: the standard deviation over episodes (divided by their number - 1).
    lengths: environment steps. returns: team returns.
    """

    checkpoint: str
    round: int
    map: str
    game: str
    starts: str  # "varied" or "fixed"
    seed: int
    first_episode: int
    episodes: int
    score: Score
    win_rate: float | None
    win_rate_interval: tuple[float, float] | None
    mean_return: float
    return_interval: tuple[float, float]
    return_std: float
    mean_length: float
    won: tuple[bool, ...]  # of each episode, as are returns and lengths
    returns: tuple[float, ...]
    lengths: tuple[int, ...]

    def __str__(self) -> str:
        spread, length = f"± {self.return_std:.2f}", f"{self.mean_length:.1f} environment steps"
        if self.win_rate is None or self.win_rate_interval is None:
            low, high = self.return_interval
            interval = f"[{low:.2f}, {high:.2f}]"
            return f"{self.map}: return {self.mean_return:.2f} {interval} {spread}, {self.episodes} episodes, {length}"
        low, high = self.win_rate_interval
        won = f"won {self.win_rate:.1%} [{low:.1%}, {high:.1%}] of {self.episodes} episodes"
        return f"{self.map}: {won}, return {self.mean_return:.2f} {spread}, {length}"

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as values that `json.dumps` writes."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def evaluate(
    team: Team,
    episodes: int = 320,
    *,
    map: str | None = None,
    seed: int | None = None,
    starts: str | None = None,
    first_episode: int = FIRST_EPISODE,
    **env: Any,
) -> Evaluation:
    """Play greedy episodes with a trained team.

    map, seed: the run's own by default. starts: "varied" (the units' first positions are drawn around the map's) or
    "fixed"; by default the one by which the run judged its team. first_episode: the number of the first episode; with
    the seed it fixes every random draw. Training's evaluations have the numbers from 0; the default is above them.
    env: other options of the world, under their names in conf/env/, such as reward_win=100.
    Raises ConfigurationError for a map or option that is not valid, or that has other sizes than the team's networks.
    """
    episodes, first = whole("episodes", episodes, 1), whole("first_episode", first_episode)
    if not isinstance(team, Team):
        raise InputError(f"team is a {type(team).__name__}: load one with fedqmix.load(path).")
    starts = _starts(team, starts)
    wanted = team.config.seed if seed is None else whole("seed", seed)
    config = to_play(with_world(team.config, team.config.map if map is None else map, wanted, env))
    require_world(config.map, config.env)
    there = team_spec(config.map, config.env)
    _require_same_sizes(team.spec, there)
    with shared_out(config.runtime):
        playing = LocalTeam(config)
        try:
            playing.agents.load(team.parameters)
            records, purpose = playing.mixer.records, EVALUATIONS[starts][0]
            numbers = range(first, first + episodes)
            parts = list(play_greedily(playing.agents, playing.world, records, purpose, numbers))
            game = playing.world.game
        finally:
            playing.close()
    returns, lengths, won = (
        np.concatenate(columns) for columns in zip(*((p.returns, p.lengths, p.won) for p in parts), strict=True)
    )
    can_win = there.score is Score.WIN_RATE
    return Evaluation(
        checkpoint=str(team.path),
        round=team.round,
        map=config.map,
        game=game,
        starts=starts,
        seed=wanted,
        first_episode=first,
        episodes=episodes,
        score=there.score,
        win_rate=int(won.sum()) / episodes if can_win else None,
        win_rate_interval=win_rate_interval(int(won.sum()), episodes) if can_win else None,
        mean_return=float(returns.mean()),
        return_interval=mean_interval(returns),
        return_std=float(returns.std(ddof=1)) if episodes > 1 else 0.0,
        mean_length=int(lengths.sum()) / episodes,
        won=tuple(won.tolist()) if can_win else (),
        returns=tuple(returns.tolist()),
        lengths=tuple(lengths.tolist()),
    )


def _starts(team: Team, starts: str | None) -> str:
    if starts is None:
        return "fixed" if team.config.evaluation.starts == "fixed" else "varied"
    if starts not in ("varied", "fixed"):
        raise ConfigurationError(f"starts={starts!r} is not valid: 'varied' or 'fixed'.")
    return starts


def _require_same_sizes(own: TeamSpec, there: TeamSpec) -> None:
    """Raise ConfigurationError that names every size in which a world differs from a team's networks."""
    different = [
        f"{words} is {getattr(there, name)} there and {getattr(own, name)} in its networks"
        for name, words in SIZES.items()
        if getattr(own, name) != getattr(there, name)
    ]
    if different:
        raise ConfigurationError(
            f"the team of map {own.map} cannot play map {there.map} with these options: {', '.join(different)}."
        )
