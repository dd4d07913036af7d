"""All kernels of a layer: the right weights in the right places, after an epoch and at the end."""

import numpy as np
import pytest

from core.data import mnist
from core.explain import activations
from core.explain.kernels import has_kernels, kernels_from_weights, layer_kernels, split_weights
from core.figures.explanation_charts import kernel_figure
from core.recipes.architecture import (
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAverage,
    Layer,
    Pool,
)
from core.recipes.keras_model import build_model
from core.runs import registry
from core.runs.run import Network
from core.utils.errors import RunError
from tests.conftest import conv_recipe
from tests.helpers.networks import SHIPPED, network_of

TEST = mnist.load("mnist-sample").test
RUNS = SHIPPED
END = Dense(units=10, activation="softmax")


@pytest.mark.parametrize("run_id", RUNS)
def test_every_layer_with_weights_has_keras_own(run_id: str) -> None:
    run, model = registry.find_run(run_id), activations.load_layer_model(network_of(run_id)).model
    for row in run.info.recipe.architecture.rows():
        if not has_kernels(row):
            continue
        kernels, layer = layer_kernels(Network(run), row.name), model.get_layer(row.name)
        kernel = np.asarray(layer.kernel)
        known = kernels.weights[np.isfinite(kernels.weights)]
        assert known.size == kernel.size
        np.testing.assert_array_equal(known, kernel.ravel())
        expected = np.sqrt((kernel.astype(float).reshape(-1, kernels.count) ** 2).sum(axis=0))
        np.testing.assert_allclose(kernels.norms(), expected, rtol=1e-6)
        if layer.bias is None:
            assert kernels.bias is None
        else:
            np.testing.assert_array_equal(kernels.bias, np.asarray(layer.bias))


@pytest.mark.parametrize(
    ("run_id", "before", "layer", "shape"),
    [
        ("kundathil", "pool_1", "dense_1", (12, 12, 32, 128)),
        ("yalcin", "pool_1", "dense_1", (13, 13, 28, 128)),
        ("fast", "activation_2", "dense_1", (3, 3, 96, 10)),
    ],
)
def test_behind_a_flatten_weights_lie_on_the_maps(
    run_id: str, before: str, layer: str, shape: tuple[int, ...]
) -> None:
    kernels = layer_kernels(network_of(run_id), layer)
    assert kernels.weights.shape == shape
    assert kernels.spatial
    # Laid over the maps, they sum to what the units are fed.
    opened = activations.load_layer_model(network_of(run_id))
    maps = opened.layer_outputs(TEST.images[:1])[before][0]
    assert kernels.bias is not None
    fed = np.einsum("hwc,hwcn->n", maps.astype(float), kernels.weights.astype(float)) + kernels.bias
    given = activations.layer_activations(network_of(run_id), TEST.images[0])[layer]
    if kernels.count == 10:
        fed = np.exp(fed - fed.max())
        np.testing.assert_allclose(fed / fed.sum(), given, atol=1e-4)
    else:
        np.testing.assert_allclose(np.maximum(fed, 0), given, atol=1e-3)


def test_of_a_run_without_convolutions_the_weights_are_pictures_of_the_digit() -> None:
    kernels = layer_kernels(network_of("purawr"), "dense_1")
    assert kernels.weights.shape == (28, 28, 1, 50)
    assert (kernels.dense, kernels.spatial) == (True, True)
    second = layer_kernels(network_of("purawr"), "dense_2")
    assert second.weights.shape == (7, 8, 1, 50)  # of 50 inputs; the last six places are empty
    assert not second.spatial
    assert np.isnan(second.weights.reshape(-1, 50)[50:]).all()


def test_after_an_epoch_the_kernels_are_those_kept() -> None:
    run = registry.find_run("best")
    kernels = layer_kernels(Network(run, 2), "conv_2")
    kept = next(array for array in run.epoch_weights(2) if array.shape == (3, 3, 32, 32))
    np.testing.assert_array_equal(kernels.weights, kept.astype(np.float32))
    assert not np.array_equal(kernels.weights, layer_kernels(Network(run), "conv_2").weights)
    with pytest.raises(RunError, match="epochs kept are"):
        layer_kernels(Network(run, 3), "conv_2")


def test_they_are_shared_and_cannot_be_changed() -> None:
    kernels = layer_kernels(network_of("fast"), "conv_1")
    assert layer_kernels(network_of("fast"), "conv_1") is kernels
    with pytest.raises(ValueError, match="read-only"):
        kernels.weights[0, 0, 0, 0] = 1


@pytest.mark.parametrize("name", ["pool_1", "conv_9", ""])
def test_a_layer_without_kernels_is_told(name: str) -> None:
    with pytest.raises(RunError, match="no layer with kernels"):
        layer_kernels(network_of("fast"), name)


@pytest.mark.parametrize(
    "layers",
    [
        (Conv(filters=4, use_bias=False), BatchNorm(), Flatten()),
        (Pool(mode="average"), Conv(filters=6, kernel_size=4), GlobalAverage()),
        (Flatten(), BatchNorm(), Dense(units=7), Dense(units=3)),
    ],
    ids=str,
)
def test_any_network_is_split_as_keras_made_it(layers: tuple[Layer, ...]) -> None:
    wanted = conv_recipe(architecture=Architecture(layers=(*layers, END)))
    model = build_model(wanted.architecture)
    weights = model.get_weights()
    named = {
        row.name: kernels_from_weights(row, shape, own)
        for row, shape, own in split_weights(wanted, weights)
    }
    theirs = {layer.name: np.asarray(layer.kernel) for layer in model.layers if _kernel(layer)}
    assert list(named) == list(theirs)
    for name, kernel in theirs.items():
        ours = named[name].weights
        np.testing.assert_array_equal(ours[np.isfinite(ours)], kernel.ravel())
    for wrong in (weights[:-2], [np.zeros(3, np.float32)] * len(weights)):
        with pytest.raises(RunError, match="do not fit"):
            list(map(kernels_from_weights, *zip(*split_weights(wanted, wrong), strict=True)))


def _kernel(layer: object) -> bool:
    return hasattr(layer, "kernel")


def test_order_pictures_and_scale() -> None:
    kernels = layer_kernels(network_of("best"), "conv_3")
    norms = [float(np.linalg.norm(kernels.weights[..., k])) for k in range(kernels.count)]
    assert kernels.order("number") == list(range(64))
    assert kernels.order("norm") == sorted(range(64), key=lambda k: -norms[k])
    np.testing.assert_array_equal(kernels.images(5), kernels.weights[:, :, 5])
    np.testing.assert_allclose(
        kernels.images(None), sum(kernels.weights[:, :, c] for c in range(32)) / 32, atol=1e-6
    )
    # One scale for every channel, another for the smaller means.
    assert (
        kernels.color_limit(0)
        == kernels.color_limit(31)
        == np.percentile(np.abs(kernels.weights), 99)
    )
    assert kernels.color_limit(None) < kernels.color_limit(0)


def test_a_small_kernel_has_its_numbers_written_in_a_large_one_not() -> None:
    kernel = np.array([[0.5, -0.25], [np.nan, 1]], np.float32)
    trace = kernel_figure(kernel, 1.0).data[0]
    np.testing.assert_array_equal(trace.z, kernel)
    assert (trace.zmin, trace.zmax) == (-1, 1)
    assert trace.texttemplate == "%{z:.2f}"
    assert kernel_figure(np.zeros((28, 28), np.float32), 1.0).data[0].texttemplate is None
    assert "input" in kernel_figure(kernel, 1.0, spatial=False).data[0].hovertemplate
