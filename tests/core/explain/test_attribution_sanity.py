"""Weights made random: of a copy, layer by layer, and maps compared with the real ones."""

import numpy as np
import pytest
from scipy.stats import rankdata

from core.data import mnist
from core.explain import activations, attribution
from core.explain.attribution import (
    Question,
    describe_correlation,
    explain,
    layers_from_last,
    map_similarity,
    random_weights,
    randomized_layers,
    randomized_map,
    randomized_model,
    similarity_over_layers,
)
from core.runs import registry
from tests.helpers.networks import network_of

IMAGE = mnist.load("mnist-sample").test.images[17]
NINE = Question(9)


def rows_of(run: str) -> list:
    return list(registry.find_run(run).info.recipe.architecture.rows())


def changed(run: str, count: int, mode: str = "cascading") -> set[str]:
    """The layers of a randomized copy that hold other weights than the run's network."""
    real, copy = (
        activations.load_layer_model(network_of(run)).model,
        randomized_model(network_of(run), count, mode).model,
    )
    return {
        layer.name
        for layer, random_layer in zip(real.layers, copy.layers, strict=True)
        if any(
            not np.array_equal(a, b)
            for a, b in zip(layer.get_weights(), random_layer.get_weights(), strict=True)
        )
    }


def test_layers_are_reached_from_the_last_to_the_first() -> None:
    assert layers_from_last(rows_of("fast")) == ["dense_1", "conv_3", "conv_2", "conv_1"]
    assert changed("fast", 0) == set()
    assert changed("fast", 1) == {"dense_1"}
    assert changed("fast", 2) == {"dense_1", "conv_3", "batch_norm_2"}
    assert changed("fast", 2, "independent") == {"conv_3", "batch_norm_2"}
    everything = {"dense_1", "conv_1", "conv_2", "conv_3", "batch_norm_1", "batch_norm_2"}
    assert changed("fast", 4) == everything


def test_a_normalization_behind_a_pool_goes_with_its_convolution() -> None:
    # katariya: conv_4, pool, flatten, batch_norm_4, dense_1, batch_norm_5.
    assert set(randomized_layers(rows_of("katariya-batchnorm"), 3, "independent")) == {
        "conv_4",
        "batch_norm_4",
    }


@pytest.mark.parametrize("count", [-1, 5])
def test_there_are_no_more_layers(count: int) -> None:
    with pytest.raises(ValueError, match="4 layers"):
        randomized_layers(rows_of("fast"), count)


def test_the_shared_network_is_never_touched() -> None:
    before = [
        array.copy()
        for array in activations.load_layer_model(network_of("purawr")).model.get_weights()
    ]
    randomized_map(network_of("purawr"), IMAGE, NINE, "occlusion", count=3)
    for array, now in zip(
        before, activations.load_layer_model(network_of("purawr")).model.get_weights(), strict=True
    ):
        assert np.array_equal(array, now)


def test_the_same_seed_gives_the_same_weights_and_a_layer_its_own() -> None:
    shape = [np.zeros((3, 3, 16, 32)), np.ones(32)]
    layer = rows_of("fast")[4].layer
    first, bias = random_weights(shape, layer, (1, 2))
    assert np.array_equal(first, random_weights(shape, layer, (1, 2))[0])
    assert not np.array_equal(first, random_weights(shape, layer, (1, 3))[0])
    # Glorot and Bengio: variance 2 / (fan in + fan out).
    assert first.var() == pytest.approx(2 / (9 * 16 + 9 * 32), rel=0.05)
    assert not bias.any()


def test_nothing_random_changes_nothing() -> None:
    real = explain(network_of("purawr"), IMAGE, NINE, "integrated-gradients")
    copy = randomized_map(network_of("purawr"), IMAGE, NINE, "integrated-gradients", count=0)
    assert copy == pytest.approx(real, abs=1e-6)


def test_likeness_is_spearmans_rank_correlation() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(2, 28, 28))
    expected = np.corrcoef(rankdata(first), rankdata(second))[0, 1]
    assert map_similarity(first, second) == pytest.approx(expected)
    assert map_similarity(first, np.exp(first)) == pytest.approx(1)
    assert map_similarity(first, -first) == pytest.approx(-1)
    assert map_similarity(first, np.zeros((28, 28))) is None


def test_the_verdict_follows_the_correlation() -> None:
    assert "hardly changed" in describe_correlation(0.95)
    assert "in part" in describe_correlation(0.5)
    assert "as it should" in describe_correlation(0.1)
    assert "changed places" in describe_correlation(-0.9)
    assert "nothing to compare" in describe_correlation(None)


def test_integrated_gradients_depend_on_every_layer_of_best() -> None:
    for count in (1, 7):
        other = randomized_map(network_of("best"), IMAGE, NINE, "integrated-gradients", count=count)
        similarity = map_similarity(
            explain(network_of("best"), IMAGE, NINE, "integrated-gradients"), other
        )
        assert abs(similarity) < attribution.STRONG_CORRELATION


def test_over_all_layers_each_method_gets_a_number_a_layer() -> None:
    told: list[tuple[int, int]] = []
    similarities = similarity_over_layers(
        network_of("purawr"), IMAGE, NINE, None, lambda *far: told.append(far)
    )
    assert [similarity.method for similarity in similarities] == [
        "integrated-gradients",
        "occlusion",
    ]
    assert told == [(k, 6) for k in range(6)]
    real = explain(network_of("purawr"), IMAGE, NINE, "occlusion")
    for count, (name, value) in enumerate(
        zip(similarities[1].layers, similarities[1].correlations, strict=True), start=1
    ):
        assert name == f"dense_{4 - count}"
        other = randomized_map(network_of("purawr"), IMAGE, NINE, "occlusion", count=count)
        assert value == pytest.approx(map_similarity(real, other))


def test_it_stops_when_it_is_told_to() -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        similarity_over_layers(network_of("purawr"), IMAGE, NINE, None, stop)
