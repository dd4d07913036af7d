"""Weights made random: of a copy, layer by layer, and maps compared with the real ones."""

import numpy as np
import pytest
from scipy.stats import rankdata

from core import datasets, probe, runs, sanity
from core.attribution import Question, explained
from core.sanity import (
    alike,
    layers_from_last,
    map_of_random,
    over_layers,
    random_weights,
    randomised,
    reached,
    verdict,
)
from tests.networks import network_of

IMAGE = datasets.load("mnist-sample").test.images[17]
NINE = Question(9)


def rows_of(run: str) -> list:
    return list(runs.find(run).info.recipe.architecture.rows())


def changed(run: str, count: int, how: str = "cascading") -> set[str]:
    """The layers of a randomised copy that hold other weights than the run's network."""
    real, copy = probe.probe(network_of(run)).model, randomised(network_of(run), count, how).model
    return {
        one.name
        for one, other in zip(real.layers, copy.layers, strict=True)
        if any(
            not np.array_equal(a, b)
            for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
        )
    }


def test_layers_are_reached_from_the_last_to_the_first() -> None:
    assert layers_from_last(rows_of("fast")) == ["dense_1", "conv_3", "conv_2", "conv_1"]
    assert changed("fast", 0) == set()
    assert changed("fast", 1) == {"dense_1"}
    assert changed("fast", 2) == {"dense_1", "conv_3", "batch_norm_3"}
    assert changed("fast", 2, "independent") == {"conv_3", "batch_norm_3"}
    everything = {"dense_1", *(f"{kind}_{k}" for kind in ("conv", "batch_norm") for k in (1, 2, 3))}
    assert changed("fast", 4) == everything


def test_a_normalisation_behind_a_pool_goes_with_its_convolution() -> None:
    # katariya: conv_4, pool, flatten, batch_norm_4, dense_1, batch_norm_5.
    assert set(reached(rows_of("katariya"), 3, "independent")) == {"conv_4", "batch_norm_4"}


@pytest.mark.parametrize("count", [-1, 5])
def test_there_are_no_more_layers(count: int) -> None:
    with pytest.raises(ValueError, match="4 layers"):
        reached(rows_of("fast"), count)


def test_the_shared_network_is_never_touched() -> None:
    before = [one.copy() for one in probe.probe(network_of("purawr")).model.get_weights()]
    map_of_random(network_of("purawr"), IMAGE, NINE, "occlusion", count=3)
    for one, other in zip(
        before, probe.probe(network_of("purawr")).model.get_weights(), strict=True
    ):
        assert np.array_equal(one, other)


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
    real = explained(network_of("purawr"), IMAGE, NINE, "integrated-gradients")
    copy = map_of_random(network_of("purawr"), IMAGE, NINE, "integrated-gradients", count=0)
    assert copy == pytest.approx(real, abs=1e-6)


def test_likeness_is_spearmans_rank_correlation() -> None:
    draw = np.random.default_rng(0)
    one, other = draw.normal(size=(2, 28, 28))
    expected = np.corrcoef(rankdata(one), rankdata(other))[0, 1]
    assert alike(one, other) == pytest.approx(expected)
    assert alike(one, np.exp(one)) == pytest.approx(1)
    assert alike(one, -one) == pytest.approx(-1)
    assert alike(one, np.zeros((28, 28))) is None


def test_the_verdict_follows_the_correlation() -> None:
    assert "hardly changed" in verdict(0.95)
    assert "in part" in verdict(0.5)
    assert "as it should" in verdict(0.1)
    assert "changed places" in verdict(-0.9)
    assert "nothing to compare" in verdict(None)


def test_integrated_gradients_depend_on_every_layer_of_best() -> None:
    for count in (1, 7):
        other = map_of_random(network_of("best"), IMAGE, NINE, "integrated-gradients", count=count)
        found = alike(explained(network_of("best"), IMAGE, NINE, "integrated-gradients"), other)
        assert abs(found) < sanity.HARDLY


def test_over_all_layers_each_method_gets_a_number_a_layer() -> None:
    told: list[tuple[int, int]] = []
    found = over_layers(network_of("purawr"), IMAGE, NINE, None, lambda *far: told.append(far))
    assert [one.method for one in found] == ["integrated-gradients", "occlusion"]
    assert told == [(k, 6) for k in range(6)]
    real = explained(network_of("purawr"), IMAGE, NINE, "occlusion")
    for count, (name, value) in enumerate(
        zip(found[1].layers, found[1].correlations, strict=True), start=1
    ):
        assert name == f"dense_{4 - count}"
        other = map_of_random(network_of("purawr"), IMAGE, NINE, "occlusion", count=count)
        assert value == pytest.approx(alike(real, other))


def test_it_stops_when_it_is_told_to() -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        over_layers(network_of("purawr"), IMAGE, NINE, None, stop)
