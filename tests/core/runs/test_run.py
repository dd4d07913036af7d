"""Run folders: written whole, read back whole, and a sentence for everything that is broken."""

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.runs import registry
from core.runs.run import BrokenRun, Metrics, Network, Run, StoredPredictions
from core.runs.writer import RunWriter, thin_epochs
from core.utils.errors import RunError
from tests.conftest import dense_recipe, provenance

WEIGHTS = [np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), np.zeros(4, np.float32)]
ROW = {"epoch": 1, "loss": 0.5, "accuracy": 0.9, "val_loss": None, "seconds": 1.5}


def write_run(folder: Path, epochs: int = 1, **options: Any) -> RunWriter:
    """A small whole run folder, with made-up content in place of the network."""
    writer = RunWriter(folder, dense_recipe(), provenance(), **options)
    for epoch in range(1, epochs + 1):
        writer.epoch({**ROW, "epoch": epoch}, WEIGHTS)
    writer.model(lambda path: path.write_bytes(b"a network"))  # type: ignore[arg-type]
    writer.predictions(
        {"mnist-sample": StoredPredictions(np.arange(3, dtype=np.uint8), np.eye(3, 10))}
    )
    metrics = {"mnist-sample": Metrics(n=1000, wrong=25, loss=0.1, held_out=True)}
    writer.update(status="finished", metrics=metrics, seconds=2.5)
    writer.close()
    return writer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "mine", epochs=2).folder


def test_what_was_written_is_read_back(folder: Path) -> None:
    run = registry.read_run(folder)
    assert (run.id, run.info.status, run.info.seconds) == ("mine", "finished", 2.5)
    assert run.info.recipe == dense_recipe()
    assert run.info.provenance == provenance()
    assert str(run.info.metrics["mnist-sample"]) == "25 wrong of 1,000 (97.50 %)"
    run.check_model()
    history = run.history()
    assert history["epoch"].tolist() == [1, 2]
    assert history["loss"].tolist() == [0.5, 0.5]
    assert history["val_loss"].isna().all()


def test_files_are_those_of_the_contract_and_no_draft_is_left(folder: Path) -> None:
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [
        "epochs",
        "epochs/epoch_01.npz",
        "epochs/epoch_02.npz",
        "history.csv",
        "model.keras",
        "run.json",
        "test_predictions.npz",
        "worker.lock",
        "worker.pid",
    ]


def test_epoch_weights_are_kept_as_half_floats_in_order(folder: Path) -> None:
    run = registry.read_run(folder)
    assert run.epochs() == [1, 2]
    weights = run.epoch_weights(2)
    assert [array.dtype for array in weights] == [np.float16, np.float16]
    for array, expected in zip(weights, WEIGHTS, strict=True):
        assert array == pytest.approx(expected, abs=1e-3)


def test_predictions_are_kept_by_dataset(folder: Path) -> None:
    answer = registry.read_run(folder).predictions("mnist-sample")
    assert answer is not None
    assert answer.labels.tolist() == [0, 1, 2]
    assert np.array_equal(answer.probabilities, np.eye(3, 10))
    assert registry.read_run(folder).predictions("mnist") is None


def test_events_are_appended_line_by_line(folder: Path) -> None:
    writer = write_run(folder.parent / "other")
    writer.event({"event": "Started", "time": 1.0})
    writer.event({"event": "Progress", "loss": float("nan"), "rates": [float("inf"), 1.0]})
    lines = (writer.folder / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["Started", "Progress"]
    # Python alone reads NaN and Infinity: JSON has no such numbers.
    assert json.loads(lines[1], parse_constant=pytest.fail)["loss"] is None
    assert json.loads(lines[1])["rates"] == [None, 1.0]


@pytest.mark.parametrize(
    ("epochs", "at_most", "dropped"),
    [
        ([1, 2, 3, 4, 5], 5, []),
        # neighbors as a ratio: 3/1, 4/2 (the last but one stays): the smaller is around 3
        ([1, 2, 3, 4, 5], 4, [3]),
        # then [1, 2, 4, 5]: only 2 may go; of [1, 4, 5] only 4
        ([1, 2, 3, 4, 5], 3, [3, 2]),
        ([5, 3, 1, 2, 4], 2, [3, 2, 4]),
        ([1, 2, 3], 0, [2]),  # never fewer than the first and the last
        (list(range(1, 22)), 100, [19]),  # never more than 20; 20/18 is the smallest ratio
        ([1], 0, []),
        ([], 0, []),
    ],
)
def test_thin_by_hand(epochs: list[int], at_most: int, dropped: list[int]) -> None:
    assert list(thin_epochs(epochs, at_most)) == dropped


def test_fifty_epochs_are_thinned_to_twenty_with_both_ends(tmp_path: Path) -> None:
    kept = registry.read_run(write_run(tmp_path / "long", epochs=50).folder).epochs()
    assert len(kept) == 20
    assert (kept[0], kept[1], kept[-1]) == (1, 2, 50)


def test_epoch_files_stay_within_their_bytes(tmp_path: Path) -> None:
    size = (write_run(tmp_path / "one").folder / "epochs/epoch_01.npz").stat().st_size
    writer = write_run(tmp_path / "many", epochs=9, max_epoch_bytes=4 * size + size // 2)
    files = list((writer.folder / "epochs").iterdir())
    assert len(files) == 4
    assert len(registry.read_run(writer.folder).history()) == 9  # the figures of all stay


def test_reader_never_sees_a_broken_run_json(folder: Path) -> None:
    writer = RunWriter(folder.parent / "busy", dense_recipe(), provenance())
    faults: list[RunError] = []
    seen: set[float] = set()
    done = threading.Event()

    def read_on_and_on() -> None:
        while not done.is_set():
            try:
                seen.add(registry.read_run(writer.folder).info.seconds)
            except RunError as error:
                faults.append(error)

    reader = threading.Thread(target=read_on_and_on)
    reader.start()
    for number in range(200):
        # Of changing length, so that a file written over in place would show.
        writer.update(seconds=float(number), machine="x" * (number % 7) * 1000)
    done.set()
    reader.join()
    assert not faults
    assert len(seen) > 1


def run_json(**changes: object) -> Any:
    """A damage: fields of run.json changed (None: taken out)."""

    def damage(path: Path) -> None:
        fields = {**json.loads(path.read_text()), **changes}
        kept = {name: value for name, value in fields.items() if value is not None}
        path.write_text(json.dumps(kept))

    return damage


DAMAGES = {
    "missing": (Path.unlink, "The folder 'mine' holds no run: it has no run.json"),
    "empty": (lambda path: path.write_bytes(b""), "run.json is damaged"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-20]), "run.json is damaged"),
    "junk behind": (
        lambda path: path.write_bytes(path.read_bytes() + b"junk"),
        "run.json is damaged",
    ),
    "not text": (lambda path: path.write_bytes(b"\xff\xfe\x00"), "run.json is damaged"),
    "nested without end": (lambda path: path.write_text("[" * 100_000), "run.json is damaged"),
    "a list": (lambda path: path.write_text("[]"), "another version"),
    "of the future": (run_json(format=2), "another version"),
    "without a format": (run_json(format=None), "another version"),
    "without a recipe": (run_json(recipe=None), "does not fit together"),
    "impossible recipe": (run_json(recipe={"epochs": 51}), "does not fit together"),
    "unknown status": (run_json(status="sleeping"), "does not fit together"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_run_is_a_sentence_everywhere(kind: str, run_folders: tuple[Path, Path]) -> None:
    damage, expected = DAMAGES[kind]
    _, own = run_folders
    write_run(own / "good")
    damage(write_run(own / "mine").folder / "run.json")
    for ask in (lambda: registry.read_run(own / "mine"), lambda: registry.find_run("mine")):
        with pytest.raises(RunError, match=expected):
            ask()
    good, broken = registry.list_runs()
    assert isinstance(good, Run)
    assert isinstance(broken, BrokenRun)
    assert (good.id, broken.id) == ("good", "mine")
    assert expected in broken.problem


def test_missing_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is no run 'gone'"):
        registry.read_run(tmp_path / "gone")


def test_run_that_diverged_can_still_be_read(folder: Path) -> None:
    # A learning rate that is too large gives a loss of NaN, which JSON has no number for.
    writer = RunWriter(folder.parent / "diverged", dense_recipe(), provenance())
    metrics = Metrics(n=1000, wrong=900, loss=float("nan"), held_out=True)
    writer.update(status="finished", metrics={"mnist-sample": metrics})
    assert np.isnan(registry.read_run(writer.folder).info.metrics["mnist-sample"].loss)


def test_copied_folder_is_a_run_of_its_own(run_folders: tuple[Path, Path]) -> None:
    _, own = run_folders
    shutil.copytree(write_run(own / "first").folder, own / "second")
    ids = [run.id for run in registry.list_runs()]
    assert ids == ["first", "second"]
    assert registry.find_run("second").folder == own / "second"


def test_network_that_is_missing_or_changed_is_not_opened(folder: Path) -> None:
    run = registry.read_run(folder)
    content = bytearray(run.model_file.read_bytes())
    content[3] ^= 1
    run.model_file.write_bytes(content)
    with pytest.raises(RunError, match=r"model\.keras of the run 'mine' is damaged"):
        run.check_model()
    run.model_file.unlink()
    with pytest.raises(RunError, match=r"'mine' has no readable model\.keras"):
        run.check_model()


NPZ_DAMAGES = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello"),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-50]),
    "flipped bytes": lambda path: path.write_bytes(
        path.read_bytes()[:70] + bytes(60) + path.read_bytes()[130:]
    ),
    "one array": lambda path: np.save(path.open("wb"), np.zeros(3)),
}


@pytest.mark.parametrize("kind", NPZ_DAMAGES)
def test_damaged_arrays_break_no_page(kind: str, folder: Path) -> None:
    run = registry.read_run(folder)
    NPZ_DAMAGES[kind](folder / "test_predictions.npz")
    NPZ_DAMAGES[kind](folder / "epochs" / "epoch_02.npz")
    assert run.predictions("mnist-sample") is None
    with pytest.raises(RunError, match=r"epoch 2 of the run 'mine' cannot be read.*kept are: 1"):
        run.epoch_weights(2)


def test_strange_files_among_the_epochs_are_passed_over(folder: Path) -> None:
    for name in ("epoch_last.npz", "epoch_.npz", ".epoch_03.npz.x1", "epoch_04.txt"):
        (folder / "epochs" / name).write_bytes(b"")
    assert registry.read_run(folder).epochs() == [1, 2]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "no epoch was finished"), (b"", "damaged"), (b"\xff\xfe\x00\x01", "damaged")],
)
def test_missing_or_damaged_history_is_a_sentence(
    content: bytes | None, sentence: str, folder: Path
) -> None:
    file = folder / "history.csv"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(RunError, match=rf"'mine'.*{sentence}"):
        registry.read_run(folder).history()


def test_a_network_is_told_from_that_of_another_epoch_training_or_folder(folder: Path) -> None:
    run = registry.read_run(folder)
    trained_anew = replace(run, info=run.info.model_copy(update={"model_sha256": "1" * 64}))
    elsewhere = replace(run, folder=folder.parent / "elsewhere")
    renamed = replace(run, info=run.info.model_copy(update={"preset": "fast"}))

    assert Network(run, 3) == Network(renamed, 3)
    assert hash(Network(run, 3)) == hash(Network(renamed, 3))
    others = {Network(run), Network(run, 4), Network(trained_anew, 3), Network(elsewhere, 3)}
    assert len(others) == 4
    assert Network(run, 3) not in others
    assert [Network(run).name, Network(run, 3).name] == [run.id, f"{run.id} (epoch 3)"]
