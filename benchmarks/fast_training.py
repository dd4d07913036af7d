# bench: heavy
"""How soon does `fast` read 99.0 % of MNIST's test digits, beside keras.io's first example?

Claim: `fast` is there in a tenth of the time, and none of its seeds ends under 98.8 %.

Peer: "Simple MNIST convnet" (keras.io/examples/vision/mnist_convnet, François Chollet): two
convolutions, dropout, Adam, batches of 128, a tenth of the digits for validation, 15 epochs. It is
trained by `fit` as it stands there, and reads the test digits after each epoch; that reading is not
counted, and it is stopped at the first epoch that reaches 99.0 %.

How: both are trained in turn, seed by seed, each in a process of its own. The seconds run from the
call that trains to its end, first tracing and validation included, imports and loading of digits
not. `fast` is trained by the app's own trainer, with everything that it writes; it counts with all
its seconds if its network reads 99.0 % when it is done, else with none. What is compared are the
medians over the seeds. Each seed's pair is written when it is trained; a later start trains only
those that are missing.

    python -m benchmarks.fast_training [--seeds 10] [--quick]

Writes `benchmarks/results/fast_training.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.common import machine, parser, start, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks._kept_trainings import kept_seeds, recipe_digest
from core.data import mnist
from core.recipes.presets import FAST
from core.training.trainer import train

WANTED: Final = 0.99
PEER_EPOCHS: Final = 15
PEER: Final = "keras.io"


def main() -> None:
    """Train both with every seed, then compare."""
    made = parser(__doc__)
    made.add_argument("--seeds", type=int, default=10)
    made.add_argument("--one", nargs=2, metavar=("WHOSE", "SEED"), help="train one, print it")
    asked = made.parse_args()
    if asked.one:
        whose, seed = asked.one[0], int(asked.one[1])
        print(json.dumps(train_peer(seed) if whose == PEER else train_fast(seed)))
        return
    pairs = {} if asked.quick else kept_seeds("fast_training", FAST.recipe)
    for seed in range(1 if asked.quick else asked.seeds):
        if str(seed) not in pairs:
            pair = {whose: in_a_process_of_its_own(whose, seed) for whose in ("fast", PEER)}
            pairs[str(seed)] = {**pair, "machine": machine()}
            recipe = recipe_digest(FAST.recipe)
            write_result(
                "fast_training", compare(pairs), quick=asked.quick, recipe=recipe, seeds=pairs
            )
        print(seed, pairs[str(seed)], flush=True)


def in_a_process_of_its_own(whose: str, seed: int) -> dict[str, Any]:
    """The result of one training."""
    command = [sys.executable, "-m", "benchmarks.fast_training", "--one", whose, str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def train_fast(seed: int) -> dict[str, Any]:
    """Train the preset as the app does."""
    with tempfile.TemporaryDirectory() as folder:
        run = train(FAST.recipe.changed(seed=seed), Path(folder) / "run", preset="fast")
    accuracy = run.info.metrics["mnist"].accuracy
    reached = run.info.seconds if accuracy >= WANTED else None
    return {"accuracy": accuracy, "seconds": run.info.seconds, "seconds_to_99": reached}


def train_peer(seed: int) -> dict[str, Any]:
    """Train keras.io's example until it reads 99.0 %, or to its end."""
    import keras
    from keras import layers

    digits = mnist.load("mnist")
    images = digits.train.images[..., None].astype("float32") / 255
    labels = keras.utils.to_categorical(digits.train.labels, 10)
    test_images = digits.test.images[..., None].astype("float32") / 255
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

    class ReadTestDigits(keras.callbacks.Callback):
        """Stops the clock while the test digits are read, and the training at 99.0 %."""

        def __init__(self) -> None:
            super().__init__()
            self.reading = 0.0
            self.accuracies: list[float] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            began = time.monotonic()
            answers = model.predict_on_batch(test_images).argmax(axis=1)
            self.accuracies.append(float((answers == digits.test.labels).mean()))
            self.reading += time.monotonic() - began
            model.stop_training = self.accuracies[-1] >= WANTED

    reader = ReadTestDigits()
    began = time.monotonic()
    model.fit(
        images,
        labels,
        batch_size=128,
        epochs=PEER_EPOCHS,
        validation_split=0.1,
        callbacks=[reader],
        verbose=0,
    )
    seconds = time.monotonic() - began - reader.reading
    last = reader.accuracies[-1]
    return {
        "accuracy": last,
        "epochs": len(reader.accuracies),
        "seconds": round(seconds, 2),
        "seconds_to_99": round(seconds, 2) if last >= WANTED else None,
    }


def compare(pairs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The medians, how many times faster `fast` is, and its lowest accuracy.

    A training that never reached 99.0 % counts as one that takes forever.
    """
    forever = float("inf")
    medians = {
        whose: median(pair[whose]["seconds_to_99"] or forever for pair in pairs.values())
        for whose in ("fast", PEER)
    }
    return {
        "times_faster": round(medians[PEER] / medians["fast"], 2),
        "median_seconds_to_99": medians,
        "lowest_accuracy_of_fast": min(pair["fast"]["accuracy"] for pair in pairs.values()),
        "seeds": len(pairs),
    }


if __name__ == "__main__":
    start(main)
