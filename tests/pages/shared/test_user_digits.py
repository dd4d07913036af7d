"""The visitor's whole collection on the page: seen, relabeled, removed, taken away, fine-tuned."""

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.evaluation.user_digits import UserDigits, add_digit, digits_npz, digits_zip
from core.jobs.engine import LOCAL
from core.runs import registry
from core.runs.predictions import load_predictions
from core.runs.run import Metrics, Run, RunInfo
from core.runs.writer import write_info
from core.training.fine_tuning import USER_DIGITS_FILE
from pages.widgets.shared import user_digits_files
from tests.conftest import Trained
from tests.helpers.views import said

SAMPLE = mnist.load("mnist-sample").test
WRONG = np.flatnonzero(~load_predictions(registry.find_run("soorya"), "mnist-sample").correct)


def some(count: int = 8) -> UserDigits:
    """Two that the run soorya misreads, then those that it reads."""
    right = [k for k in range(100) if k not in WRONG]
    digits: UserDigits = ()
    for k in [*WRONG[:2], *right[: count - 2]]:
        digits = add_digit(digits, SAMPLE.images[k], int(SAMPLE.labels[k]), 3, "best")
    return digits


def page() -> None:
    import streamlit as st

    from pages.widgets.shared.user_digits import my_digits_view

    st.session_state.setdefault("run", "soorya")
    my_digits_view()


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AppTest:
    """The collection alone, so that no other page can be linked; nobody's trainings are here."""
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path / "runs"))
    for module in ("user_digits", "fine_tune"):
        monkeypatch.setattr(f"pages.widgets.shared.{module}.pages", dict)
    return AppTest.from_function(page, default_timeout=60)


@pytest.fixture
def full(view: AppTest) -> AppTest:
    view.session_state["my-digits"] = some()
    return view.run()


@pytest.fixture
def clicks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the grid was given; AppTest cannot click on pictures."""
    given: dict[str, Any] = {}

    def note(images: Any, cells: Any, *, key: str, on_open: Any) -> None:
        given.update(images=images, cells=cells, open=on_open)

    monkeypatch.setattr("pages.widgets.shared.user_digits.digit_grid", note)
    return given


def labels(view: AppTest) -> list[int]:
    return [digit.label for digit in view.session_state.get("my-digits", ())]


def test_without_digits_it_says_how_to_get_some(view: AppTest) -> None:
    view.run()
    assert "You have not labeled any digits in this visit" in said(view)
    assert not view.get("download_button")
    assert not [button for button in view.button if button.key == "fine-tune"]
    assert len(view.get("file_uploader")) == 1


def test_right_and_wrong_are_counted_and_every_label_has_its_row(
    view: AppTest, clicks: dict[str, Any]
) -> None:
    view.session_state["my-digits"] = some()
    view.run()
    assert "8 digits of yours: soorya reads 6 right, 2 wrong" in said(view)
    table = view.dataframe[0].value
    assert table["Yours"].sum() == 8
    assert table["Read right"].sum() == 6
    assert table["Digit"].tolist() == sorted(set(labels(view)))
    assert [cell.wrong for cell in clicks["cells"]] == [True] * 2 + [False] * 6
    assert np.array_equal(clicks["images"][0], SAMPLE.images[WRONG[0]])


def test_without_a_run_the_digits_are_shown_all_the_same(view: AppTest) -> None:
    view.session_state["my-digits"] = some(3)
    view.session_state["run"] = None
    view.run()
    assert "3 digits of yours" in said(view)
    assert list(view.dataframe[0].value.columns) == ["Digit", "Yours"]


def test_one_is_relabeled_or_removed_and_all_are_forgotten(
    view: AppTest, clicks: dict[str, Any]
) -> None:
    view.session_state["my-digits"] = some(4)
    view.run()
    before = labels(view)
    assert not view.get("imgs")

    def opened(index: int) -> Any:
        view.session_state["my-digits-open"] = view.session_state["my-digits"][index].pixels
        view.run()
        assert not view.exception
        return next(group for group in view.button_group if group.label == "What did you mean?")

    control = opened(1)
    assert control.value == before[1]
    assert "Read as 3 by best, when you labeled it." in said(view)
    other = (before[1] + 1) % 10
    control.set_value(other).run()
    assert labels(view) == [before[0], *before[2:], other]
    assert view.session_state["my-digits"][-1].answer == 3
    opened(0)
    view.button(key="my-digits-remove").click().run()
    assert labels(view) == [*before[2:], other]
    view.button(key="my-digits-forget-all").click().run()
    assert (labels(view), len(view.get("download_button"))) == ([], 0)
    assert not [key for key in ("my-digits-open", "my-digits-files") if key in view.session_state]


def test_every_button_gives_a_file_of_its_kind(
    view: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes] = {}

    def note(label: str, *, data: bytes, file_name: str, **_: Any) -> None:
        files[file_name] = data

    monkeypatch.setattr(user_digits_files.st, "download_button", note)
    view.session_state["my-digits"] = some()
    view.run()
    assert not view.exception
    assert set(files) == {"my-digits.zip", "my-digits.csv", "my-digits.npz"}
    assert len(zipfile.ZipFile(io.BytesIO(files["my-digits.zip"])).namelist()) == 9
    assert files["my-digits.csv"].startswith(b"label,1x1,")
    first = files["my-digits.npz"]
    view.session_state["my-digits"] = some(5)
    view.run()
    assert files["my-digits.npz"] != first


@pytest.mark.parametrize(("name", "write"), [("d.zip", digits_zip), ("d.npz", digits_npz)])
def test_digits_are_brought_back_once(view: AppTest, name: str, write: Any) -> None:
    view.run()
    uploader = view.file_uploader(key="my-digits-back")
    uploader.set_value((name, write(some()), "application/octet-stream")).run()
    assert labels(view) == [digit.label for digit in some()]
    assert "8 digits of the file were added to yours." in said(view)
    view.button(key="my-digits-forget-all").click().run()
    assert labels(view) == []  # the file that still lies in the field brings nothing back


def test_a_file_that_is_none_gets_a_sentence_and_the_digits_stay(full: AppTest) -> None:
    uploader = full.file_uploader(key="my-digits-back")
    uploader.set_value(("d.zip", b"PK*nothing*", "application/zip")).run()
    assert not full.exception
    assert "it is no zip or NPZ of digits" in full.error[0].value
    assert len(labels(full)) == 8


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOCAL, "start", lambda folder: 0)
    monkeypatch.setattr(LOCAL, "has_ended", lambda start: False)


@pytest.fixture
def own(run_folders: tuple[Path, Path], trained: Trained) -> Path:
    """A folder for runs, and the small trained network as the one that shipped."""
    shutil.copytree(trained.run.folder, run_folders[0] / "tiny")
    return run_folders[1]


def tuned() -> list[Run]:
    runs = [run for run in registry.list_runs() if isinstance(run, Run)]
    return [run for run in runs if run.info.provenance.fine_tuned]


@pytest.mark.usefixtures("no_engine", "only_sample")
def test_nothing_is_written_before_the_visitor_agrees(view: AppTest, own: Path) -> None:
    view.session_state["my-digits"] = some()
    view.session_state["run"] = "tiny"
    view.run()
    told = said(view)
    assert "It begins with tiny." in told
    assert "never sees, to test it by. That is few" in told
    assert "so all 8 of your digits are written into the new run's folder on this server." in told
    assert view.button(key="fine-tune").disabled
    assert not list(own.glob(f"*/{USER_DIGITS_FILE}"))
    view.checkbox(key="fine-tune-agreed").check().run()
    view.number_input(key="fine-tune-epochs").set_value(2).run()
    view.button(key="fine-tune").click().run()
    (run,) = tuned()
    assert run.info.recipe.epochs == 2
    assert (run.folder / USER_DIGITS_FILE).exists()
    assert "**tiny + my digits** is about to start" in said(view)
    # ... and when it is over, its figures stand there.
    over(run)
    view.run()
    assert "is trained" in said(view)
    rows = view.dataframe[-1].value.to_numpy().tolist()
    assert rows[1] == [
        "your digits, held out",
        "2 of 2",
        "0 of 2",
    ]
    assert rows[0][0] == "the sample's test digits"


def over(run: Run) -> None:
    """Let a run be as its training would leave it."""
    bad, good = (Metrics(n=2, wrong=k, loss=0.1, held_out=True) for k in (2, 0))
    changes = {
        "status": "finished",
        "own_before": {"held out": bad},
        "own_after": {"held out": good},
        "metrics": run.info.provenance.fine_tuned.parent_metrics,  # type: ignore[union-attr]
    }
    info: RunInfo = run.info.model_copy(update=changes)
    write_info(run.folder, info)


@pytest.mark.usefixtures("no_engine", "own")
def test_why_a_run_cannot_be_fine_tuned_is_told(
    view: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_PARAMETERS", "1000")
    view.session_state["my-digits"] = some()
    view.session_state["run"] = "tiny"
    view.run()
    view.checkbox(key="fine-tune-agreed").check().run()
    view.button(key="fine-tune").click().run()
    assert "parameters; this one has" in view.error[0].value
    assert not tuned()
