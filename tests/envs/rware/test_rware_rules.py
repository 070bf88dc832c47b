"""The rules of the warehouse, by hand: agents that meet, shelves that are carried, rewards, and colours."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.envs.rware.layout import observation_orders, observed
from fedqmix.envs.rware.moving import FORWARD, STAY, TOGGLE, TURN_LEFT, TURN_RIGHT
from support.warehouses import DOWN, LEFT, RIGHT, UP, PlacedWarehouse, rware_options

CYCLE = [(3, 4, RIGHT), (4, 4, DOWN), (4, 5, LEFT), (3, 5, UP)]


def tiny(*agents: tuple[int, int, int], **changes: object) -> PlacedWarehouse:
    """A tiny warehouse: shelves in columns 1, 2, 7 and 8 of rows 1 to 8, goals at (4, 10) and (5, 10)."""
    return PlacedWarehouse(f"rware-tiny-{len(agents)}ag-easy-v2", agents, **changes)


def after_forward(*agents: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Return where agents are after all went forward."""
    placed = tiny(*agents)
    placed.step(*[FORWARD] * len(agents))
    return [placed.place(agent) for agent in range(len(agents))]


@pytest.mark.parametrize(
    ("direction", "left", "right"), [(UP, LEFT, RIGHT), (DOWN, RIGHT, LEFT), (LEFT, DOWN, UP), (RIGHT, UP, DOWN)]
)
def test_agents_turn_and_go_where_they_look(direction: int, left: int, right: int) -> None:
    ways = {UP: (3, 4), DOWN: (3, 6), LEFT: (2, 5), RIGHT: (4, 5)}
    for turn, looks in ((STAY, direction), (TURN_LEFT, left), (TURN_RIGHT, right)):
        placed = tiny((3, 5, direction))
        placed.step(turn)
        assert placed.place(0) == (3, 5)
        placed.step(FORWARD)
        assert placed.place(0) == ways[looks]


def test_the_border_stops_agents_and_those_behind_them() -> None:
    assert after_forward((0, 5, LEFT), (1, 5, LEFT)) == [(0, 5), (1, 5)]
    assert after_forward((9, 0, UP), (3, 10, DOWN), (9, 9, RIGHT)) == [(9, 0), (3, 10), (9, 9)]


def test_a_queue_moves_into_a_free_cell_and_stands_behind_an_agent_that_stays() -> None:
    assert after_forward((2, 5, RIGHT), (3, 5, RIGHT), (4, 5, RIGHT)) == [(3, 5), (4, 5), (5, 5)]
    placed = tiny((2, 5, RIGHT), (3, 5, RIGHT), (4, 5, RIGHT))
    placed.step(FORWARD, FORWARD, TURN_LEFT)
    assert [placed.place(agent) for agent in range(3)] == [(2, 5), (3, 5), (4, 5)]


def test_two_agents_do_not_swap_and_stop_those_behind_them() -> None:
    agents = ((3, 5, RIGHT), (4, 5, LEFT), (5, 5, LEFT))
    assert after_forward(*agents) == [(x, y) for x, y, _ in agents]


def test_a_cycle_turns_and_no_agent_joins_it() -> None:
    assert after_forward(*CYCLE) == [(4, 4), (4, 5), (3, 5), (3, 4)]
    assert after_forward((2, 4, RIGHT), *CYCLE) == [(2, 4), (4, 4), (4, 5), (3, 5), (3, 4)]


def test_of_two_agents_before_a_cell_the_lower_number_goes() -> None:
    assert after_forward((3, 5, RIGHT), (5, 5, LEFT)) == [(4, 5), (5, 5)]
    assert after_forward((5, 5, LEFT), (3, 5, RIGHT)) == [(4, 5), (3, 5)]


def test_the_longer_queue_goes_whatever_the_numbers() -> None:
    """Agents 2, 3, 4 are one behind the other before (4, 5), beside agents 0 and 1; agent 5 also wants agent 4's."""
    agents = ((4, 4, DOWN), (4, 3, DOWN), (1, 5, RIGHT), (2, 5, RIGHT), (3, 5, RIGHT), (3, 4, DOWN))
    assert after_forward(*agents) == [(4, 4), (4, 3), (2, 5), (3, 5), (4, 5), (3, 4)]


def test_agents_pass_below_shelves_and_carriers_do_not() -> None:
    placed = tiny((3, 5, LEFT))
    for x in (2, 1):
        placed.step(FORWARD)
        assert placed.place(0) == (x, 5)
    placed.step(TOGGLE)
    placed.step(TURN_RIGHT)
    placed.step(FORWARD)
    assert placed.place(0) == (1, 5)  # (1, 4) holds a shelf
    placed.step(TURN_RIGHT)
    placed.step(FORWARD)
    assert placed.place(0) == (1, 5)


def test_a_carrier_follows_another_carrier() -> None:
    """Where the shelf ahead is carried away, its cell is free; where its agent stays or carries nothing, it is not."""
    for others, moves in (((TOGGLE, FORWARD), True), ((TOGGLE, STAY), False), ((STAY, FORWARD), False)):
        placed = tiny((1, 5, RIGHT), (2, 5, RIGHT))
        placed.step(TOGGLE, others[0])
        placed.step(FORWARD, others[1])
        assert placed.place(0) == ((2, 5) if moves else (1, 5))


def test_shelves_are_put_down_off_the_highways() -> None:
    placed = tiny((2, 5, RIGHT))
    placed.step(TOGGLE)
    placed.step(FORWARD)
    placed.step(TOGGLE)
    assert placed.warehouse.carried[0, 0] >= 0
    for action in (TURN_LEFT, TURN_LEFT, FORWARD, TOGGLE):
        placed.step(action)
    assert placed.place(0) == (2, 5)
    assert placed.warehouse.carried[0, 0] == -1
    assert placed.warehouse.shelf_at[0, placed.cell(2, 5)] == placed.task.grid.homes.index((2, 5))


DELIVERY = (TOGGLE, FORWARD, FORWARD, TURN_RIGHT, FORWARD, FORWARD)
"""From (2, 8), looking right, to the goal (4, 10)."""
RETURN = (TURN_LEFT, TURN_LEFT, FORWARD, FORWARD, TURN_LEFT, FORWARD, FORWARD, TOGGLE)


def rewards_of(placed: PlacedWarehouse, actions: tuple[int, ...], shift: int = 0) -> list[list[float]]:
    """Return the rewards while agent 1 acts; agent 0 takes action 0. shift: of agent 1's actions."""
    return [placed.step(STAY, (action + shift) % 5) for action in actions]


@pytest.mark.parametrize(
    ("reward", "delivered", "returned"),
    [("individual", (0, 1), (0, 0)), ("global", (1, 1), (0, 0)), ("two_stage", (0, 0.5), (0, 0.5))],
)
def test_a_delivery_is_rewarded_once(
    reward: str, delivered: tuple[float, float], returned: tuple[float, float]
) -> None:
    options = rware_options(reward=reward)
    placed = tiny((0, 0, UP), (2, 8, RIGHT), requests=[(2, 8)], options=options)
    queue = placed.warehouse.requests[0].tolist()
    assert rewards_of(placed, DELIVERY) == [[0, 0]] * 5 + [list(delivered)]
    assert placed.views.team_reward[0] == sum(delivered)
    after = placed.warehouse.requests[0].tolist()
    assert after[1:] == queue[1:]
    assert after[0] not in queue
    assert np.flatnonzero(placed.warehouse.requested[0]).tolist() == sorted(after)
    expected = [[0, 0]] * 7 + [list(returned)]
    assert rewards_of(placed, RETURN) == expected
    assert rewards_of(placed, (TOGGLE, TOGGLE)) == [[0, 0]] * 2  # a shelf is put back once


def test_a_shelf_that_is_not_requested_earns_nothing() -> None:
    placed = tiny((0, 0, UP), (2, 8, RIGHT), requests=[(2, 7)])
    assert rewards_of(placed, (*DELIVERY, *RETURN)) == [[0, 0]] * 14


@pytest.mark.parametrize("colour", [0, 1])
def test_agents_deliver_shelves_of_their_own_colour(colour: int) -> None:
    """Agent 1 has colour 1, so its action a means a - 1. A wrong shelf stays requested."""
    agents = [(0, 0, UP), (2, 8, RIGHT)]
    placed = PlacedWarehouse("rware-2color-tiny-2ag-v1", agents, [(2, 8)], {(2, 8): colour})
    queue = placed.warehouse.requests[0].tolist()
    assert rewards_of(placed, DELIVERY, shift=1) == [[0, 0]] * 5 + [[0, colour]]
    assert (placed.warehouse.requests[0].tolist() == queue) == (colour == 0)


def test_actions_are_rolled_by_the_colour() -> None:
    """Agents of colours 0 to 3 all look right; base action 1 is forward."""
    agents = [(6, y, RIGHT) for y in (1, 3, 5, 7)]
    for shift in range(5):
        placed = PlacedWarehouse("rware-4color-tiny-4ag-v1", agents)
        placed.step(*[(FORWARD + shift) % 5] * 4)
        assert [placed.place(agent)[0] == 7 for agent in range(4)] == [colour == shift for colour in range(4)]


def numbers_of(placed: PlacedWarehouse, agent: int) -> dict[str, float]:
    """Return an agent's observation by name, the order of its colour undone."""
    placed.step(*placed.task.groups)  # all stay: action c of colour c
    order = observation_orders(placed.task, placed.options, 0)[placed.task.groups[agent]]
    names = observed(placed.task, placed.options)
    return {names[entry]: float(placed.views.observations[agent, 0, at]) for at, entry in enumerate(order)}


def test_an_observation_computed_by_hand() -> None:
    """Agent 0 in the corner sees agent 1 on its right; the shelf at (1, 1) is requested, the margin is empty floor."""
    seen = numbers_of(tiny((0, 0, DOWN), (1, 0, LEFT), requests=[(1, 1)]), 0)
    ones = {"down", "on_highway", "seen_1_1_agent", "seen_1_1_down", "seen_1_2_agent", "seen_1_2_left"}
    ones |= {f"seen_{row}_{column}_up" for row in range(3) for column in range(3)} - {"seen_1_1_up", "seen_1_2_up"}
    ones |= {"seen_2_2_shelf", "seen_2_2_requested"}
    assert {name for name, number in seen.items() if number} == ones
    assert set(seen.values()) == {0, 1}


def test_a_coloured_observation_computed_by_hand() -> None:
    placed = PlacedWarehouse("rware-2color-tiny-2ag-v1", [(1, 0, DOWN), (3, 1, LEFT)], [(2, 1)], {(2, 1): 1})
    seen = numbers_of(placed, 1)
    assert {name: seen.pop(name) for name in ("x", "y")} == {"x": 3, "y": 1}
    shelves = {"seen_1_0_colour_1", "seen_1_0_requested", "seen_2_0_colour_0"}
    assert {name for name, number in seen.items() if number} == {"left", "on_highway", "seen_1_1_agent"} | shelves
    assert len(seen) == 42


def test_orders_depend_on_the_seed_and_the_colour_alone() -> None:
    made = [PlacedWarehouse("rware-2color-tiny-2ag-v1", [(0, 0, UP), (1, 0, UP)], seed=seed) for seed in (0, 0, 1)]
    first, same, other = (placed.rules.places for placed in made)
    np.testing.assert_array_equal(first, same)
    assert len({tuple(order) for order in (*first, *other)}) == 4
    assert all(sorted(order) == list(range(44)) for order in (*first, *other))
