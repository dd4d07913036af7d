"""The digits that excite a map most, judged by a search through all of its values."""

import time

import numpy as np
import pytest

from core.data import mnist
from core.explain import activations, feature_maps
from core.explain.feature_maps import (
    TopActivations,
    find_top_activations,
    multiply_adds,
    stored_top_activations,
)
from core.runs import registry
from core.runs.run import Network
from core.utils.background import BackgroundTask
from core.utils.errors import RunError
from tests.helpers.networks import network_of

SAMPLE = mnist.load("mnist-sample")
IMAGES = np.concatenate([SAMPLE.test.images, SAMPLE.train.images])


def silent(done: int, total: int) -> None:
    pass


@pytest.mark.parametrize(
    ("run", "epoch", "layer", "searched"),
    [
        ("kundathil", None, "pool_1", 1250),
        ("yalcin", 1, "conv_1", 1250),
        ("purawr", None, "dense_2", 5000),
    ],
)
def test_the_nine_largest_and_where_they_are(
    run: str, epoch: int | None, layer: str, searched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = IMAGES[:searched]
    if searched < len(IMAGES):
        monkeypatch.setattr(feature_maps, "_sample_images", lambda: images)
    top = find_top_activations(network_of(run, epoch), layer, silent)
    assert top.total == searched
    opened = activations.load_layer_model(network_of(run, epoch))
    every = np.concatenate(
        [opened.layer_outputs(images[k : k + 250])[layer] for k in range(0, searched, 250)]
    )
    every = every.reshape(searched, -1, every.shape[-1])
    width = opened.model.get_layer(layer).output.shape[2] if layer != "dense_2" else 1
    for number in range(every.shape[-1]):
        peaks = every[:, :, number].max(axis=1)
        assert top.values[number] == pytest.approx(np.sort(peaks)[::-1][:9], rel=1e-5, abs=1e-6)
        assert len(set(top.digits[number].tolist())) == 9
        for activation in top.for_map(number):
            split = SAMPLE.test if activation.split == "test" else SAMPLE.train
            k = activation.index + 1000 * (activation.split == "train")
            assert np.array_equal(split.images[activation.index], IMAGES[k])
            row, column = activation.position
            value = every[k, row * width + column, number]
            assert value == pytest.approx(activation.value, rel=1e-5)
            assert value == pytest.approx(peaks[k], rel=1e-5)


def test_a_map_that_is_zero_everywhere_is_excited_by_nothing() -> None:
    # A ReLU unit whose bias lets nothing through.
    layer = activations.load_layer_model(network_of("purawr", 3)).model.get_layer("dense_1")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, np.where(np.arange(50) == 7, -1e4, bias)])
    try:
        top = find_top_activations(network_of("purawr", 3), "dense_1", silent)
    finally:
        layer.set_weights([kernel, bias])
    assert top.for_map(7) == []
    assert len(top.for_map(8)) == 9
    with pytest.raises(IndexError):
        top.for_map(50)


def test_it_is_searched_once_and_shared() -> None:
    run = registry.find_run("fast")
    first = stored_top_activations(Network(run), "conv_1")
    assert isinstance(first, TopActivations)
    assert stored_top_activations(Network(run), "conv_1") is first
    with pytest.raises(ValueError, match="read-only"):
        first.values[0, 0] = 1


def test_what_takes_long_is_a_chore_that_can_be_stopped() -> None:
    run = registry.find_run("best")
    waiting = stored_top_activations(Network(run), "conv_6")
    assert isinstance(waiting, BackgroundTask)
    assert waiting.state.status == "idle"
    assert stored_top_activations(Network(run), "conv_6") is waiting

    def stop(done: int, total: int) -> None:
        assert total == 5000
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        find_top_activations(network_of("best"), "conv_6", stop)


def test_when_the_chore_is_done_its_result_is_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feature_maps, "_sample_images", lambda: IMAGES[:200])
    run = registry.find_run("soorya")
    chore = stored_top_activations(Network(run, 1), "conv_2")
    assert isinstance(chore, BackgroundTask)
    chore.start()
    while chore.state.active:
        time.sleep(0.01)
    after = stored_top_activations(Network(run, 1), "conv_2")
    assert isinstance(after, TopActivations)
    assert after.values.shape == (64, 9)


def test_multiplications_by_hand() -> None:
    kundathil = registry.find_run("kundathil").info.recipe.architecture
    conv = 25 * 25 * 4 * 4 * 32
    assert multiply_adds(kundathil, "conv_1") == multiply_adds(kundathil, "flatten_1") == conv
    assert multiply_adds(kundathil, "dense_2") == conv + 4608 * 128 + 128 * 10
    with pytest.raises(ValueError, match="no layer"):
        multiply_adds(kundathil, "conv_2")


def test_a_network_that_diverged_is_told() -> None:
    opened = activations.load_layer_model(network_of("purawr", 2))
    layer = opened.model.get_layer("dense_1")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias * np.nan])
    try:
        with pytest.raises(RunError, match="training diverged"):
            find_top_activations(network_of("purawr", 2), "dense_1", silent)
    finally:
        layer.set_weights([kernel, bias])
