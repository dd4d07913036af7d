"""The command line, run as a user runs it: in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]


def core(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m core ...` without the full MNIST unless the environment names it."""
    kept = {key: value for key, value in os.environ.items() if key != "MNIST_NPZ"}
    return subprocess.run(
        [sys.executable, "-m", "core", *arguments],
        cwd=ROOT,
        env={**kept, "KERAS_HOME": "/nonexistent", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def is_one_sentence(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    picture = Image.new("L", (200, 160), 255)
    ImageDraw.Draw(picture).line([(70, 30), (130, 30), (95, 140)], fill=0, width=12)
    picture.save(tmp_path / "seven.png")
    return tmp_path / "seven.png"


@pytest.mark.parametrize("command", ["", "datasets", "download", "train", "evaluate", "predict"])
def test_every_command_explains_itself(command: str) -> None:
    done = core(*filter(None, [command]), "--help")
    assert done.returncode == 0
    assert "Usage: python -m core" in done.stdout


def test_datasets_say_what_is_at_hand() -> None:
    rows = [json.loads(line) for line in core("datasets", "--json").stdout.splitlines()]
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
        (["evaluate", "fast", "--dataset", "mnist"], "download"),
        (["train", "--preset", "nobody"], "The presets are"),
        (["train", "--preset", "fast", "--epochs", "51"], "epochs is 51"),
        (["train", "--preset", "fast", "--epochs", "many"], "--epochs"),
        (["train", "--preset", "fast", "--dataset", "letters"], "letters"),
        (["dance"], "dance"),
        (["predict"], "files"),
    ],
)
def test_a_fault_is_one_sentence_on_stderr_and_status_1(
    arguments: list[str], expected: str
) -> None:
    done = core(*arguments)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr), done.stderr
    assert expected in done.stderr
    assert done.stdout == ""


def test_an_unwritable_output_folder_is_a_sentence(tmp_path: Path) -> None:
    # Root may write anywhere, but nobody can make a folder inside a file.
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "run"
    done = core("train", "--preset", "purawr", "--dataset", "mnist-sample", "--out", str(out))
    assert done.returncode == 1
    assert str(out) in done.stderr
    assert "Traceback" not in done.stderr


def test_predict_answers_what_it_can_and_says_what_it_cannot(seven: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    files = [str(tmp_path / "notes.png"), str(seven), str(tmp_path / "gone.png")]
    done = core("predict", "--run", "fast", "--json", *files)
    assert done.returncode == 1
    notes, read, gone = (json.loads(line) for line in done.stdout.splitlines())
    assert [row["file"] for row in (notes, read, gone)] == files
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


def test_predict_without_json_prints_a_line_a_picture(seven: Path) -> None:
    done = core("predict", str(seven))
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith(f"{seven}: 7 (")


def test_evaluate_counts_like_the_stored_answers() -> None:
    done = core("evaluate", "fast", "--dataset", "mnist-sample", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    stored = json.loads((ROOT / "models" / "fast" / "run.json").read_text())
    wrong = stored["metrics"]["mnist-sample"]["wrong"]
    assert found["run"] == "fast"
    assert found["n"] == 1000
    assert found["accuracy"] == pytest.approx(1 - wrong / 1000)
    assert found["held_out"] is True


def test_train_makes_a_run_that_the_other_commands_can_use(tmp_path: Path, seven: Path) -> None:
    own = {"DIGITSCOPE_RUNS": str(tmp_path / "runs")}
    options = ["--dataset", "mnist-sample", "--epochs", "1", "--seed", "3"]
    done = core(
        "train", "--preset", "purawr", *options, "--out", str(tmp_path / "runs" / "mine"), **own
    )
    assert done.returncode == 0, done.stderr
    assert "42,310" in done.stdout
    assert "wrong of 1,000" in done.stdout
    assert "mine" in core("runs", **own).stdout
    assert core("predict", "--run", "mine", str(seven), **own).returncode == 0
    again = core(
        "train", "--preset", "purawr", *options, "--out", str(tmp_path / "runs" / "mine"), **own
    )
    assert again.returncode == 1
    assert "there already" in again.stderr
