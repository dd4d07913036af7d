"""Train the run `best` on: digits as real pens draw them, beside MNIST's.

It begins with the weights of a run, the one that `python -m core train --preset best` gives, and
shows it for a few epochs, at a small learning rate, the training digits that it knows and more than
as many again that were redrawn by pens of any width, slanted, bent and with gaps, made wider and
thinner, cut off at their box, kept as coarse as 8x8 pixels, or written in forms that MNIST hardly
has, a 1 with a flag, a 7 with a bar (`benchmarks._pen_variants`). All of them are made from
training digits: MNIST's test digits and the 1,000 test digits of the sample stay unseen, and so do
the digits that the run was validated on.

Recipe, augmentation, loss, watcher, checkpoint and run folder are the product's own.

    python -m benchmarks.train_best_pens FOLDER --from RUN [--epochs 5] [--rate 0.001] [--seed 2]
        [--cache FOLDER] [--join RUN] [--quick]

FOLDER becomes a run folder, and `--join` makes one more: the run that it began with and these
epochs behind it as one run. `models/best` was made so, with what is given above.

Broken off at any moment, the same command goes on: pictures are kept in `--cache` as they are made,
the training goes on from its last checkpoint (every 30 s), to the weights of an uninterrupted one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from benchmarks import _pen_variants
from benchmarks._kept_pictures import Make, changed, pictures
from benchmarks.common import parser, start
from core.data.mnist import Split
from core.preprocessing import pens
from core.recipes.keras_model import compiled_model
from core.runs.run import Pens

if TYPE_CHECKING:
    from core.recipes.recipe import Recipe
    from core.runs.messages import Event
    from core.runs.writer import RunWriter

COUNTS: Final = {"pens": 60_000, "wider": 8_000, "coarse": 8_000, "forms": 5_000}
WARMUP: Final = 0.1


def pen_digits(
    fitted: Split, counts: dict[str, int], seed: int, cache: Path, *, quick: bool
) -> Split:
    """The digits of `fitted`, then those that were made of them: `counts` of each kind."""
    ways: dict[str, Make] = {
        "pens": changed(fitted, _pen_variants.with_a_pen),
        "wider": changed(fitted, partial(pens.wider_or_thinner, canvas=pens.CANVAS)),
        "coarse": changed(fitted, partial(pens.coarse, canvas=pens.CANVAS)),
        "forms": _pen_variants.in_another_form,
    }
    parts = [(fitted.images, fitted.labels)]
    for kind, count in counts.items():
        images, labels = pictures(kind, 100 if quick else count, ways[kind], seed, cache)
        parts.append((images, labels.astype(np.uint8)))
    if quick:
        parts[0] = (fitted.images[:500], fitted.labels[:500])
    images = np.concatenate([part[0] for part in parts])
    return Split(images, np.concatenate([part[1] for part in parts]))


def main() -> None:
    """Make the pictures, train on, test: the product's own training does the rest."""
    line = parser(__doc__)
    line.add_argument("folder", type=Path, help="the run folder that is made, or gone on with")
    line.add_argument("--from", dest="parent", required=True, help="the run to begin with")
    line.add_argument("--epochs", type=int, default=5)
    line.add_argument("--rate", type=float, default=0.001, help="the highest learning rate")
    line.add_argument("--seed", type=int, default=2)
    for kind, count in COUNTS.items():
        line.add_argument(f"--{kind}", type=int, default=count, help="pictures made of this kind")
    line.add_argument("--join", type=Path, help="a folder for both trainings as one run")
    line.add_argument("--cache", type=Path, help="a folder for the pictures; else a temporary one")
    options = line.parse_args()
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
    cv2.setNumThreads(1)

    # Here, not above: TensorFlow takes seconds to import.
    from core.data import mnist
    from core.runs import registry
    from core.training import trainer

    parent = registry.open_run(options.parent)
    if parent.info.provenance.pens:
        sys.exit(f"{options.parent} has seen redrawn digits: begin with a run that has not.")
    recipe = parent.info.recipe.changed(
        epochs=options.epochs,
        optimizer=parent.info.recipe.optimizer.model_dump() | {"learning_rate": options.rate},
        schedule={"kind": "one-cycle", "warmup": WARMUP},
        seed=options.seed,
    )
    known = mnist.training_split(recipe.dataset, exclude_sample_test=recipe.exclude_sample_test)
    # Before `best` saw them they were divided so: what it was validated on stays unseen.
    fitted, validation = trainer.split_validation(known, recipe)
    cache = options.cache or Path(tempfile.gettempdir()) / "digitscope-pens"
    cache.mkdir(parents=True, exist_ok=True)
    counts = {kind: getattr(options, kind) for kind in COUNTS}
    digits = pen_digits(fitted, counts, options.seed, cache, quick=options.quick)
    print(f"{len(digits)} digits in an epoch, {len(fitted)} of them MNIST's own", flush=True)
    writer = _writer(options, recipe, parent, len(digits), len(validation or ()))
    run = trainer._train(writer, (digits, validation), _told, trainer.NO_TIME_LIMITS)  # noqa: SLF001
    print("\n".join(f"{name}: {metrics}" for name, metrics in run.info.metrics.items()))
    if options.join:
        from benchmarks._joined_run import join

        pens = Pens(
            epochs=options.epochs,
            redrawn=len(digits) - len(fitted),
            learning_rate=options.rate,
            seed=options.seed,
        )
        join(parent, run, pens, options.join)


def _writer(
    options: argparse.Namespace, recipe: Recipe, parent: object, n: int, n_validation: int
) -> RunWriter:
    """A new run folder with a checkpoint that holds the parent's weights; or the one begun."""
    from core.inference.predictor import load_model
    from core.runs import registry
    from core.runs.run import CHECKPOINT, Provenance, Run
    from core.runs.writer import ResumedWriter, RunWriter
    from core.training import checkpoints, trainer
    from core.training.checkpoints import TrainingState

    assert isinstance(parent, Run)
    if (options.folder / "run.json").exists():
        writer: RunWriter = ResumedWriter(registry.read_run(options.folder))
    else:
        source = Provenance(
            dataset=recipe.dataset,
            excluded_sample_test=recipe.exclude_sample_test,
            n_train=n,
            n_validation=n_validation,
        )
        versions, machine = trainer._versions(), trainer._machine()  # noqa: SLF001
        writer = RunWriter(
            options.folder,
            recipe,
            source,
            versions=versions,
            machine=machine,
            preset=parent.id,
        )
    if not (options.folder / CHECKPOINT).exists():
        model = compiled_model(recipe)
        model.set_weights(load_model(parent).get_weights())
        model.optimizer.build(model.trainable_variables)
        checkpoints.save_checkpoint(
            options.folder, TrainingState(recipe.optimizer.learning_rate), model
        )
    return writer


def _told(event: Event) -> None:
    """Print each epoch's figures."""
    if type(event).__name__ == "EpochEnded":
        print(event, flush=True)


if __name__ == "__main__":
    start(main)
