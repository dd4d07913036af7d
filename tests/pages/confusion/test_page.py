"""The confusions page without a browser: the matrix, its links, two runs, honest warnings."""

import importlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix
from streamlit.testing.v1 import AppTest

from core import ROOT
from core.data import mnist
from core.evaluation.user_digits import UserDigit
from core.runs import registry
from core.runs.run import StoredPredictions
from core.utils.text import DIGIT_PLURALS
from pages.widgets.confusion.choices import FORMER_NAMES
from pages.widgets.confusion.matrix import parse_cell
from tests.helpers.opening import open_page
from tests.pages.train.test_page import said

pytestmark = pytest.mark.usefixtures("only_sample")
SAMPLE = "mnist-sample"
TEST = mnist.load(SAMPLE).test


def opened(app: AppTest, **link: str) -> AppTest:
    """The confusions page by a link."""
    return open_page(app, "confusion", **link)


def component(app: AppTest, name: str, key: str) -> Any:
    """What a component of ours was given to show."""
    protos = [element.proto for element in app.get("bidi_component")]
    (ours,) = [proto for proto in protos if proto.component_name == name and key in proto.id]
    return json.loads(ours.json)


def matrix(app: AppTest) -> list[list[int]]:
    """The counts that stand in the matrix, in the order of the digits."""
    rows = component(app, "digitscope_matrix", "confusion-matrix-grid")["rows"]
    return [[int(cell["text"] or 0) for cell in row] for row in rows]


def shown(app: AppTest, key: str) -> list[int]:
    return [digit["index"] for digit in component(app, "digitscope_digits", key)["digits"]]


def answers(run: str) -> StoredPredictions:
    predictions = registry.find_run(run).predictions(SAMPLE)
    assert predictions
    return predictions


def read_by(run: str) -> Any:
    return answers(run).probabilities.argmax(axis=1)


@pytest.mark.parametrize("run", ["purawr", "yalcin"])
def test_the_matrix_is_that_of_scikit_learn(app: AppTest, run: str) -> None:
    opened(app, run=run)
    assert matrix(app) == confusion_matrix(TEST.labels, read_by(run)).tolist()
    wrong = int((read_by(run) != TEST.labels).sum())
    interval = binomtest(1000 - wrong, 1000).proportion_ci(method="wilson")
    assert (
        f"**{run}** misreads **{wrong}** of 1,000 digits (the sample's test digits). Accuracy "
        f"{100 - wrong / 10:.2f} %, 95 % interval {100 * interval.low:.2f} to "
        f"{100 * interval.high:.2f} %." in said(app)
    )


def test_a_link_to_a_cell_shows_its_digits_the_surest_first(app: AppTest) -> None:
    stored, read = answers("purawr"), read_by("purawr")
    truth, answer = next(
        (t, a)
        for t in range(10)
        for a in range(10)
        if t != a and ((TEST.labels == t) & (read == a)).sum() > 1
    )
    opened(app, run="purawr", cell=f"{truth}-{answer}")
    inside = np.flatnonzero((TEST.labels == truth) & (read == answer))
    surest_first = sorted(inside, key=lambda k: -stored.probabilities[k].max())
    assert shown(app, "confusion-matrix-digits") == surest_first
    assert (
        f"Of 100 {DIGIT_PLURALS[truth]}, {len(inside)} were read as {DIGIT_PLURALS[answer]}."
        in said(app)
    )


def test_a_row_shows_its_mistakes_and_on_demand_all_of_it(app: AppTest) -> None:
    opened(app, run="purawr", cell="9-")
    nines = np.flatnonzero(TEST.labels == 9)
    missed = nines[read_by("purawr")[nines] != 9]
    assert sorted(shown(app, "confusion-matrix-digits")) == missed.tolist()
    app.toggle(key="confusion-matrix-mistakes").set_value(False).run()
    assert set(shown(app, "confusion-matrix-digits")) <= set(nines.tolist())
    assert len(shown(app, "confusion-matrix-digits")) == 60  # a page of the hundred


def test_a_column_shows_what_was_taken_for_it(app: AppTest) -> None:
    opened(app, run="purawr", cell="-4")
    read = read_by("purawr")
    taken = np.flatnonzero((read == 4) & (TEST.labels != 4))
    assert sorted(shown(app, "confusion-matrix-digits")) == taken.tolist()
    assert f"Of {(read == 4).sum()} digits read as 4" in said(app)


def test_a_cell_can_be_left_again(app: AppTest) -> None:
    opened(app, run="purawr", cell="9-9")
    app.button(key="confusion-matrix-close").click().run()
    assert "Click on a number to see its digits" in said(app)
    assert "cell" not in app.query_params


@pytest.mark.parametrize("nonsense", ["94", "9-x", "10-3", "-", "9-4-2", "<b>", "٣-4", "9" * 4000])
def test_a_cell_that_does_not_exist_is_told(app: AppTest, nonsense: str) -> None:
    assert parse_cell(nonsense) is None
    opened(app, run="purawr", cell=nonsense)
    assert "The link asks for a cell that does not exist." in said(app)
    assert sum(map(sum, matrix(app))) == 1000


def test_an_empty_cell_says_so(app: AppTest) -> None:
    read = read_by("best")
    empty = next(a for a in range(1, 10) if not ((TEST.labels == 0) & (read == a)).any())
    opened(app, run="best", cell=f"0-{empty}")
    assert "There is no digit." in said(app)


def test_two_runs_are_subtracted_and_tested(app: AppTest) -> None:
    opened(app, run="best", **{"with": "katariya-batchnorm"})
    rows = component(app, "digitscope_matrix", "confusion-matrix-grid")["rows"]
    here, there = (
        confusion_matrix(TEST.labels, read_by(run)) for run in ("best", "katariya-batchnorm")
    )
    texts = [[cell["text"].replace("\u2212", "-") or "0" for cell in row] for row in rows]
    assert [[int(text) for text in row] for row in texts] == (here - there).tolist()
    ours, theirs = (read_by(run) == TEST.labels for run in ("best", "katariya-batchnorm"))
    fixed, broken = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    words = said(app)
    alone = f"{broken} of the digits are read rightly by katariya-batchnorm alone, {fixed} by best"
    assert alone in words
    chance = binomtest(min(fixed, broken), fixed + broken).pvalue
    assert 1e-4 < chance < 0.05
    assert f"in {100 * chance:.2g} % of cases: the difference is more than chance" in words
    assert sorted(shown(app, "confusion-pair-fixed")) == np.flatnonzero(ours & ~theirs).tolist()


def test_a_link_compares_with_a_run_that_is_not_there(app: AppTest) -> None:
    opened(app, run="best", **{"with": "nobody"})
    assert "The link compares with a run that is not here, or with the run itself." in said(app)
    assert matrix(app)


def test_digits_that_are_not_here_are_told(app: AppTest) -> None:
    opened(app, run="best", digits="mnist")
    assert "The digits of this link are not on this machine" in said(app)


def test_an_epoch_of_the_run_is_looked_at(app: AppTest) -> None:
    opened(app, run="yalcin", epoch="1")
    first = sum(map(sum, matrix(app))) - sum(row[k] for k, row in enumerate(matrix(app)))
    opened(app, run="yalcin", epoch="10")
    last = 1000 - sum(row[k] for k, row in enumerate(matrix(app)))
    assert "**yalcin (epoch 10)** misreads" in said(app)
    assert first > last


@pytest.fixture
def own(run_folders: tuple[Path, Path]) -> Path:
    """A copy of a shipped run as a visitor's own, to be damaged."""
    source = ROOT / "models" / "purawr"
    return Path(shutil.copytree(source, run_folders[1] / "mine"))


def rewrite(folder: Path, **changes: Any) -> None:
    with np.load(folder / "test_predictions.npz") as archive:
        kept = dict(archive)
    np.savez(folder / "test_predictions.npz", **{**kept, **changes})


def test_answers_that_are_not_finite_are_told(app: AppTest, own: Path) -> None:
    rewrite(own, **{f"{SAMPLE}_probabilities": np.full((1000, 10), np.nan, np.float32)})
    opened(app, run="mine")
    assert "hold numbers that are not finite: its training diverged" in said(app)


def test_answers_to_other_digits_are_not_counted(app: AppTest, own: Path) -> None:
    rewrite(own, **{f"{SAMPLE}_labels": np.roll(TEST.labels, 1)})
    opened(app, run="mine")
    assert "What the run “mine” answers on these digits is not stored" in said(app)


def test_a_damaged_file_of_answers_is_offered_to_be_worked_out(app: AppTest, own: Path) -> None:
    # Here, not in the chore's thread, where pytest would read TensorFlow's own tests.
    importlib.import_module("core.inference.predictor")
    (own / "test_predictions.npz").write_bytes(b"no archive")
    opened(app, run="mine")
    app.button(key="confusion-answers-start").click().run()
    deadline = time.monotonic() + 60
    while "misreads" not in said(app):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        app.run()
    # The network itself answers as it did when it was tested.
    expected = int((read_by_file() != TEST.labels).sum())
    assert f"**mine** misreads **{expected}** of 1,000" in said(app)


def read_by_file() -> Any:
    folder = ROOT / "models" / "purawr"
    predictions = registry.read_run(folder).predictions(SAMPLE)
    assert predictions
    return predictions.probabilities.argmax(axis=1)


def test_a_run_deleted_while_it_is_looked_at_breaks_nothing(app: AppTest, own: Path) -> None:
    opened(app, run="mine")
    shutil.rmtree(own)
    app.run()
    assert not app.exception
    assert "There is no run to use" in said(app)


def test_a_run_trained_on_these_digits_is_no_test(app: AppTest, own: Path) -> None:
    info = json.loads((own / "run.json").read_text())
    info["provenance"].update(dataset="mnist", excluded_sample_test=False)
    (own / "run.json").write_text(json.dumps(info))
    opened(app, run="mine")
    assert "Some of these digits were among those that mine was trained on" in said(app)


def test_the_visitors_own_digits_are_counted(app: AppTest) -> None:
    chosen = [int(np.flatnonzero(TEST.labels == k)[0]) for k in (3, 5, 8)]
    app.session_state["my-digits"] = tuple(
        UserDigit(TEST.images[k].copy(), label)
        for k, label in zip(chosen, (3, 5, 0), strict=True)  # the last one labeled wrongly
    )
    opened(app, run="best", digits="mine")
    assert "misreads **1** of 3 digits (those that you have labeled)" in said(app)
    assert matrix(app)[0][8] == 1
    opened(app, cell="0-8")
    assert shown(app, "confusion-matrix-digits") == [2]


@pytest.mark.parametrize(
    "view",
    ["Per-class report", "Calibration", "Robustness", "Training dynamics", "Slices", "Download"],
)
@pytest.mark.parametrize("link", [{}, {"with": "yalcin"}, {"epoch": "2"}])
def test_every_view_stands(app: AppTest, view: str, link: dict[str, str]) -> None:
    opened(app, run="purawr", explore=view, **link)
    assert not app.error


@pytest.mark.parametrize(("former", "view"), FORMER_NAMES.items())
def test_links_of_former_versions_open_the_same_view(app: AppTest, former: str, view: str) -> None:
    opened(app, run="purawr", explore=former)
    assert app.button_group(key="explore").value == view
