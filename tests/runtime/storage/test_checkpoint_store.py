"""What is saved is what is loaded, whatever the run did before: wrap-around, resuming, going back."""

from unittest.mock import patch

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage.checkpoint import CheckpointStore
from support.stored_run import (
    CAPACITY,
    PRIVATE,
    RUN_ID,
    TEAM,
    check,
    check_tensors,
    facts_of,
    leftovers,
    new_ring,
    new_rings,
    play,
    save,
    tensors_of,
)


def segment_files(folder):
    return {path.name for path in (folder / "episodes").iterdir()}


def needed_files(*checkpoints):
    return {s.file.name for c in checkpoints for ring in CheckpointStore.load(c).rings.values() for s in ring.segments}


@settings(max_examples=40, deadline=None)
@given(
    rounds=st.lists(
        st.tuples(st.integers(0, 4) | st.integers(0, 2 * CAPACITY + 1), st.booleans()), min_size=1, max_size=8
    ),
    keep=st.integers(1, 3),
    sizes=st.sampled_from([(0, 1), (0, 1 << 27), (1 << 20, 1 << 27)]),
)
@example(rounds=[(3, False)] * 8, keep=3, sizes=(0, 1 << 27))  # the oldest segment is in part written over
@example(rounds=[(3, True)] * 4, keep=1, sizes=(0, 1 << 27))
def test_every_kept_round_loads_as_saved(tmp_path_factory, rounds, keep, sizes):
    """rounds: episodes played in each, and whether the process restarts after it."""
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    store, rings, played = CheckpointStore(folder, keep, RUN_ID), new_rings(), []
    small, large = sizes  # segments: each save its own, one per episode, or the default
    with patch("fedqmix.runtime.storage.segments.SMALL", small), patch("fedqmix.runtime.storage.segments.LARGE", large):
        for round_, (count, restart) in enumerate(rounds, start=1):
            play(rings, count)
            played.append(rings["team"].added)
            assert save(store, round_, rings) == store.latest() == folder / f"round-{round_:06d}"
            if restart:
                loaded = CheckpointStore.load(CheckpointStore.locate(folder.parent))
                rings = check(loaded, round_, played[-1])
                store = CheckpointStore(folder, keep, RUN_ID)
                store.resume_from(loaded)
    kept = sorted(folder.glob("round-*"))
    assert [path.name for path in kept] == [f"round-{r:06d}" for r in range(1, len(rounds) + 1)][-keep:]
    for path in kept:
        round_ = int(path.name[-6:])
        loaded = CheckpointStore.load(path)
        check(loaded, round_, played[round_ - 1])
        for ring in loaded.rings.values():  # leans on no segment it could do without
            assert all(segment.end > ring.added - CAPACITY for segment in ring.segments)
    assert segment_files(folder) == needed_files(*kept)
    assert not leftovers(folder)


def test_an_episode_is_written_once(tmp_path):
    store, rings = CheckpointStore(tmp_path, 5, RUN_ID), new_rings()
    with patch("fedqmix.runtime.storage.segments.SMALL", 0):
        play(rings, 3)
        save(store, 1, rings)
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "episodes").iterdir()}
        save(store, 2, rings)
        assert segment_files(tmp_path) == {path.name for path in before}
        play(rings, 2)
        save(store, 3, rings)
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
    added = segment_files(tmp_path) - {path.name for path in before}
    assert sorted(name.rsplit("-", 1)[0] for name in added) == ["agents-3-2", "team-3-2"]


def test_saves_of_few_episodes_do_not_pile_up_files(tmp_path):
    store, rings = CheckpointStore(tmp_path, 1, RUN_ID), new_rings()
    for round_ in range(1, 2 * CAPACITY):
        play(rings, 1)
        save(store, round_, rings)
        assert len(segment_files(tmp_path)) == 2


def test_going_on_from_an_older_checkpoint_leaves_the_path_of_the_newer(tmp_path):
    store, rings, played = CheckpointStore(tmp_path, 9, RUN_ID), new_rings(), {}
    for round_ in (1, 2, 3, 4):
        play(rings, 3)
        save(store, round_, rings)
        played[round_] = rings["team"].added
    loaded = CheckpointStore.load(tmp_path / "round-000002")
    store = CheckpointStore(tmp_path, 9, RUN_ID)
    store.resume_from(loaded)
    check(CheckpointStore.load(store.latest()), 4, played[4])  # resuming alone deletes nothing
    rings = check(loaded, 2, played[2])
    play(rings, 1)
    save(store, 3, rings)
    assert [path.name[-1] for path in sorted(tmp_path.glob("round-*"))] == ["1", "2", "3"]
    check(CheckpointStore.load(store.latest()), 3, played[2] + 1)
    check(CheckpointStore.load(tmp_path / "round-000002"), 2, played[2])


def test_the_same_round_can_be_saved_again(tmp_path):
    store, rings = CheckpointStore(tmp_path, 1, RUN_ID), new_rings()
    play(rings, 2)
    save(store, 1, rings)
    play(rings, 2)
    save(store, 1, rings)
    check(CheckpointStore.load(store.latest()), 1, 4)
    assert not leftovers(tmp_path)


def test_best_is_replaced_and_outlives_the_rounds(tmp_path):
    store, rings = CheckpointStore(tmp_path, 1, RUN_ID), new_rings()
    with pytest.raises(CheckpointError, match="no best networks"):
        store.best()
    for round_ in (1, 2, 3):
        save(store, round_, rings)
        if round_ < 3:
            assert store.save_best(tensors_of(round_), facts_of(round_)) == store.best()
    loaded = CheckpointStore.load(store.best())
    check_tensors(loaded, 2)
    assert (loaded.round, loaded.facts, loaded.rings) == (2, facts_of(2), {})


def test_a_run_goes_on_in_another_folder(tmp_path):
    first, rings = CheckpointStore(tmp_path / "a", 1, RUN_ID), new_rings()
    play(rings, 9)
    loaded = CheckpointStore.load(save(first, 1, rings))
    second = CheckpointStore(tmp_path / "b", 1, RUN_ID)
    second.resume_from(loaded)
    rings = check(loaded, 1, 9)
    play(rings, 1)
    with patch("fedqmix.runtime.storage.segments.SMALL", 0):
        save(second, 2, rings)
    check(CheckpointStore.load(second.latest()), 2, 10)
    check(CheckpointStore.load(first.latest()), 1, 9)


def test_a_run_never_writes_over_another(tmp_path):
    rings = new_rings()
    path = save(CheckpointStore(tmp_path, 1, RUN_ID), 1, rings)
    with pytest.raises(CheckpointError, match=f"already holds the checkpoints of a run.*resume={tmp_path.parent}"):
        save(CheckpointStore(tmp_path, 1, "another-run"), 1, rings)
    with pytest.raises(CheckpointError, match="belongs to run a-run; this is run another-run"):
        CheckpointStore(tmp_path, 1, "another-run").resume_from(CheckpointStore.load(path))
    check(CheckpointStore.load(path), 1, 0)


@pytest.mark.parametrize("missing", ["nowhere", "empty"])
def test_a_folder_without_checkpoints_is_named(tmp_path, missing):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=f"{missing} is neither a run folder"):
        CheckpointStore.locate(tmp_path / missing)
    with pytest.raises(CheckpointError, match=f"{missing} holds no checkpoint"):
        CheckpointStore(tmp_path / missing, 1, RUN_ID).latest()


def test_locate_takes_what_a_user_may_name(tmp_path):
    store, rings = CheckpointStore(tmp_path / "checkpoints", 3, RUN_ID), new_rings()
    older, newest = save(store, 9, rings), save(store, 10, rings)
    assert CheckpointStore.locate(tmp_path) == CheckpointStore.locate(tmp_path / "checkpoints") == newest
    assert CheckpointStore.locate(older) == older


def test_rings_that_are_not_the_checkpoints_are_refused(tmp_path):
    store, rings = CheckpointStore(tmp_path, 3, RUN_ID), new_rings()
    play(rings, 10)
    loaded = CheckpointStore.load(save(store, 1, rings))
    with pytest.raises(CheckpointError, match=r"holds the rings \['agents', 'team'\]"):
        loaded.fill({"agents": new_ring(PRIVATE)})
    with pytest.raises(CheckpointError, match="buffer_size=7 or less"):
        loaded.fill({"agents": new_ring(PRIVATE, capacity=8), "team": new_ring(TEAM)})
    with pytest.raises(CheckpointError, match="an episode has 1 to 2 environment steps"):
        loaded.fill({"agents": new_ring(PRIVATE, limit=2), "team": new_ring(TEAM)})
    with pytest.raises(ValueError, match="already holds episodes"):
        loaded.fill(rings)
    smaller = {"agents": new_ring(PRIVATE, capacity=3), "team": new_ring(TEAM, capacity=3)}
    loaded.fill(smaller)
    for name, ring in smaller.items():
        assert ring.added == 10
        assert all(torch.equal(column, rings[name].packed(7)[key]) for key, column in ring.packed(0).items())


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    store, rings = CheckpointStore(tmp_path, 1, RUN_ID), new_rings()
    with pytest.raises(TypeError, match="not JSON serializable"):
        store.save(1, {}, {"array": object()}, rings)
    with pytest.raises(ValueError, match="becomes a file's"):
        store.save(1, {"../outside": {}}, {}, rings)
    assert [path.name for path in tmp_path.iterdir()] == ["episodes"]
    assert segment_files(tmp_path) == set()
