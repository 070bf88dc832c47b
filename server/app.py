"""The Flower ServerApp: it gathers the team, then the strategy's `start` runs the rounds."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp

from fedqmix.strategies import TeamStrategy

app = ServerApp()
"""The app that a SuperLink starts (pyproject.toml names it)."""

UNTIL_STOPPED = 2**31
"""The number of rounds passed to Flower: a run ends by environment steps or win rate, known after each round."""


class RunComplete(Exception):  # noqa: N818
    """The exception that leaves Flower's loop over rounds when a stop condition holds; not an error."""


RoundEnd = Callable[[ArrayRecord], bool]
"""Called after every round with the aggregated arrays; True ends the run."""


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Serve one run on a SuperLink; runtime.deployment.server_end composes it."""
    from fedqmix.runtime.deployment.server_end import serve

    serve(grid, context)


def server_app(strategy: TeamStrategy, round_end: RoundEnd, arrays: ArrayRecord | None = None) -> ServerApp:
    """Return the ServerApp of one run.

    strategy: configures and aggregates. round_end: called after every round, decides when to stop.
    arrays: the parameters of a resumed run; a new run requests the agents' initial parameters.
    """
    one_run = ServerApp()

    @one_run.main()
    def lead(grid: Grid, context: Context) -> None:
        logging.getLogger("flwr").setLevel(logging.WARNING)  # fedqmix reports the rounds itself
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
