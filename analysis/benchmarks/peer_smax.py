"""Environment steps per second of SMAX (JaxMARL), for analysis.benchmarks.peers.

The peers' Python runs it, with jaxmarl. Whole rollouts are compiled: random available actions, observations, world
state, rewards and available actions at every environment step; episodes that end are reset. It imports nothing of this
project.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from typing import Any

Question = dict[str, Any]


def steps_a_call(batch: int) -> int:
    """Return a rollout's environment steps: enough to hide the call, few enough to time it."""
    return max(8, min(256, 8192 // batch))


def maps() -> list[str]:
    """Return the names of the maps that SMAX has a scenario for."""
    from jaxmarl.environments.smax import smax_env

    return list(smax_env.MAP_NAME_TO_SCENARIO)


def make_rollout(map: str, batch: int) -> tuple[Any, Any]:
    """Return the compiled rollout and its initial carry.

    The carry contains all values that a learner reads, so that the compiler does not eliminate them.
    """
    import jax
    import jax.numpy as jnp
    from jaxmarl import make
    from jaxmarl.environments.smax import map_name_to_scenario

    env = make("HeuristicEnemySMAX", scenario=map_name_to_scenario(map))

    def step(carried: Any, _: None) -> tuple[Any, None]:
        key, state, *_ = carried
        key, for_actions, for_step = jax.random.split(key, 3)
        legal = jax.vmap(env.get_avail_actions)(state)
        logits = jnp.where(jnp.stack([legal[agent] for agent in env.agents]) > 0, 0.0, -jnp.inf)
        chosen = jax.random.categorical(for_actions, logits)
        actions = {agent: chosen[number] for number, agent in enumerate(env.agents)}
        seen, state, rewards, over, _ = jax.vmap(env.step)(jax.random.split(for_step, batch), state, actions)
        return (key, state, seen, rewards, over, legal), None

    def rollout(carried: Any) -> Any:
        return jax.lax.scan(step, carried, None, steps_a_call(batch))[0]

    seen, state = jax.vmap(env.reset)(jax.random.split(jax.random.PRNGKey(0), batch))
    nothing = {agent: jnp.zeros(batch) for agent in env.agents}
    over = {agent: jnp.zeros(batch, jnp.bool_) for agent in [*env.agents, "__all__"]}
    begin = (jax.random.PRNGKey(1), state, seen, nothing, over, jax.vmap(env.get_avail_actions)(state))
    return jax.jit(rollout).lower(begin).compile(), begin


def rate(question: Question, made: dict[tuple[str, int], tuple[Any, Any]]) -> float:
    """Return environment steps per second. made: rollouts by map and batch, compiled once."""
    import jax

    name = question["map"], question["batch"]
    if name not in made:
        made[name] = make_rollout(*name)
        made[name] = made[name][0], jax.block_until_ready(made[name][0](made[name][1]))  # the first call allocates
    rollout, carried = made[name]
    calls, begun, elapsed = 0, time.perf_counter(), 0.0
    while elapsed < question["seconds"]:
        carried = jax.block_until_ready(rollout(carried))
        calls += 1
        elapsed = time.perf_counter() - begun
    made[name] = rollout, carried
    return float(calls * steps_a_call(question["batch"]) * question["batch"] / elapsed)


def main() -> None:
    """Print maps and versions, then a rate per request; one JSON object per line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of imported packages is not an answer
    known = {"maps": maps(), "version": importlib.metadata.version("jaxmarl")}
    known["with"] = f"jax {importlib.metadata.version('jax')}"
    print(json.dumps(known), file=answers, flush=True)
    made: dict[tuple[str, int], tuple[Any, Any]] = {}
    for line in sys.stdin:
        print(json.dumps({"rate": rate(json.loads(line), made)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
