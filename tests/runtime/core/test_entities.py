"""Entity tables: which number of a vector is which feature of which entity, by hand-made numbers."""

from __future__ import annotations

import pytest
import torch

from fedqmix.runtime.core.entities import NO_ACTION, ONE, ZERO, EntityTable
from fedqmix.runtime.core.entity_tensors import EntityReader
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Entities, Flat, entity_table

TABLE = EntityTable(
    source=((4, 0, ONE), (2, ZERO, ONE), (1, 3, ZERO)),
    names=("health", "can_move", "is_agent"),
    rows=("own", "other_0", "enemy_0"),
    own=(0,),
    numbers=((0, 1, 2), (1, 0, 2)),
    actions=(5, 6, 5),
)


def test_rows_are_gathered_and_zero_rows_are_not_visible() -> None:
    reader = EntityReader(TABLE)
    found = reader.read(torch.tensor([[[0.5, 0.25, 0.0, 0.75, 1.0], [0.0, 0.0, -2.0, 0.0, 0.0]]]))
    assert found.features.tolist() == [
        [
            [[1.0, 0.5, 1.0], [0.0, 0.0, 1.0], [0.25, 0.75, 0.0]],
            [[0.0, 0.0, 1.0], [-2.0, 0.0, 1.0], [0.0, 0.0, 0.0]],
        ]
    ]
    assert found.visible.tolist() == [[[True, False, True], [False, True, False]]]


def test_gathering_is_the_same_under_vmap_and_differentiable() -> None:
    reader, vectors = EntityReader(TABLE), torch.arange(20.0).reshape(4, 5).requires_grad_()
    plain = reader.read(vectors)
    mapped = torch.vmap(lambda one: tuple(reader.read(one)))(vectors)
    assert all(torch.equal(one, other) for one, other in zip(mapped, plain, strict=True))
    torch.autograd.backward(plain.features.sum())
    assert vectors.grad is not None
    assert vectors.grad.tolist() == [[1.0] * 5] * 4


def test_targets_are_those_of_the_acting_agent() -> None:
    assert (TABLE.entities, TABLE.numbers_of(1), TABLE.own_row(1)) == (3, (1, 0, 2), 0)
    assert TABLE.targets(0) == (NO_ACTION, 6, 5)
    assert TABLE.targets(1) == (NO_ACTION, 5, 5)
    assert EntityTable(TABLE.source, own=(0,)).targets(1) == (NO_ACTION,) * 3


def test_a_table_without_some_features() -> None:
    fewer = TABLE.without("can_")
    assert (fewer.names, fewer.source[0]) == (("health", "is_agent"), (4, ONE))
    assert TABLE.without("last_") is TABLE


def test_a_space_of_entities_reads_its_vector_row_by_row() -> None:
    space = Entities(2, 3, rows=("me", "you"), own=(0, 1), numbers=((0, 1),))
    table = entity_table(space, "state")
    assert (table.source, table.own_row(1), table.rows) == (((0, 1, 2), (3, 4, 5)), 1, ("me", "you"))


@pytest.mark.parametrize("space", [Flat(5), Entities(2, 3)])
def test_a_world_without_entities_is_refused(space) -> None:
    with pytest.raises(ConfigurationError, match="this world has no entities: its state"):
        entity_table(space, "state")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source": ((0, 1), (2,))}, "rows of equal length"),
        ({"names": ("health",)}, "1 names for 3 features"),
        ({"own": (3,)}, "own rows"),
        ({"numbers": ((0, 0, 1),)}, "each number once"),
        ({"actions": (5,)}, "an action for every entity"),
        ({"own": ()}, "actions need own rows"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changes, reason) -> None:
    parts = {name: getattr(TABLE, name) for name in ("source", "names", "rows", "own", "numbers", "actions")}
    with pytest.raises(ValueError, match=reason):
        EntityTable(**(parts | changes))


def test_a_table_beyond_its_vector_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond the vector's 4 numbers"):
        Flat(4, entities=TABLE)
