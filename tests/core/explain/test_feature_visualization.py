"""Dreams: the network knows what was dreamt, they can be read, and every digit excites it less."""

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from core.data import mnist
from core.data.normalization import scale
from core.explain import activations, feature_visualization
from core.explain.feature_visualization import (
    ASCENT_STEPS,
    VisualizationTarget,
    class_targets,
    highest_activation,
    scaled_image,
    target_activation,
    visualize_feature,
)
from core.inference.predictor import load_predictor
from core.utils.errors import RunError
from tests.helpers.networks import network_of

TEST = mnist.load("mnist-sample").test


def quiet(done: int, total: int) -> None:
    pass


def total_variation(image: np.ndarray) -> float:
    """How much neighboring pixels differ, the sum over a picture."""
    ink = image.astype(np.float64)
    return float(np.abs(np.diff(ink, axis=0)).sum() + np.abs(np.diff(ink, axis=1)).sum())


@pytest.mark.parametrize(
    ("run", "digits"), [("best", [3, 8]), ("fast", range(10)), ("purawr", range(10))]
)
def test_the_network_knows_each_digit_that_it_dreamt_of(run: str, digits: Sequence[int]) -> None:
    targets = [class_targets()[digit] for digit in digits]
    dreams = visualize_feature(network_of(run), targets, "strong", quiet)
    images = np.stack([dream.image for dream in dreams])
    answers = load_predictor(network_of(run)).probabilities(images)
    assert answers.argmax(axis=1).tolist() == list(digits)
    assert answers.max(axis=1).min() > 0.9
    for dream, answer in zip(dreams, answers, strict=True):
        assert dream.probabilities == pytest.approx(answer, abs=1e-4)
        assert dream.answer == dream.target.number
        assert dream.image.dtype == np.uint8
        assert not dream.image.flags.writeable


@pytest.mark.parametrize("run", ["fast", "yalcin"])
def test_regularization_makes_them_calmer_and_the_margin_white(run: str) -> None:
    none, some, strong = (
        visualize_feature(
            network_of(run), [VisualizationTarget(3), VisualizationTarget(8)], strength, quiet
        )
        for strength in ("none", "some", "strong")
    )
    for wild, calm, calmest in zip(none, some, strong, strict=True):
        assert total_variation(calm.image) < 0.65 * total_variation(wild.image)
        assert total_variation(calmest.image) < 0.5 * total_variation(wild.image)
        assert wild.value > calmest.value
        assert not calmest.image[:4].any()
        assert not calmest.image[:, -4:].any()


@pytest.mark.parametrize(
    "aim",
    [
        VisualizationTarget(3, "conv_2"),
        VisualizationTarget(5, "activation_2"),
        VisualizationTarget(1, "activation_1", (5, 5)),
        VisualizationTarget(7, "pool_2"),
    ],
)
def test_a_map_is_excited_more_than_by_any_digit(aim: VisualizationTarget) -> None:
    (dream,) = visualize_feature(network_of("fast"), [aim], "some", quiet)
    values = activations.load_layer_model(network_of("fast")).layer_outputs(
        np.concatenate([dream.image[None], TEST.images[:300]])
    )
    chosen = values[aim.layer][..., aim.number]
    if aim.position:
        chosen = chosen[:, *aim.position]
    elif chosen.ndim > 1:
        chosen = chosen.mean(axis=(1, 2))
    assert dream.value == pytest.approx(chosen[0], rel=1e-3)
    assert dream.value > (1 if aim.position else 2) * chosen[1:].max()
    assert highest_activation(network_of("fast"), aim, TEST.images[:300]) == pytest.approx(
        chosen[1:].max(), rel=1e-3
    )


@pytest.mark.parametrize(
    ("run", "layer", "units"), [("purawr", "dense_1", 50), ("fast", "pool_2", 48)]
)
def test_a_unit_that_the_first_gray_does_not_excite_is_climbed_all_the_same(
    run: str, layer: str, units: int
) -> None:
    # Its ReLU gives 0 there, and no gradient: of these, 23 and 15 pictures stayed black.
    targets = [VisualizationTarget(number, layer) for number in range(units)]
    dreams = visualize_feature(network_of(run), targets, "some", quiet, steps=48)
    assert min(dream.value for dream in dreams) > 0


def test_a_silent_relu_passes_what_would_raise_it() -> None:
    values = tf.constant([[-1.0, 2.0], [-1.0, -2.0]])
    above = tf.constant([[1.0, 1.0], [1.0, -1.0]])
    with tf.GradientTape() as tape:
        tape.watch(values)
        given = feature_visualization._redirected_relu(values)
    assert given.numpy().tolist() == [[0, 2], [0, 0]]
    # The first picture has a gradient of its own; in the second, only the raising one passes.
    gradient = tape.gradient(given, values, output_gradients=above)
    assert gradient.numpy().tolist() == [[0, 1], [1, 0]]


def test_the_same_seed_gives_the_same_dream_and_another_another() -> None:
    (first,), (again,), (other,) = (
        visualize_feature(network_of("purawr"), [VisualizationTarget(2)], "some", quiet, seed=seed)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("scaling", ["divide-255", "standardise", "l2-axis-1"])
def test_dreams_are_scaled_as_digits_are(scaling: str) -> None:
    images = np.concatenate([TEST.images[:5], np.zeros((1, 28, 28), np.uint8)])
    scaled = scaled_image(tf.constant(images / 255, tf.float32), scaling)
    assert scaled.numpy() == pytest.approx(scale(images, scaling), abs=1e-5)


def test_excitement_is_read_off_the_layers() -> None:
    values = activations.load_layer_model(network_of("fast")).layer_outputs(TEST.images[:2])
    excitement = target_activation(
        activations.load_layer_model(network_of("fast")),
        TEST.images[:2],
        [VisualizationTarget(4, "conv_2"), VisualizationTarget(4, "conv_2", (1, 2))],
    )
    assert excitement[0] == pytest.approx(values["conv_2"][0, :, :, 4].mean(), rel=1e-4)
    assert excitement[1] == pytest.approx(values["conv_2"][1, 1, 2, 4], rel=1e-4)


def test_it_tells_how_far_it_is_and_stops_when_told() -> None:
    told: list[tuple[int, int]] = []
    visualize_feature(
        network_of("purawr"), [VisualizationTarget(0)], "none", lambda *far: told.append(far)
    )
    assert told == [(step, ASCENT_STEPS) for step in range(ASCENT_STEPS + 1)]

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        visualize_feature(network_of("purawr"), [VisualizationTarget(0)], "none", stop)


@pytest.mark.parametrize(
    "aim",
    [
        VisualizationTarget(0, "conv_9"),
        VisualizationTarget(16, "conv_1"),
        VisualizationTarget(-1, "conv_1"),
    ],
)
def test_what_does_not_exist_is_told(aim: VisualizationTarget) -> None:
    with pytest.raises(RunError, match=r"no layer 'conv_9'|has 16 maps"):
        visualize_feature(network_of("fast"), [aim], "some", quiet)
