"""Maps of what speaks for an answer: against networks small enough to be worked out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import mnist
from core.explain import activations
from core.explain.activations import LayerModel
from core.explain.attribution import (
    METHODS,
    Question,
    Settings,
    attribution_map,
    check_completeness,
    explain,
    grad_cam,
    grad_cam_layer,
    integrated_gradients,
    occlusion,
)
from core.figures.images import ATTRIBUTION_ZOOM, attribution_overlay
from core.recipes.architecture import Architecture, Conv, Dense, Flatten, GlobalAverage
from core.recipes.keras_model import build_model
from core.runs import registry
from core.utils.errors import PictureError, RunError
from tests.helpers.networks import SHIPPED, network_of
from tests.helpers.oracles import convolve, pool

TEST = mnist.load("mnist-sample").test
RUNS = SHIPPED
Array = NDArray[np.float64]

# Four 1×1 kernels without biases, a global average, ten logits: worked out in one line each.
KERNELS = np.array([1.0, 2.0, -1.0, 0.5])
HEAD = np.random.default_rng(3).normal(size=(4, 10))
TINY = Architecture(
    layers=(
        Conv(filters=4, kernel_size=1),
        GlobalAverage(),
        Dense(units=10, activation="softmax"),
    )
)


@pytest.fixture(scope="module")
def tiny() -> LayerModel:
    model = build_model(TINY)
    model.set_weights([KERNELS.reshape(1, 1, 1, 4), np.zeros(4), HEAD, np.ones(10)])
    return LayerModel(model, "divide-255")


def rows_of(run: str) -> list:
    return list(registry.find_run(run).info.recipe.architecture.rows())


def weights_of(run: str) -> list[Array]:
    return [
        np.float64(array)
        for array in activations.load_layer_model(network_of(run)).model.get_weights()
    ]


# ---------------------------------------------------------------------------------------- Grad-CAM


@pytest.mark.parametrize("question", [Question(0), Question(9), Question(9, 4)])
def test_grad_cam_of_a_tiny_network_is_what_the_paper_says(
    tiny: LayerModel, question: Question
) -> None:
    ink = TEST.images[3] / 255
    maps = np.maximum(ink[..., None] * KERNELS, 0)
    head = HEAD[:, question.digit] - (0 if question.other is None else HEAD[:, question.other])
    # The logit is a mean of each map times its weight: so is the gradient, everywhere.
    expected = np.maximum((maps * head / 784).sum(axis=-1), 0)
    attributions = grad_cam(tiny, list(TINY.rows()), TEST.images[3], question)
    assert attributions == pytest.approx(expected, abs=1e-6)
    assert expected.any()


def test_grad_cam_through_pooling_and_dense_layers_is_backpropagation_by_hand() -> None:
    image = TEST.images[5]
    kernels, bias, dense, dense_bias, last, last_bias = weights_of("yalcin")
    maps = convolve(image[..., None] / 255, kernels, bias)  # this convolution has no activation
    hidden = pool(maps, 2).ravel() @ dense + dense_bias
    digit = int((np.maximum(hidden, 0) @ last + last_bias).argmax())
    back = dense @ (last[:, digit] * (hidden > 0))
    # Max pooling hands each gradient on to one place of its square, so the sums stay.
    weights = back.reshape(13, 13, -1).sum(axis=(0, 1)) / 26**2
    expected = np.maximum(maps @ weights, 0)
    attributions = explain(network_of("yalcin"), image, Question(digit), "grad-cam")
    # A 3×3 kernel without padding: what it gives belongs to the pixel in its middle.
    assert attributions[1:27, 1:27] == pytest.approx(expected, abs=1e-5)
    assert attributions[0] == pytest.approx(attributions[1])


def test_coarse_maps_are_laid_where_they_look() -> None:
    image, opened = TEST.images[17], activations.load_layer_model(network_of("best"))
    head = weights_of("best")[-2]
    coarse = np.maximum(opened.layer_outputs(image[None])["activation_6"][0] @ head[:, 9] / 16, 0)
    # Four by four numbers: the first one's middle lies at pixel 7.5, the others 4 pixels apart.
    places = (np.arange(28) - 7.5) / 4
    along = np.stack([np.interp(places, range(4), np.eye(4)[k]) for k in range(4)])
    expected = along.T @ coarse @ along
    attributions = explain(network_of("best"), image, Question(9), "grad-cam")
    assert attributions == pytest.approx(expected, abs=1e-4)
    assert attributions.max() > 0


def test_a_convolution_has_its_normalization_and_activation() -> None:
    assert grad_cam_layer(rows_of("best"), "conv_6") == "activation_6"
    assert grad_cam_layer(rows_of("kundathil"), "conv_1") == "conv_1"


def test_without_a_convolution_there_is_no_grad_cam() -> None:
    with pytest.raises(RunError, match="has no convolution, and Grad-CAM"):
        explain(network_of("purawr"), TEST.images[0], Question(3), "grad-cam")
    with pytest.raises(RunError, match="no convolution 'conv_9'"):
        explain(network_of("fast"), TEST.images[0], Question(3), "grad-cam", Settings("conv_9"))


# ---------------------------------------------------------------------------- integrated gradients


def test_integrated_gradients_of_a_tiny_network_are_exact(tiny: LayerModel) -> None:
    # Without biases it is linear for ink, which is never negative.
    expected = TEST.images[3] / 255 * (np.maximum(KERNELS, 0) @ HEAD[:, 4]) / 784
    for steps in (1, 7, 100):
        attributions = integrated_gradients(tiny, TEST.images[3], Question(4), steps)
        assert attributions == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(("run", "index"), [*((run, 17) for run in RUNS), ("fast", 300)])
def test_integrated_gradients_add_up_for_every_shipped_run(run: str, index: int) -> None:
    image = TEST.images[index]
    opened = activations.load_layer_model(network_of(run))
    both = opened.logits_after(
        opened.network_input(np.stack([image, np.zeros_like(image)])), None
    ).numpy()
    digit = int(both[0].argmax())
    sums = check_completeness(network_of(run), image, Question(digit))
    assert sums.difference == pytest.approx(float(both[0, digit] - both[1, digit]), rel=1e-3)
    assert sums.gap == abs(sums.total - sums.difference) / abs(sums.difference) < 0.05
    total = explain(network_of(run), image, Question(digit), "integrated-gradients").sum()
    assert total == pytest.approx(sums.total, rel=1e-4)


def test_more_steps_add_up_better() -> None:
    image, opened = TEST.images[17], activations.load_layer_model(network_of("yalcin"))
    few, many = (integrated_gradients(opened, image, Question(9), n).sum() for n in (3, 1000))
    exact = check_completeness(network_of("yalcin"), image, Question(9)).difference
    assert abs(many - exact) < abs(few - exact) / 10


# --------------------------------------------------------------------------------------- occlusion


def test_occlusion_is_what_plain_loops_give() -> None:
    image, square = TEST.images[8], 4
    w1, b1, w2, b2, w3, b3 = weights_of("purawr")

    def score(picture: NDArray[np.uint8]) -> float:
        hidden = np.maximum(picture.ravel() / 255 @ w1 + b1, 0)
        logits = np.maximum(hidden @ w2 + b2, 0) @ w3 + b3
        return float(logits[2] - logits[3])

    losses: dict[tuple[int, int], list[float]] = {}
    for top in range(-square + 1, 28):
        for left in range(-square + 1, 28):
            covered = [
                (row, column)
                for row in range(top, top + square)
                for column in range(left, left + square)
                if 0 <= row < 28 and 0 <= column < 28
            ]
            hidden = image.copy()
            for place in covered:
                hidden[place] = 0
            for place in covered:
                losses.setdefault(place, []).append(score(image) - score(hidden))
    expected = np.array(
        [[np.mean(losses[row, column]) for column in range(28)] for row in range(28)]
    )
    attributions = occlusion(
        activations.load_layer_model(network_of("purawr")), image, Question(2, 3), square
    )
    assert attributions == pytest.approx(expected, abs=1e-4)
    assert attributions.min() < 0 < attributions.max()


@pytest.mark.parametrize("square", [1, 29])
def test_a_square_that_is_not_offered_is_refused(square: int) -> None:
    with pytest.raises(ValueError, match="2 to 11 pixels"):
        occlusion(
            activations.load_layer_model(network_of("fast")), TEST.images[0], Question(1), square
        )


# --------------------------------------------------------------------------------------------- all


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion"])
@pytest.mark.parametrize("run", ["fast", "soorya"])
def test_why_not_another_is_the_difference_of_two_whys(run: str, method: str) -> None:
    image = TEST.images[17]
    first, second, both = (
        explain(network_of(run), image, question, method)
        for question in (Question(9), Question(4), Question(9, 4))
    )
    assert both == pytest.approx(first - second, abs=1e-3 * float(np.abs(both).max()))


def test_what_a_method_does_not_know_does_not_make_it_work_again() -> None:
    first, second = (
        explain(network_of("fast"), TEST.images[2], Question(4), "integrated-gradients", settings)
        for settings in (Settings(square=3), Settings(layer="conv_1", square=7))
    )
    assert first is second
    narrow, wide = (
        explain(network_of("fast"), TEST.images[2], Question(4), "occlusion", Settings(square=side))
        for side in (3, 7)
    )
    assert narrow is not wide


def test_maps_are_shared_and_of_the_epoch_that_is_asked_for() -> None:
    first = explain(network_of("fast"), TEST.images[1], Question(1), "occlusion")
    assert explain(network_of("fast"), TEST.images[1].copy(), Question(1), "occlusion") is first
    assert not np.array_equal(
        explain(network_of("fast", 1), TEST.images[1], Question(1), "occlusion"), first
    )
    assert first.dtype == np.float32
    assert first.shape == (28, 28)
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1


@pytest.mark.parametrize("method", METHODS)
def test_a_blank_digit_gets_a_sentence(method: str) -> None:
    with pytest.raises(PictureError, match="blank"):
        explain(network_of("fast"), np.zeros((28, 28), np.uint8), Question(1), method)


def test_a_network_that_diverged_gets_a_sentence() -> None:
    small = Architecture(layers=(Flatten(), Dense(units=10, activation="softmax")))
    model = build_model(small)
    model.set_weights([np.full((784, 10), np.nan), np.zeros(10)])
    broken = LayerModel(model, "divide-255")
    with pytest.raises(RunError, match="diverged"):
        attribution_map(
            broken, list(small.rows()), TEST.images[0], Question(1), "occlusion", Settings()
        )


@pytest.mark.parametrize("pair", [(3, 3), (10, None), (0, -1)])
def test_a_question_is_of_two_different_digits(pair: tuple[int, int | None]) -> None:
    with pytest.raises(ValueError, match="two different digits"):
        Question(*pair)


# ----------------------------------------------------------------------------------------- picture


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_map_is_blue_above_zero_red_below_with_the_digits_outline(theme: str) -> None:
    values = np.zeros((28, 28), np.float32)
    values[0, 0], values[0, 27] = 5, -5
    image = np.zeros((28, 28), np.uint8)
    image[10:18, 10:18] = 255
    picture = attribution_overlay(values, image, theme).astype(int)
    assert picture.shape == (28 * ATTRIBUTION_ZOOM, 28 * ATTRIBUTION_ZOOM, 3)
    red, _, blue = picture[5, 5]
    assert blue > red
    red, _, blue = picture[5, -5]
    assert red > blue
    middle, edge = (
        picture[14 * ATTRIBUTION_ZOOM, 14 * ATTRIBUTION_ZOOM],
        picture[10 * ATTRIBUTION_ZOOM, 14 * ATTRIBUTION_ZOOM],
    )
    assert (picture[20 * ATTRIBUTION_ZOOM, 20 * ATTRIBUTION_ZOOM] == middle).all()
    assert np.abs(edge - middle).max() > 100
