"""The Flower ServerApp: gather the team, then let the strategy's own `start` run the rounds."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp

from fedqmix.strategies import TeamStrategy

app = ServerApp()
"""What a SuperLink starts (pyproject.toml names it)."""

UNTIL_STOPPED = 2**31
"""Rounds to ask Flower for: a run ends by environment steps or win rate, which only a round's end can tell."""


class RunComplete(Exception):  # noqa: N818
    """Not an error: the way out of Flower's loop over rounds once the run has what it was asked for."""


RoundEnd = Callable[[ArrayRecord], bool]
"""Called after every round with the aggregated arrays; True ends the run."""


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Lead one run on a SuperLink; the composition root puts it together."""
    from fedqmix.runtime.deployment.server_end import serve

    serve(grid, context)


def server_app(strategy: TeamStrategy, round_end: RoundEnd, arrays: ArrayRecord | None = None) -> ServerApp:
    """Make the ServerApp of one run.

    strategy: configures and aggregates. round_end: told of every finished round, decides when to stop.
    arrays: what a resumed run goes on from; a new run asks the agents for their first parameters.
    """
    one_run = ServerApp()

    @one_run.main()
    def lead(grid: Grid, context: Context) -> None:
        logging.getLogger("flwr").setLevel(logging.WARNING)  # rounds are reported by us
        first = strategy.join(grid)

        def after_round(server_round: int, aggregated: ArrayRecord) -> MetricRecord | None:
            if server_round and round_end(aggregated):
                raise RunComplete
            return None

        try:
            strategy.start(
                grid=grid,
                initial_arrays=first if arrays is None else arrays,
                num_rounds=UNTIL_STOPPED,
                evaluate_fn=after_round,
            )
        except RunComplete:
            logging.getLogger(__name__).info("the run is complete")

    return one_run
