"""The gate's network in Keras: trained, broken off and gone on with, folded for NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.digitness import NO_DIGIT_CLASS
from core.preprocessing.pens import Picture

BATCH: Final = 128
PEAK: Final = 3e-3
FILTERS: Final = (32, 64, 128)


def train(
    images: Picture,
    labels: NDArray[np.int32],
    seed: int,
    epochs: int,
    kept: Path | None = None,
) -> Any:
    """The network, trained: a Keras model from (n, 28, 28, 1), 0 to 1, to eleven logits.

    With `kept`, a file that ends in .keras, it is stored there after each epoch and goes on from
    there.
    """
    import keras

    keras.utils.set_random_seed(seed)
    steps = len(images) // BATCH
    model = _network(steps * epochs)
    done = 0
    if kept and kept.exists():
        model = keras.saving.load_model(kept)
        done = round(int(model.optimizer.iterations) / steps)
    for epoch in range(done, epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(images))
        losses = []
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            chance = np.random.default_rng([seed, epoch, step])
            batch = moved(images[chosen], chance)
            losses.append(model.train_on_batch(batch, labels[chosen], return_dict=True)["loss"])
            if step % 250 == 249:
                print(f"  {epoch + 1}.{step + 1}: loss {float(np.mean(losses)):.4f}", flush=True)
                model.reset_metrics()
        if kept:
            draft = kept.with_suffix(".part.keras")
            model.save(draft)
            draft.replace(kept)
    return model


def _network(steps: int) -> Any:
    """Not trained yet; its learning rate rises for a tenth of the steps, and falls to nothing."""
    import keras

    layers: list[Any] = [keras.Input((28, 28, 1))]
    for count in FILTERS:
        layers += [
            keras.layers.ZeroPadding2D(1),
            keras.layers.Conv2D(count, 3, strides=2, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ]
    layers += [
        keras.layers.Flatten(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(NO_DIGIT_CLASS + 1),
    ]
    model = keras.Sequential(layers)
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK / 10, steps - steps // 10, warmup_target=PEAK, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.Adam(rate, weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def moved(batch: Picture, chance: np.random.Generator) -> NDArray[np.float32]:
    """Each turned, slanted, stretched and shifted a little; a third softened.

    Were none softened, softness itself would mean a digit. uint8 (n, 28, 28) to (n, 28, 28, 1).
    """
    made = np.empty((*batch.shape, 1), np.float32)
    turns, slants = np.radians(chance.uniform(-10, 10, (2, len(batch))))
    sizes = chance.uniform(0.92, 1.08, (len(batch), 2))
    shifts = chance.uniform(-1.4, 1.4, (len(batch), 2))
    soft = chance.random(len(batch)) < 0.3
    for k, picture in enumerate(batch):
        (a, b), turn = sizes[k], turns[k]
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = matrix @ np.array([[a, slants[k]], [0, b]])
        whole = np.column_stack([matrix, 13.5 - matrix @ [13.5, 13.5] + shifts[k]])
        turned = cv2.warpAffine(picture, whole, (28, 28), flags=cv2.INTER_LINEAR)
        made[k, ..., 0] = cv2.blur(turned, (3, 3)) if soft[k] else turned
    return np.asarray(made / 255, np.float32)


def folded(model: Any) -> dict[str, NDArray[np.float16]]:
    """Its weights as `core.preprocessing.digitness` reads them, batch norm folded in."""
    stored: dict[str, NDArray[np.float16]] = {}
    convolutions = [layer for layer in model.layers if "Conv2D" in type(layer).__name__]
    norms = [layer for layer in model.layers if "BatchNorm" in type(layer).__name__]
    for k, (conv, norm) in enumerate(zip(convolutions, norms, strict=True)):
        gamma, beta, mean, variance = norm.get_weights()
        factor = gamma / np.sqrt(variance + norm.epsilon)
        kernel = conv.get_weights()[0] * factor
        stored[f"kernel{k}"] = kernel.reshape(-1, kernel.shape[-1]).astype(np.float16)
        stored[f"bias{k}"] = (beta - mean * factor).astype(np.float16)
    kernel, bias = model.layers[-1].get_weights()
    stored |= {"kernel3": kernel.astype(np.float16), "bias3": bias.astype(np.float16)}
    return stored
