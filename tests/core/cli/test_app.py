"""The command line: in a process of its own where that matters, else (quicker) in this one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core import ROOT
from core.__main__ import main
from core.cli import console, predict
from core.recipes.presets import find_preset
from core.runs import registry
from core.runs.run import Metrics, Run
from core.runs.writer import RunWriter
from tests.conftest import dense_recipe, provenance

# Nobody, root neither, can make a folder below a file: what is missing cannot be downloaded.
NO_DOWNLOAD = str(ROOT / "LICENSE" / "keras")
OPTIONS = ("--dataset", "mnist-sample", "--epochs", "1", "--seed", "3")
NOBODY_LISTENS = "http://127.0.0.1:9"


def settings(**changes: str) -> dict[str, str]:
    """An environment without the full MNIST, unless the changes name it."""
    # Unbuffered output would meet a full disk at once, and not when Python ends.
    dropped = {"MNIST_NPZ", "PYTHONUNBUFFERED"}
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    return {**kept, "KERAS_HOME": NO_DOWNLOAD, "COLUMNS": "200", **changes}


def core(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m core ...` as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "core", *arguments],
        cwd=ROOT,
        env=settings(**environment),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


Here = Callable[..., Said]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run a command in this process, in which TensorFlow may not be asked for."""
    monkeypatch.delenv("MNIST_NPZ", raising=False)
    monkeypatch.setenv("KERAS_HOME", NO_DOWNLOAD)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(console, "quiet_tensorflow", lambda: pytest.fail("wants TensorFlow"))

    def call(*arguments: str) -> Said:
        status = main(arguments)
        return Said(status, *capsys.readouterr())

    return call


class Sure:
    """In place of a network: every digit is a seven."""

    def probabilities(self, images: Any) -> Any:
        return np.tile(np.eye(10, dtype=np.float32)[7], (len(images), 1))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs whose network was asked for; `Sure` answers in its place."""
    asked: list[Run] = []

    def load(run: Run, epoch: int | None) -> Sure:
        asked.append(run)
        return Sure()

    monkeypatch.setattr(console, "load_network", load)
    return asked


def is_one_sentence(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


def draw_seven(folder: Path) -> Path:
    picture = Image.new("L", (200, 160), 255)
    ImageDraw.Draw(picture).line([(70, 30), (130, 30), (95, 140)], fill=0, width=12)
    picture.save(folder / "seven.png")
    return folder / "seven.png"


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    return draw_seven(tmp_path)


@pytest.mark.parametrize(
    "command",
    ["", "datasets", "download", "train", "evaluate", "predict", "ensemble", "pseudo-label"],
)
def test_every_command_explains_itself(command: str, here: Here) -> None:
    done = here(*filter(None, [command]), "--help")
    assert done.returncode == 0
    assert "Usage: python -m core" in done.stdout


def test_no_command_at_all_shows_the_help() -> None:
    done = core()
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: python -m core" in done.stdout


def test_datasets_say_what_is_at_hand(here: Here) -> None:
    rows = [json.loads(line) for line in here("datasets", "--json").stdout.splitlines()]
    assert rows == [
        {"dataset": "mnist", "available": False},
        {"dataset": "mnist-sample", "available": True, "train": 4000, "test": 1000},
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["evaluate", "nobody"], "nobody"),
        (["predict", "--run", "nobody", "x.png"], "nobody"),
        (["evaluate", "fast", "--dataset", "letters"], "letters"),
        (["evaluate", "fast", "--dataset", "mnist"], "set KERAS_HOME"),
        (["train", "--preset", "fast"], "set KERAS_HOME"),
        (["train", "--preset", "fast", "--out", "runs/My run"], "No run can be called 'My run'"),
        (["evaluate", "models/nobody"], "models/nobody"),
        (["train", "--preset", "nobody"], "The presets are"),
        (["train", "--preset", "fast", "--epochs", "51"], "epochs is 51"),
        (["train", "--preset", "fast", "--epochs", "many"], "--epochs"),
        (["train", "--preset", "fast", "--dataset", "letters"], "letters"),
        (["train"], "either --preset NAME or --recipe FILE"),
        (["train", "--preset", "fast", "--recipe", "x.json"], "either --preset NAME"),
        (["train", "--recipe", "nowhere.json"], "nowhere.json"),
        (["train", "--recipe", "LICENSE"], "The recipe cannot be used"),
        (["continue", "nobody"], "nobody"),
        (["continue", "best", "--epochs", "20"], "Train it again"),
        (["dance"], "dance"),
        (["predict"], "files"),
    ],
)
def test_a_fault_is_one_sentence_on_stderr_and_status_1(
    arguments: list[str], expected: str, here: Here
) -> None:
    done = here(*arguments)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr), done.stderr
    assert expected in done.stderr
    assert done.stdout == ""


def test_a_fault_is_one_sentence_in_a_process_of_its_own_too() -> None:
    done = core("evaluate", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert is_one_sentence(done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [["download"], ["train", "--preset", "fast"], ["evaluate", "fast", "--dataset", "mnist"]],
)
def test_missing_mnist_is_fetched_where_it_is_needed(
    arguments: list[str], here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, NOBODY_LISTENS)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    done = here(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert is_one_sentence(done.stderr)
    assert "could not be downloaded from storage.googleapis.com" in done.stderr


def test_evaluate_without_a_dataset_takes_what_is_at_hand(here: Here, loaded: list[Run]) -> None:
    done = here("evaluate", "fast", "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    # A hundred of the sample's thousand test digits are sevens.
    assert (scores["dataset"], scores["n"]) == ("mnist-sample", 1000)
    assert scores["accuracy"] == pytest.approx(0.1)


def test_a_run_is_also_called_by_the_path_of_its_folder(
    here: Here, loaded: list[Run], tmp_path: Path, seven: Path
) -> None:
    folder = RunWriter(tmp_path / "mine", dense_recipe(), provenance()).folder
    done = here("predict", "--run", str(folder), str(seven))
    assert (done.returncode, done.stdout) == (0, f"{seven}: 7 (100 % sure)\n")
    assert [run.folder for run in loaded] == [folder]


def test_a_fault_names_the_folder_here(here: Here, tmp_path: Path) -> None:
    folder = RunWriter(tmp_path / "mine", dense_recipe(), provenance()).folder
    done = here("evaluate", str(folder))
    assert "'mine' has no readable model.keras" in done.stderr
    assert str(folder) in done.stderr
    assert is_one_sentence(done.stderr)


def test_json_has_null_for_what_is_not_finite(
    here: Here, loaded: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    worst = Metrics(n=1000, wrong=900, loss=float("nan"), held_out=True)
    monkeypatch.setattr("core.cli.app.score_predictions", lambda answers, held_out: worst)
    assert json.loads(here("evaluate", "fast", "--json").stdout)["loss"] is None
    digit = predict.ReadDigit(7, float("inf"), [float("nan")] * 10, (0, 0, 1, 1), 0, 0, "sure", 1.0)
    page = predict.ReadPage([digit], [], "page")
    monkeypatch.setattr(predict, "read_picture", lambda file, reader: page)
    (read,) = json.loads(here("predict", "--json", "x.png").stdout)["digits"]
    assert read["confidence"] is None
    assert read["probabilities"] == [None] * 10


# Each process pays for TensorFlow's import: what a command does in one of its own is shown by
# `test_answers_come_while_the_list_still_grows`.
IN_A_ROW = """
import contextlib, io, json, sys
from core.__main__ import main

said = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    said.append((status, out.getvalue(), err.getvalue()))
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Trained:
    """What was said when a run `mine` was trained, continued, asked; and other commands with it."""

    folder: Path
    train: Said
    more: Said
    predict: Said
    evaluate: Said
    unwritable: Said
    pictures: Said

    @property
    def runs(self) -> Path:
        return self.folder / "runs"


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("commands")
    recipe = folder / "recipe.json"
    recipe.write_text(find_preset("purawr").recipe.to_json())
    seven = str(draw_seven(folder))
    # Root may write anywhere, but nobody can make a folder inside a file.
    (folder / "file").write_text("in the way")
    (folder / "notes.png").write_text("no picture")
    pictures = [str(folder / "notes.png"), seven, str(folder / "gone.png")]
    commands = [
        ["train", "--recipe", str(recipe), *OPTIONS, "--out", str(folder / "runs" / "mine")],
        ["continue", "mine", "--epochs", "2"],
        ["predict", "--run", "mine", seven],
        ["evaluate", "fast", "--dataset", "mnist-sample", "--json"],
        ["train", "--preset", "purawr", *OPTIONS, "--out", str(folder / "file" / "run")],
        ["predict", "--run", "fast", "--json", *pictures],
    ]
    row = subprocess.run(
        [sys.executable, "-c", IN_A_ROW, json.dumps(commands)],
        cwd=ROOT,
        env=settings(DIGITSCOPE_RUNS=str(folder / "runs")),
        stdout=subprocess.PIPE,
        text=True,
        timeout=280,
        check=True,
    )
    return Trained(folder, *(Said(*said) for said in json.loads(row.stdout)))


def test_an_unwritable_output_folder_is_a_sentence(mine: Trained) -> None:
    assert mine.unwritable.returncode == 1
    assert str(mine.folder / "file" / "run") in mine.unwritable.stderr
    assert "Traceback" not in mine.unwritable.stderr


def test_evaluate_counts_like_the_stored_answers(mine: Trained) -> None:
    assert mine.evaluate.returncode == 0
    told = json.loads(mine.evaluate.stdout)
    stored = json.loads((ROOT / "models" / "fast" / "run.json").read_text())
    wrong = stored["metrics"]["mnist-sample"]["wrong"]
    assert told["run"] == "fast"
    assert told["n"] == 1000
    assert told["accuracy"] == pytest.approx(1 - wrong / 1000)
    assert told["held_out"] is True


def test_predict_answers_what_it_can_and_says_what_it_cannot(mine: Trained) -> None:
    assert mine.pictures.returncode == 1
    notes, read, gone = (json.loads(line) for line in mine.pictures.stdout.splitlines())
    files = [mine.folder / name for name in ("notes.png", "seven.png", "gone.png")]
    assert [row["file"] for row in (notes, read, gone)] == list(map(str, files))
    assert notes["digits"] == gone["digits"] == []
    assert "notes.png" in notes["error"]
    assert "gone.png" in gone["error"]
    assert read["error"] is None
    (digit,) = read["digits"]
    assert digit["digit"] == 7
    assert digit["confidence"] == max(digit["probabilities"])
    assert sum(digit["probabilities"]) == pytest.approx(1, abs=1e-4)
    # The stroke is 12 wide around (70..130, 30..140); its box may gain a pixel of anti-aliasing.
    x, y, width, height = digit["box"]
    assert (x, y) == pytest.approx((64, 24), abs=8)
    assert (x + width, y + height) == pytest.approx((136, 146), abs=8)


def test_train_makes_a_run_that_the_other_commands_can_use(
    here: Here, mine: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(mine.runs))
    assert mine.train.returncode == 0, mine.train.stderr
    assert "42,310" in mine.train.stdout
    assert "wrong of 1,000" in mine.train.stdout
    assert "mine" in here("runs").stdout
    assert mine.more.returncode == 0, mine.more.stderr
    assert "epoch 2:" in mine.more.stderr
    assert "epoch 1:" not in mine.more.stderr
    twice = here("continue", "mine")
    assert (twice.returncode, is_one_sentence(twice.stderr)) == (1, True)
    assert "2 epochs already" in twice.stderr
    assert mine.predict.returncode == 0
    again = here("train", "--preset", "purawr", *OPTIONS, "--out", str(mine.runs / "mine"))
    assert again.returncode == 1
    assert "there already" in again.stderr


def test_an_ensemble_is_made_and_told_beside_its_members(
    here: Here, run_folders: tuple[Path, Path]
) -> None:
    shipped, _ = run_folders
    for name in ("fast", "purawr"):
        shutil.copytree(ROOT / "models" / name, shipped / name)
    done = here("ensemble", "fast", "purawr", "--out", str(shipped / "both"))
    assert (done.returncode, done.stderr) == (0, "")
    run = registry.read_run(shipped / "both")
    assert "The ensemble 'both' of 2 runs is in" in done.stdout
    for dataset, metrics in run.info.metrics.items():
        assert f"{dataset}: {metrics}" in done.stdout
    assert "the ensemble is" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ensemble", "best"), "2 to 10 members, not 1"),
        (("ensemble", "best", "best"), "the very same network"),
        (("ensemble", "best", "nobody"), "There is no run 'nobody'"),
        (("pseudo-label", "nobody"), "There is no run 'nobody'"),
        (("pseudo-label", "fast", "--epochs", "99"), "epochs is 99: it must be at most 20"),
    ],
)
def test_what_cannot_be_averaged_or_go_on_is_one_sentence(
    here: Here, arguments: tuple[str, ...], words: str
) -> None:
    done = here(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert is_one_sentence(done.stderr)
