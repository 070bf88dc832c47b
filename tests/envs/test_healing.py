"""Medivacs: 9 health a second for 0.33 energy each, within 4 cells from edge to edge, biological units only."""

from __future__ import annotations

import pytest

from support.arena import Arena

FAR_OFF = ("marine", 30, 9)


def clinic(*patients: tuple[str, float, float], health: float | list[float] = 20) -> Arena:
    """An allied medivac, unit 0, at (10, 16) and its wounded comrades."""
    arena = Arena([("medivac", 10, 16), *patients], [FAR_OFF])
    arena.units["health"][1 : 1 + len(patients)] = health
    return arena


def test_rate_and_price() -> None:
    arena = clinic(("marine", 12, 16))
    arena.attack(0, 1)
    arena.loop(8)
    assert arena.units["health"][1] == pytest.approx(20 + 4.5)
    assert arena.units["energy"][0] == pytest.approx(50 - 4.5 * 0.33)
    assert arena.place(0) == (10, 16)


def test_a_step_s_energy_regeneration_and_its_limit() -> None:
    arena = clinic(("marine", 12, 16))
    arena.step()
    assert arena.units["energy"][0] == pytest.approx(50.28125)
    arena.units["energy"][0] = 199.9
    arena.step()
    assert arena.units["energy"][0] == 200


@pytest.mark.parametrize(("distance", "walks"), [(5.12, False), (5.13, True)])
def test_range(distance: float, walks: bool) -> None:
    """4 cells and both radii: 4 + 0.75 + 0.375."""
    arena = clinic(("marine", 10 + distance, 16))
    arena.attack(0, 1)
    arena.loop()
    assert (arena.place(0)[0] > 10) == walks
    assert (arena.units["health"][1] > 20) != walks


def test_it_follows_whom_it_is_to_heal() -> None:
    arena = clinic(("marine", 18, 16))
    arena.attack(0, 1)
    loops = arena.loops_until(lambda: arena.units["health"][1] > 20)
    assert 18 - arena.place(0)[0] <= 5.125
    assert loops == 18  # 2.875 cells at 2.75 a second: 16.7 loops of walking, and one to heal


def test_it_heals_up_to_the_brim_and_no_further() -> None:
    arena = clinic(("marine", 12, 16), health=44.9)
    arena.attack(0, 1)
    arena.loop(5)
    assert arena.units["health"][1] == 45
    assert arena.units["energy"][0] == pytest.approx(50 - 0.1 * 0.33)
    assert arena.units["order"][0] == 2  # and stays with it
    arena.units["health"][1] = 40
    arena.loop()
    assert arena.units["health"][1] == 40.5625


def test_the_last_energy_heals_its_worth() -> None:
    arena = clinic(("marine", 12, 16))
    arena.units["energy"][0] = 0.33
    arena.attack(0, 1)
    arena.loop(20)
    assert arena.units["health"][1] == pytest.approx(21)
    assert arena.units["energy"][0] == 0


@pytest.mark.parametrize("patient", ["stalker", "colossus", "medivac"])
def test_machines_are_not_healed(patient: str) -> None:
    arena = clinic((patient, 12, 16))
    arena.attack(0, 1)
    arena.loop(10)
    assert arena.units["health"][1] == 20
    assert arena.units["energy"][0] == 50


def test_the_dead_are_not_healed() -> None:
    arena = clinic(("marine", 12, 16))
    arena.attack(0, 1)
    arena.loop(3)
    arena.units["health"][1] = 0
    arena.loop(3)
    assert arena.units["health"][1] == 0
    assert arena.units["order"][0] == 0


def test_healing_in_the_loop_of_death_comes_too_late() -> None:
    arena = Arena([("medivac", 10, 16), ("marine", 12, 16)], [("marine", 15, 16)])
    arena.units["health"][1] = 6
    arena.attack(0, 1)
    arena.loop(2)
    assert arena.units["health"][1] == pytest.approx(1.125)  # healed, hit, healed
    fallen = Arena([("medivac", 10, 16), ("marine", 12, 16)], [("marine", 15, 16)])
    fallen.units["health"][1] = 5.4
    fallen.attack(0, 1)
    fallen.loop(2)
    assert fallen.units["health"][1] == 0


def test_an_agent_s_medivac_heals_on_order_only() -> None:
    arena = clinic(("marine", 12, 16))
    arena.loop(40)
    assert arena.units["health"][1] == 20


def hospital(*patients: tuple[str, float, float], health: list[float]) -> Arena:
    """An enemy medivac, unit 1, at (20, 16) that heals by itself, and its wounded comrades from unit 2 on."""
    arena = Arena([("marine", 1, 9)], [("medivac", 20, 16), *patients])
    arena.units["health"][2:] = health
    return arena


def test_the_enemies_medivac_takes_the_most_wounded_part_by_part() -> None:
    arena = hospital(("marine", 19, 16), ("marauder", 21, 16), ("marine", 22, 16), health=[30, 60, 44])
    assert arena.choose(1) == 3  # 60 of 125 is less than 30 of 45
    assert arena.units["health"][3] == 60.5625


def test_the_nearer_of_two_equally_wounded() -> None:
    arena = hospital(("marine", 17, 16), ("marine", 22, 16), health=[30, 30])
    assert arena.choose(1) == 3


def test_it_goes_on_until_its_patient_is_whole() -> None:
    arena = hospital(("marine", 19, 16), ("marine", 21, 16), health=[40, 43])
    assert arena.choose(1) == 2
    arena.units["health"][3] = 10
    assert arena.choose(1) == 2
    arena.units["health"][2] = 45
    assert arena.choose(1) == 3


@pytest.mark.parametrize(("distance", "found"), [(7.12, True), (7.13, False)])
def test_how_far_it_looks(distance: float, found: bool) -> None:
    """6 cells and both radii."""
    arena = hospital(("marine", 20 + distance, 16), health=[10])
    assert (arena.choose(1) == 2) == found


def test_it_does_not_begin_with_less_than_five_energy_but_goes_on() -> None:
    arena = hospital(("marine", 19, 16), health=[10])
    arena.units["energy"][1] = 4.99
    assert arena.choose(1) == -1
    arena.units["energy"][1] = 5
    assert arena.choose(1) == 2
    arena.units["energy"][1] = 1
    assert arena.choose(1) == 2


def test_it_has_no_eyes_for_itself_machines_the_dead_and_the_other_side() -> None:
    arena = hospital(("stalker", 19, 16), ("marine", 21, 16), health=[10, 0])
    arena.units["health"][[0, 1]] = 10, 20
    arena.units["x"][0], arena.units["y"][0] = 20, 14
    assert arena.choose(1) == -1
