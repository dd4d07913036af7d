"""A map's share of the decision, judged by a network that was built without it."""

import numpy as np
import pytest

from core.data import mnist
from core.explain import activations, feature_maps
from core.explain.feature_maps import MEAN_DIGITS, ablate_maps, activation_of_zero, mean_activations
from core.inference.predictor import load_model, load_predictor
from core.runs import registry
from tests.helpers.networks import network_of

IMAGES = mnist.load("mnist-sample").test.images


@pytest.mark.parametrize(("run", "layer"), [("yalcin", "conv_1"), ("purawr", "dense_2")])
def test_zero_is_a_network_whose_next_weights_of_that_map_are_zero(run: str, layer: str) -> None:
    image = IMAGES[11]
    ablation = ablate_maps(network_of(run), image, layer, "zero")
    assert ablation.baseline == pytest.approx(
        load_predictor(network_of(run)).probabilities(image[None])[0], abs=1e-6
    )
    model = load_model(registry.find_run(run))
    place = activations.load_layer_model(network_of(run)).layer_names.index(layer)
    after = next(later for later in model.layers[place + 1 :] if later.get_weights())
    kernel, bias = after.get_weights()
    maps = ablation.ablated.shape[0]
    for number in (0, maps // 2, maps - 1):
        cut = kernel.copy()
        # Flatten lays the channels side by side: those of a map are every `maps`th input.
        cut[number::maps] = 0
        after.set_weights([cut, bias])
        logits = cut_logits(model, run, image)
        expected = np.exp(logits - logits.max())
        assert ablation.ablated[number] == pytest.approx(expected / expected.sum(), abs=1e-5)


def cut_logits(model, run: str, image: np.ndarray) -> np.ndarray:
    values = activations.load_layer_model(network_of(run)).network_input(image[None])
    for layer in model.layers[:-1]:
        values = layer(values, training=False)
    kernel, bias = model.layers[-1].get_weights()
    return (np.asarray(values, np.float64) @ kernel + bias)[0]


def test_all_maps_in_batches_are_as_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # 48 maps: more than are worked out at once.
    monkeypatch.setattr(feature_maps, "_ABLATED_AT_ONCE", 7)
    image, network = IMAGES[5], network_of("fast")
    opened = activations.load_layer_model(network)
    ablation = ablate_maps(network, image, "activation_1", "mean")
    assert ablation.ablated.shape == (48, 10)
    values = opened.layer_outputs(image[None])["activation_1"]
    means = opened.layer_outputs(IMAGES[::5])["activation_1"].mean(axis=0, dtype=np.float64)
    assert len(IMAGES[::5]) == MEAN_DIGITS
    for number in (6, 7, 47):  # the last of the first batch, the first of the next, the very last
        cut = values.copy()
        cut[0, :, :, number] = means[:, :, number]
        logits = np.asarray(opened.logits_after(cut, "activation_1"), np.float64)[0]
        powers = np.exp(logits - logits.max())
        assert ablation.ablated[number] == pytest.approx(powers / powers.sum(), abs=1e-5)
        alone = ablate_maps(network, image, "activation_1", "mean", number)
        assert alone.ablated.shape == (1, 10)
        assert alone.ablated[0] == pytest.approx(ablation.ablated[number], abs=1e-6)


def test_the_mean_is_of_each_position() -> None:
    outputs = activations.load_layer_model(network_of("fast")).layer_outputs(IMAGES[::5])["pool_1"]
    assert mean_activations(network_of("fast"), "pool_1") == pytest.approx(
        outputs.mean(axis=0), abs=1e-5
    )


def test_how_much_is_moved() -> None:
    ablation = ablate_maps(network_of("katariya", 4), IMAGES[0], "dense_1", "zero")
    assert ablation.ablated.shape == (512, 10)
    assert ablation.ablated.sum(axis=1) == pytest.approx(np.ones(512), abs=1e-5)
    # What some digits lose, others win: the total variation is the sum of the gains.
    gains = np.maximum(ablation.ablated - ablation.baseline, 0).sum(axis=1)
    assert ablation.total_variation == pytest.approx(gains, abs=1e-6)


def test_a_map_that_is_zero_already_changes_nothing_but_a_map_of_zeros_has_its_mean() -> None:
    values = activations.load_layer_model(network_of("purawr")).layer_outputs(IMAGES[:1])[
        "dense_1"
    ][0]
    silent = np.flatnonzero(values == 0)
    zero = ablate_maps(network_of("purawr"), IMAGES[0], "dense_1", "zero")
    mean = ablate_maps(network_of("purawr"), IMAGES[0], "dense_1", "mean")
    assert zero.total_variation[silent] == pytest.approx(np.zeros(len(silent)), abs=1e-7)
    assert mean.total_variation[silent].max() > 0


def test_it_is_shared_and_read_only() -> None:
    first = ablate_maps(network_of("fast"), IMAGES[0], "conv_1", "zero")
    assert ablate_maps(network_of("fast"), IMAGES[0].copy(), "conv_1", "zero") is first
    with pytest.raises(ValueError, match="read-only"):
        first.ablated[0, 0] = 1


def test_what_a_batch_normalization_makes_of_a_zero() -> None:
    # The network itself, with the whole map at 0.
    opened = activations.load_layer_model(network_of("fast"))
    norm = opened.model.get_layer("batch_norm_1")
    given = np.asarray(norm(np.zeros((1, 10, 10, 48), np.float32), training=False))
    assert activation_of_zero(network_of("fast"), "conv_2", 3) == pytest.approx(
        given[0, 5, 5, 3], abs=1e-5
    )
    assert abs(given[0, 5, 5, 3]) > 0.01
    assert activation_of_zero(network_of("fast"), "activation_1", 3) is None


def test_nothing_comes_after_the_last_layer() -> None:
    assert activation_of_zero(network_of("fast"), "dense_1", 3) is None
    with pytest.raises(ValueError, match="unpack"):
        ablate_maps(network_of("fast"), IMAGES[0], "dense_1", "zero")
    with pytest.raises(ValueError, match="no layer 'conv_9'"):
        ablate_maps(network_of("fast"), IMAGES[0], "conv_9", "mean")
    with pytest.raises(IndexError):
        ablate_maps(network_of("fast"), IMAGES[0], "conv_1", "zero", 16)
