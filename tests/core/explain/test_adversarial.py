"""Adversarial digits: judged by the Adversarial Robustness Toolbox, and by gradients by hand."""

import warnings
from typing import Any

import numpy as np
import pytest

from core.data import mnist
from core.explain.activations import LayerModel, load_layer_model
from core.explain.adversarial import (
    MAX_TONES,
    PGD_STEPS,
    Attack,
    adversarial_accuracy,
    attacked,
    pushed,
    smallest_push,
)
from core.inference.predictor import load_predictor
from core.recipes.architecture import Architecture, Dense, Flatten
from core.recipes.keras_model import build_model
from core.training.input_pipeline import scale
from tests.helpers.networks import network_of

tf = pytest.importorskip("tensorflow")

TEST = mnist.load("mnist-sample").test
DIGITS = (TEST.images[:24, ..., None] / 255).astype(np.float32)
LABELS = TEST.labels[:24]
RUNS = ["fast", "soorya", "purawr"]  # each scaling; sigmoids at the end; with and without kernels


def toolbox(run: str) -> Any:
    """A run's network as the toolbox takes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from art.estimators.classification import TensorFlowV2Classifier

    opened = load_layer_model(network_of(run))

    def logits(digits: Any, training: bool = False) -> Any:
        return opened.logits_after(scale(255 * tf.cast(digits, tf.float32), opened.scaling), None)

    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return TensorFlowV2Classifier(
        model=logits, nb_classes=10, input_shape=(28, 28, 1), loss_object=loss, clip_values=(0, 1)
    )


@pytest.mark.parametrize("run", RUNS)
def test_fgsm_is_the_toolboxs(run: str) -> None:
    judge = toolbox(run)
    from art.attacks.evasion import FastGradientMethod

    theirs = FastGradientMethod(judge, eps=0.1).generate(DIGITS, y=LABELS)
    ours = attacked(load_layer_model(network_of(run)), DIGITS, LABELS, "fgsm", 0.1)
    # Where a gradient is nearly zero, its sign is chance.
    assert (np.abs(ours - theirs) > 1e-5).mean() < 0.01
    assert np.abs(ours - DIGITS).max() <= 0.1 + 1e-6


@pytest.mark.parametrize("run", RUNS)
def test_pgd_fools_as_often_as_the_toolboxs(run: str) -> None:
    judge = toolbox(run)
    from art.attacks.evasion import ProjectedGradientDescentNumpy

    attack = ProjectedGradientDescentNumpy(
        judge,
        eps=0.1,
        eps_step=2.5 * 0.1 / PGD_STEPS,
        max_iter=PGD_STEPS,
        num_random_init=0,
        verbose=False,
    )
    theirs = attack.generate(DIGITS, y=LABELS)
    opened = load_layer_model(network_of(run))
    ours = attacked(opened, DIGITS, LABELS, "pgd", 0.1)
    answers = [judge.predict(pictures).argmax(axis=1) for pictures in (theirs, ours)]
    right = [int((answer == LABELS).sum()) for answer in answers]
    assert abs(right[0] - right[1]) <= 1
    assert np.abs(ours - DIGITS).max() <= 0.1 + 1e-6
    assert ours.min() >= 0
    assert ours.max() <= 1
    # The accuracy that is reported is that of these very digits.
    measured = adversarial_accuracy(network_of(run), TEST.images[:24], LABELS, "pgd", 0.1)
    assert measured == pytest.approx(right[1] / 24, abs=1 / 24)


def test_the_push_of_a_linear_network_is_the_gradient_by_hand() -> None:
    layers = (Flatten(), Dense(units=10, activation="softmax"))
    model = build_model(Architecture(layers=layers))
    kernel = np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32) / 28
    model.set_weights([kernel, np.zeros(10, np.float32)])
    logits = DIGITS.reshape(24, 784) @ kernel
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gradient = (softmax - np.eye(10)[LABELS]) @ kernel.T  # of the cross-entropy
    expected = np.clip(DIGITS.reshape(24, 784) + 0.07 * np.sign(gradient), 0, 1)
    moved = attacked(LayerModel(model, "divide-255"), DIGITS, LABELS, "fgsm", 0.07)
    np.testing.assert_allclose(moved.reshape(24, 784), expected, atol=1e-6)


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_the_smallest_push_fools_and_one_tone_less_does_not(attack: Attack) -> None:
    network, image = network_of("fast"), TEST.images[3]
    push = smallest_push(network, image.tobytes(), attack)
    assert push is not None
    moved = push.image.astype(int) - image
    assert np.abs(moved).max() == push.tones <= MAX_TONES
    # Judged by the network that reads everybody's digits.
    answers = load_predictor(network).probabilities(np.stack([image, push.image]))
    assert answers.argmax(axis=1).tolist() == [push.before, push.after]
    assert push.before != push.after
    assert answers[1].max() == pytest.approx(push.confidence, abs=1e-4)
    less = pushed(network, image, attack, push.tones - 1)
    assert less.after == push.before


def test_pgd_needs_no_larger_push_than_fgsm() -> None:
    for index in range(6):
        pixels = TEST.images[index].tobytes()
        many, one = (smallest_push(network_of("fast"), pixels, a) for a in ("pgd", "fgsm"))
        assert many is not None
        assert one is None or many.tones <= one.tones


def test_no_push_leaves_the_digit_as_it_is() -> None:
    push = pushed(network_of("fast"), TEST.images[5], "pgd", 0)
    assert np.array_equal(push.image, TEST.images[5])
    assert push.before == push.after


def test_a_blank_picture_can_be_pushed_too() -> None:
    push = smallest_push(network_of("fast"), bytes(784), "fgsm")
    assert push is None or push.after != push.before
