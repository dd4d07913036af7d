"""Exported code: it runs by itself, trains the same network, and answers as the run did."""

import json
import re
import runpy
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from core.data import mnist
from core.data.augmentation import Augmentation
from core.export import keras_script
from core.recipes.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Pool,
)
from core.recipes.keras_model import build_model
from core.recipes.presets import PRESETS
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.runs import registry
from core.runs.messages import EpochEnded, Event, Progress, send_command
from core.runs.run import Run
from core.training import callbacks
from tests.conftest import conv_recipe, dense_recipe, forget_full_mnist

pytestmark = [pytest.mark.offline, pytest.mark.long, pytest.mark.timeout(300)]


def awkward(**changes: object) -> Recipe:
    """A small recipe with everything in it that an exported script could get wrong."""
    layers = (
        Conv(filters=8, kernel_size=5, activation="linear", use_bias=False),
        BatchNorm(),
        Activation(),
        Pool(),
        Conv(filters=8, padding="same"),
        Pool(mode="average"),
        Dropout(rate=0.2),
        Flatten(),
        Dense(units=10, activation="softmax"),
    )
    return Recipe(
        architecture=Architecture(layers=layers),
        scaling="standardise",
        optimizer=Optimizer(learning_rate=0.02, beta_2=0.99, weight_decay=0.02),
        schedule=Schedule(kind="one-cycle", warmup=0.1),
        loss="categorical_crossentropy",
        label_smoothing=0.05,
        batch_size=128,
        epochs=3,
        validation_split=0.4,  # few digits are trained on
        augmentation=Augmentation(
            rotation=10, width_shift=0.05, shear=8, zoom=0.1, warp=20, corruptions=0.3
        ),
        early_stopping=1,
        keep_best=True,
        seed=1,
    ).changed(**changes)


def trained_by_hand(folder: Path) -> Run:
    """The awkward recipe, with the learning rate changed in an epoch and ruined in the next."""
    from core.training.trainer import train

    def meddle(event: Event) -> None:
        if isinstance(event, Progress) and (event.epoch, event.step) == (1, 5):
            send_command(folder, "rate", 0.01)
        if isinstance(event, EpochEnded) and event.epoch == 1:
            send_command(folder, "rate", 0.5)

    with pytest.MonkeyPatch.context() as patch:
        forget_full_mnist(patch, folder)
        patch.setattr(callbacks, "PROGRESS_EVERY_S", 0.0)
        return train(awkward(), folder, meddle)


def lay(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Files as if unpacked from a download."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def tampered(source: Path, target: Path, old: str, new: str) -> None:
    """A copy of exported files with a change in the script."""
    shutil.copytree(source, target)
    text = (source / "train.py").read_text("utf-8")
    assert text.count(old) == 1
    (target / "train.py").write_text(text.replace(old, new), "utf-8")


# A cell after the notebook's own, in the notebook's process: it cannot import anything of ours, as
# with whoever unpacks the files.
JUDGE = """
import contextlib, io, json, runpy, sys
from importlib.util import find_spec
from pathlib import Path

def run(script, *arguments):
    sys.argv = ["train.py", *arguments]
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except (AssertionError, SystemExit) as error:
            return f"{type(error).__name__}: {error}"
    return told.getvalue()

def summary(script):
    lines = []
    runpy.run_path(str(script))["build_network"]().summary(print_fn=lines.append)
    return "\\n".join(lines)

place = Path.cwd().parent
assert find_spec("core") is None
first_epoch = run(place / "own/train.py", "--epochs", "1")
checks = {
    folder.name: run(folder / "train.py", "--check") for folder in sorted(place.iterdir())
}
summaries = {script.stem: summary(script) for script in place.glob("own/presets/*.py")}
offline = run(place / "own/presets/fast.py", "--epochs", "1")
(place / "told.json").write_text(json.dumps([first_epoch, checks, summaries, offline]))
"""


@dataclass(frozen=True)
class Told:
    """What exported code printed in a process of its own."""

    run: Run
    notebook: str
    first_epoch: str
    checks: dict[str, str]
    summaries: dict[str, str]
    offline: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The notebook, and all scripts, in one process: most of its time goes into TensorFlow."""
    run = trained_by_hand(tmp_path_factory.mktemp("runs") / "awkward")
    place = tmp_path_factory.mktemp("unpacked")
    own = lay(place / "own", keras_script.export_bundle(run))
    for name in ("fast", "purawr"):
        lay(place / name, keras_script.export_bundle(registry.find_run(name)))
    tampered(own, place / "scaling", '"standardise"\n', '"divide-255"\n')
    tampered(own, place / "preparation", "DIGIT_SIDE: Final = 20\n", "DIGIT_SIDE: Final = 22\n")
    shutil.copytree(own, place / "weights")
    shutil.copy(registry.find_run("fast").model_file, place / "weights")
    lay(own / "presets", {})
    for name, preset in PRESETS.items():
        (own / "presets" / f"{name}.py").write_text(
            keras_script.keras_script(preset.recipe), "utf-8"
        )
    notebook = nbformat.reads((own / "train.ipynb").read_text("utf-8"), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(JUDGE))
    with pytest.MonkeyPatch.context() as patch:
        # Offline, as nothing answers on the proxy, and without a copy of the full MNIST.
        patch.setenv("https_proxy", "http://127.0.0.1:9")
        patch.setenv("no_proxy", "")
        patch.setenv("KERAS_HOME", str(place.parent))
        patch.setenv("MNIST_NPZ", "")
        patch.delenv("PYTHONPATH", raising=False)
        NotebookClient(
            notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": own}}
        ).execute()
    outputs = [out for cell in notebook.cells[:-1] for out in cell.get("outputs", [])]
    text = "".join(out["text"] for out in outputs if out.get("name") == "stdout")
    return Told(run, text, *json.loads((place / "told.json").read_text("utf-8")))


def loss_in(text: str) -> float:
    loss = re.search(r"training loss of the first epoch: ([0-9.e-]+)", text)
    assert loss
    return float(loss[1])


def wrong_in(text: str) -> int:
    wrong = re.search(r"([0-9]+) wrong of 1,000 test digits", text)
    assert wrong
    return int(wrong[1])


def test_script_trains_as_the_run_was_trained(told: Told) -> None:
    # The learning rate was changed within this epoch: a batch too early or late would show.
    assert 0 < told.run.info.rate_changes[0].step < 19
    assert loss_in(told.first_epoch) == pytest.approx(told.run.history()["loss"][0], rel=1e-6)
    assert "Epoch 2" not in told.first_epoch


@pytest.mark.parametrize("name", ["own", "fast", "purawr"])
def test_exported_network_answers_as_in_digitscope(told: Told, name: str) -> None:
    assert told.checks[name].startswith("The same answers as in Digitscope: 5 digits")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("scaling", "AssertionError: The network does not answer as in Digitscope"),
        ("preparation", "AssertionError: The picture is not prepared as in Digitscope"),
        ("weights", "AssertionError: model.keras is not the file that was exported"),
    ],
)
def test_check_fails_with_a_sentence_where_something_was_changed(
    told: Told, change: str, sentence: str
) -> None:
    assert told.checks[change].startswith(sentence)


@pytest.mark.parametrize("name", PRESETS)
def test_networks_are_those_of_the_recipes(told: Told, name: str) -> None:
    lines: list[str] = []
    build_model(PRESETS[name].recipe.architecture).summary(print_fn=lines.append)
    assert told.summaries[name] == "\n".join(lines)


def test_script_ends_with_a_sentence_where_mnist_cannot_be_had(told: Told) -> None:
    assert PRESETS["fast"].recipe.dataset == "mnist"
    assert told.offline.startswith("SystemExit: MNIST cannot be downloaded (")
    assert "Put the file mnist.npz at ~/.keras/datasets/mnist.npz" in told.offline
    assert "set MNIST_NPZ to where the file is" in told.offline


def test_notebook_trains_and_answers_as_the_run(told: Told) -> None:
    info = told.run.info
    assert loss_in(told.notebook) == pytest.approx(told.run.history()["loss"][0], rel=1e-6)
    # The run was ended by early stopping, and kept its best epoch: else these would differ.
    assert (info.ended_by, info.best_epoch, info.epochs_done) == ("early stopping", 1, 2)
    assert wrong_in(told.notebook) == info.metrics["mnist-sample"].wrong
    assert "The same answers as in Digitscope: 5 digits" in told.notebook


def names_of(script: str, folder: Path) -> dict[str, Any]:
    """What a script defines, without running its main part."""
    file = folder / "some.py"
    file.write_text(script, "utf-8")
    return runpy.run_path(str(file))


def test_digits_of_the_sample_are_split_as_here(tmp_path: Path) -> None:
    recipe = conv_recipe()
    train, validation, test = names_of(keras_script.keras_script(recipe), tmp_path)["load_digits"]()
    ours = mnist.load("mnist-sample")
    assert np.array_equal(np.concatenate([train[0], validation[0]]), ours.train.images)
    assert np.array_equal(np.concatenate([train[1], validation[1]]), ours.train.labels)
    assert (len(train[1]), len(validation[1])) == (3600, 400)
    assert np.array_equal(test[0], ours.test.images)
    assert np.array_equal(test[1], ours.test.labels)


@pytest.mark.full_mnist
def test_sample_test_digits_are_left_out_of_the_full_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = names_of(keras_script.keras_script(dense_recipe(dataset="mnist")), tmp_path)
    monkeypatch.setenv("MNIST_NPZ", str(mnist.mnist_file()))
    (images, labels), test = names["load_digits"]()
    ours = mnist.training_split("mnist")
    assert np.array_equal(images, ours.images)
    assert np.array_equal(labels, ours.labels)
    assert np.array_equal(test[0], mnist.load("mnist").test.images)


@pytest.mark.parametrize(
    ("optimizer", "loss"),
    [
        (
            Optimizer(kind="rmsprop", learning_rate=0.003, momentum=0.5, weight_decay=0.004),
            "sparse_categorical_crossentropy",
        ),
        (Optimizer(kind="sgd", learning_rate=0.1, momentum=0.9), "categorical_crossentropy"),
    ],
)
def test_optimizer_and_loss_are_the_recipes(
    optimizer: Optimizer, loss: str, tmp_path: Path
) -> None:
    from core.recipes.keras_model import compiled_model

    recipe = dense_recipe(optimizer=optimizer, loss=loss)
    names = names_of(keras_script.keras_script(recipe), tmp_path)
    model, ours = (
        names["fit"]((np.zeros((8, 28, 28), np.uint8), np.arange(8))),
        compiled_model(recipe),
    )
    wanted, exported = (network.optimizer.get_config() for network in (ours, model))
    assert exported.pop("name").rstrip("_0123456789") == wanted.pop("name").rstrip("_0123456789")
    assert exported == wanted
    assert type(model.loss) is type(ours.loss)
