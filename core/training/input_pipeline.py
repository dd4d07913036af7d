"""The input pipeline: shuffles, augments and scales batches of digits (TensorFlow).

All randomness is stateless: it depends on the recipe's seed and the number of the step alone, so
that the same recipe and seed give the same digits in the same order, augmented in the same way.
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from core.data.augmentation import Augmentation
from core.data.mnist import CLASSES, Split
from core.data.normalization import MNIST_MEAN, MNIST_STD, Scaling
from core.data.random_corruptions import change_at_random
from core.preprocessing.pens import PenRedrawer
from core.recipes.recipe import Recipe
from core.training.pseudo_labels import UNLABELED_SHARE, PseudoLabeledDigits

_EVALUATION_BATCH = 500
# Shuffling draws from seeds [seed, epoch], augmentation from [seed, step + this]: never the same.
_AUGMENTATION_SEEDS = 1_000_000
_UNLABELED_SEEDS = 2_000_000
"""Digits without labels are shuffled from seeds [seed, epoch + this]."""
_CHANGE_SEEDS = 3_000_000
"""Warp and corruptions draw from seeds [seed, step + this]."""


def training_batches(split: Split, recipe: Recipe, first_step: int = 0) -> tf.data.Dataset:
    """The batches of all epochs, one after the other.

    Every epoch has a new order; its last, smaller batch is kept, as Keras does, unless the recipe
    drops it.

    Args:
        split: the digits.
        recipe: how to train.
        first_step: the number of batches that are skipped, for a training that continues.

    Returns:
        Batches of float32 (b, 28, 28, 1) and encoded labels.
    """
    n, size = len(split), recipe.batch_size
    steps = recipe.steps_per_epoch(n)
    pictures, labels = _pictures_of(split, recipe), tf.constant(split.labels)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(n), tf.stack([recipe.seed, epoch])
        )
        within = tf.data.Dataset.range(steps, output_type=tf.int32)
        return within.map(lambda k: (epoch * steps + k, order[k * size : (k + 1) * size]))

    def one_batch(step: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        digits = _augmented(pictures(chosen, step), recipe, step)
        return scale(digits, recipe.scaling), encode(tf.gather(labels, chosen), recipe)

    return _all_epochs(one_epoch, one_batch, recipe, first_step, steps)


def mixed_batches(
    digits: PseudoLabeledDigits, recipe: Recipe, first_step: int = 0
) -> tf.data.Dataset:
    """The batches of all epochs, each with a share of digits without labels.

    Labeled digits are augmented as the recipe says, the others are not. Every epoch has a new order
    of both. An epoch has as many batches as all digits would fill once.

    Args:
        digits: with labels and without.
        recipe: how to train; its loss must be categorical cross-entropy.
        first_step: the number of batches that are skipped, for a training that continues.

    Returns:
        Batches of float32 (b, 28, 28, 1) and targets (b, 10).
    """
    steps = recipe.steps_per_epoch(len(digits))
    unlabeled = round(recipe.batch_size * UNLABELED_SHARE)
    labeled = recipe.batch_size - unlabeled
    pictures, labels = _pictures_of(digits.labeled, recipe), tf.constant(digits.labeled.labels)
    other_images, targets = tf.constant(digits.images), tf.constant(digits.targets)

    def order(n: int, per_batch: int, seeds: int, epoch: tf.Tensor) -> tf.Tensor:
        rounds = math.ceil(steps * per_batch / n)
        everything = tf.tile(tf.range(n), [rounds])
        return tf.random.experimental.stateless_shuffle(
            everything, tf.stack([recipe.seed, epoch + seeds])
        )

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        first = order(len(digits.labeled), labeled, 0, epoch)
        second = order(len(digits.images), unlabeled, _UNLABELED_SEEDS, epoch)
        within = tf.data.Dataset.range(steps, output_type=tf.int32)
        return within.map(
            lambda k: (
                epoch * steps + k,
                first[k * labeled : (k + 1) * labeled],
                second[k * unlabeled : (k + 1) * unlabeled],
            )
        )

    def one_batch(
        step: tf.Tensor, chosen: tf.Tensor, others: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        augmented = _augmented(pictures(chosen, step), recipe, step)
        batch = tf.concat([augmented, _as_floats(other_images, others)], axis=0)
        known = encode(tf.gather(labels, chosen), recipe)
        return scale(batch, recipe.scaling), tf.concat([known, tf.gather(targets, others)], axis=0)

    return _all_epochs(one_epoch, one_batch, recipe, first_step, steps)


def _as_floats(images: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.gather(images, chosen), tf.float32)[..., None]


def _pictures_of(split: Split, recipe: Recipe) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function from digits' indices and the step to their pictures, some of them redrawn."""
    share = recipe.augmentation.pens
    if not share:
        images = tf.constant(split.images)
        return lambda chosen, step: _as_floats(images, chosen)
    redrawer = PenRedrawer(split.images, split.labels, recipe.seed)

    def redrawn(chosen: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        batch = tf.numpy_function(
            lambda indices, number: redrawer.batch(indices, int(number), share),
            [chosen, step],
            tf.uint8,
            stateful=False,
        )
        return tf.cast(tf.ensure_shape(batch, (None, 28, 28)), tf.float32)[..., None]

    return redrawn


def _augmented(digits: tf.Tensor, recipe: Recipe, step: tf.Tensor) -> tf.Tensor:
    if not recipe.augmentation.active:
        return digits
    seed = tf.stack([recipe.seed, step + _AUGMENTATION_SEEDS])
    moved = augment(digits, recipe.augmentation, seed)
    if not recipe.augmentation.warps_or_corrupts:
        return moved
    seed = tf.stack([recipe.seed, step + _CHANGE_SEEDS])
    return warp_and_corrupt(moved, recipe.augmentation, seed)


def warp_and_corrupt(digits: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Warp each digit of a batch, and corrupt a share of them (`core.data.random_corruptions`).

    `digits`: float32 (n, 28, 28, 1), 0 to 255.
    """

    def changed(pixels: np.ndarray, seed: np.ndarray) -> np.ndarray:
        chance = np.random.default_rng(seed)
        warp, corruptions = augmentation.warp, augmentation.corruptions
        return change_at_random(pixels[..., 0], warp, corruptions, chance)[..., None]

    pixels = tf.numpy_function(changed, [digits, seed], tf.float32, stateful=False)
    return tf.ensure_shape(pixels, (None, 28, 28, 1))


def _all_epochs(
    one_epoch: Callable[[tf.Tensor], tf.data.Dataset],
    one_batch: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    recipe: Recipe,
    first_step: int,
    steps: int,
) -> tf.data.Dataset:
    """The batches from a step on, made of what `one_epoch` chooses for each step."""
    whole, rest = divmod(first_step, steps)
    epochs = tf.data.Dataset.range(whole, recipe.epochs, output_type=tf.int32)
    batches = epochs.flat_map(one_epoch).skip(rest).map(one_batch).prefetch(4)
    return batches.with_options(_without_autotune())


def _without_autotune() -> tf.data.Options:
    """Options of a pipeline whose one buffer has its size already, so that nothing is to be tuned.

    The thread that would tune it wakes up at intervals that grow to a minute, and the end of a
    training waits for it: 8 s in half of all trainings (TensorFlow 2.21).
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def evaluation_batches(split: Split, recipe: Recipe) -> tf.data.Dataset:
    """The digits of a split in order, neither shuffled nor augmented."""
    slices = tf.data.Dataset.from_tensor_slices((split.images, split.labels))
    batches = slices.batch(_EVALUATION_BATCH).map(
        lambda images, labels: (
            scale(tf.cast(images, tf.float32)[..., None], recipe.scaling),
            encode(labels, recipe),
        )
    )
    return batches.with_options(_without_autotune())


def encode(labels: tf.Tensor, recipe: Recipe) -> tf.Tensor:
    """Integer labels as the recipe's loss wants them: as they are, or one-hot (n, 10)."""
    if recipe.loss == "categorical_crossentropy":
        return tf.one_hot(labels, CLASSES)
    return tf.cast(labels, tf.int32)


def scale(digits: tf.Tensor, scaling: Scaling) -> tf.Tensor:
    """`core.data.normalization.scale` for tensors: float32 (n, 28, 28, 1), 0 to 255."""
    if scaling == "divide-255":
        return digits / 255
    if scaling == "standardise":
        return (digits / 255 - MNIST_MEAN) / MNIST_STD
    return tf.math.divide_no_nan(digits, tf.norm(digits, axis=1, keepdims=True))


def augment(digits: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Turn, shift, shear and zoom each digit of a batch at random, about its center.

    `digits`: float32 (n, height, width, 1) with a background of 0, which also fills what comes in
    from outside. The matrices are those of Keras's `ImageDataGenerator` (`apply_affine_transform`:
    rotation · shift · shear · zoom, from output to input pixels), one interpolation for all.
    """
    n = tf.shape(digits)[0]
    height, width = digits.shape[1], digits.shape[2]
    # Six numbers in [-1, 1) for each digit.
    draw = tf.unstack(tf.random.stateless_uniform([6, n], seed, -1.0, 1.0))
    turn = draw[0] * math.radians(augmentation.rotation)
    shear = draw[1] * math.radians(augmentation.shear)
    down, right = (
        draw[2] * augmentation.height_shift * height,
        draw[3] * augmentation.width_shift * width,
    )
    tall, wide = 1 + draw[4] * augmentation.zoom, 1 + draw[5] * augmentation.zoom

    cos, sin = tf.cos(turn), tf.sin(turn)
    # rotation · shear · zoom on (row, column)
    row_row, row_col = cos * tall, (-cos * tf.sin(shear) - sin * tf.cos(shear)) * wide
    col_row, col_col = sin * tall, (-sin * tf.sin(shear) + cos * tf.cos(shear)) * wide
    # rotation · shift, and the center of the picture stays where it is
    middle_row, middle_col = (height - 1) / 2, (width - 1) / 2
    row_0 = cos * down - sin * right + middle_row - row_row * middle_row - row_col * middle_col
    col_0 = sin * down + cos * right + middle_col - col_row * middle_row - col_col * middle_col

    zero = tf.zeros(n)
    # TensorFlow wants x (the column) before y (the row).
    transforms = tf.stack([col_col, col_row, col_0, row_col, row_row, row_0, zero, zero], axis=1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=digits,
        transforms=transforms,
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
