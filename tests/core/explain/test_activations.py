"""A network opened up: its layers add up to its answer, and visitors share what was computed."""

import numpy as np
import pytest
from cachetools import LRUCache
from numpy.typing import NDArray

from core.data import mnist
from core.explain import activations
from core.explain.activations import layer_activations
from core.inference.predictor import load_predictor
from core.runs import registry
from tests.helpers.networks import SHIPPED, network_of
from tests.helpers.oracles import convolve

TEST = mnist.load("mnist-sample").test
RUNS = SHIPPED


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("run", RUNS)
def test_from_every_layer_the_rest_leads_to_the_same_answer(run: str) -> None:
    images = TEST.images[:4]
    opened = activations.load_layer_model(network_of(run))
    answers = load_predictor(network_of(run)).probabilities(images)
    outputs = opened.layer_outputs(images)
    rows = list(registry.find_run(run).info.recipe.architecture.rows())
    assert list(outputs) == [row.name for row in rows] == opened.layer_names
    assert [value.shape[1:] for value in outputs.values()] == [row.shape for row in rows]
    starts = [(None, opened.network_input(images)), *list(outputs.items())[:-1]]
    for name, values in starts:
        logits = np.asarray(opened.logits_after(values, name), np.float64)
        assert softmax(logits) == pytest.approx(answers, abs=1e-5)


def test_a_layer_gives_what_plain_loops_give() -> None:
    image = TEST.images[0]
    kernels, bias = (
        np.float64(array)
        for array in activations.load_layer_model(network_of("yalcin"))
        .model.layers[0]
        .get_weights()
    )
    expected = convolve(image[..., None] / 255, kernels, bias)  # this one has no activation
    assert layer_activations(network_of("yalcin"), image)["conv_1"] == pytest.approx(
        expected, abs=1e-5
    )


def test_what_was_computed_is_shared_and_cannot_be_changed() -> None:
    first = layer_activations(network_of("fast"), TEST.images[1])
    assert layer_activations(network_of("fast"), TEST.images[1].copy()) is first
    assert layer_activations(network_of("fast", 1), TEST.images[1]) is not first
    assert activations.load_layer_model(network_of("fast")) is activations.load_layer_model(
        network_of("fast")
    )
    with pytest.raises(ValueError, match="read-only"):
        first["conv_1"][0, 0, 0] = 1


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(
        value.nbytes for value in layer_activations(network_of("fast"), TEST.images[0]).values()
    )
    monkeypatch.setattr(
        activations, "_activations", LRUCache(3 * size, getsizeof=activations._bytes)
    )
    for k in range(6):
        layer_activations(network_of("fast"), TEST.images[k])
    kept = sum(
        array.nbytes for outputs in activations._activations.values() for array in outputs.values()
    )
    assert 2 * size <= kept <= 3 * size
    assert layer_activations(network_of("fast"), TEST.images[5]) is layer_activations(
        network_of("fast"), TEST.images[5]
    )


@pytest.mark.parametrize("name", ["conv_9", "dense_1"])
def test_there_is_nothing_after_the_last_layer_or_one_that_does_not_exist(name: str) -> None:
    opened = activations.load_layer_model(network_of("fast"))
    with pytest.raises(ValueError, match=r"not in list|not enough values"):
        opened.logits_after(opened.network_input(TEST.images[:1]), name)
