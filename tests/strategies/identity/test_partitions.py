"""Partitions of identities: figures by hand, k-means, the choice of K, merging, and the refusals."""

import numpy as np
import pytest

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.strategies.identity.choosing import Rules, choose, merged
from fedqmix.strategies.identity.partitions import davies_bouldin, k_means, partition, silhouette

LINE = np.array([[0.0], [1.0], [10.0], [11.0]])
CONVERGED = [1.0, 0.5, 0.45]
RULES = Rules(converged=0.85, silhouette=0.5, smallest=1)


def blobs(sizes: list[int], apart: float = 10.0, width: int = 3, seed: int = 0) -> np.ndarray:
    """Points around as many corners of a simplex as there are sizes: [points, width]."""
    random = np.random.default_rng(seed)
    corners = apart * np.eye(max(width, len(sizes)))[: len(sizes)]
    return np.concatenate(
        [
            corner + 0.1 * random.standard_normal((size, len(corner)))
            for corner, size in zip(corners, sizes, strict=True)
        ]
    )


def test_figures_of_two_pairs_on_a_line() -> None:
    found = partition(LINE, np.array([7, 7, 3, 3]))
    assert found.clusters == [[0, 1], [2, 3]]
    assert found.centres.tolist() == [[0.5], [10.5]]
    assert davies_bouldin(LINE, found) == pytest.approx((0.5 + 0.5) / 10)
    outer, inner = (10.5 - 1) / 10.5, (9.5 - 1) / 9.5
    assert silhouette(LINE, found) == pytest.approx((outer + inner) / 2)


def test_a_point_alone_has_silhouette_0_and_no_spread() -> None:
    found = partition(LINE[:3], np.array([0, 0, 1]))
    assert silhouette(LINE[:3], found) == pytest.approx(((10 - 1) / 10 + (9 - 1) / 9 + 0) / 3)
    assert davies_bouldin(LINE[:3], found) == pytest.approx(0.5 / 9.5)


def test_equal_centres_make_the_index_infinite() -> None:
    points = np.array([[0.0], [2.0], [0.0], [2.0]])
    assert davies_bouldin(points, partition(points, np.array([0, 0, 1, 1]))) == np.inf


@pytest.mark.parametrize("seed", range(3))
def test_k_means_finds_clusters_whatever_the_order_of_agents(seed: int) -> None:
    points = blobs([2, 3, 5])
    order = np.random.default_rng(seed).permutation(10)
    found = k_means(points[order], 3, seed)
    assert found is not None
    truth = np.repeat([0, 1, 2], [2, 3, 5])[order]
    assert found.clusters == partition(points[order], truth).clusters


def test_fewer_different_points_than_clusters_have_no_partition() -> None:
    assert k_means(np.zeros((4, 2)), 2, 0) is None


@pytest.mark.parametrize("sizes", [[2, 2], [3, 3, 4], [2, 5, 2, 3]])
def test_the_number_of_clusters_is_chosen(sizes: list[int]) -> None:
    found = choose(blobs(sizes), CONVERGED, None, RULES, seed=1)
    assert [len(own) for own in found.partition.clusters] == sizes
    assert found.fit.clusters == len(sizes)
    assert [fit.clusters for fit in found.fits] == list(range(2, sum(sizes) // 2 + 1))


def test_a_given_number_of_clusters_is_found() -> None:
    assert choose(blobs([3, 3, 4]), CONVERGED, 2, RULES._replace(silhouette=0.99), seed=1).fit.clusters == 2


def test_small_clusters_join_the_nearest_one() -> None:
    points = np.array([[0.0], [0.1], [5.0], [20.0], [20.1], [20.2]])
    found = merged(points, partition(points, np.array([0, 0, 1, 2, 2, 2])), smallest=2)
    assert found.clusters == [[0, 1, 2], [3, 4, 5]]
    assert found.centres[0, 0] == pytest.approx(5.1 / 3)
    assert merged(points, found, smallest=4).clusters == [[0, 1, 2, 3, 4, 5]]


def test_alike_agents_are_not_divided() -> None:
    alike = np.random.default_rng(0).standard_normal((8, 10))
    with pytest.raises(ConfigurationError, match=r"no clear clusters: the best number has silhouette .* K=2: .* K=4: "):
        choose(alike, CONVERGED, None, RULES, seed=1)


def test_equal_agents_are_not_divided() -> None:
    with pytest.raises(ConfigurationError, match="form no clear clusters"):
        choose(np.zeros((6, 3)), CONVERGED, None, RULES, seed=1)
    with pytest.raises(ConfigurationError, match=r"do not form strategy\.clusters=3 clusters: too many are equal"):
        choose(np.zeros((6, 3)), CONVERGED, 3, RULES, seed=1)


@pytest.mark.parametrize("clusters", [None, 2])
def test_a_model_whose_error_still_falls_is_refused_with_its_figures(clusters: int | None) -> None:
    with pytest.raises(
        ConfigurationError, match=r"its error fell from 0\.4 to 0\.33, below strategy\.identity_converged=0\.85"
    ):
        choose(blobs([3, 3]), [1.0, 0.4, 0.33], clusters, RULES, seed=1)
    assert choose(blobs([3, 3]), [1.0, 0.4, 0.33], clusters, RULES._replace(converged=0), seed=1).fit.clusters == 2
