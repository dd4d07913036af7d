"""The nine runs in `models/` hold what is promised of them, counted here from their own files."""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import mnist
from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.run import Network, Run

pytestmark = pytest.mark.offline

MODELS = Path(__file__).resolve().parent.parent / "models"
# Fitted and validated on, worked out by hand: 60,000 less the sample's 1,000 test digits leave
# 59,000, of which a recipe may put a share aside. Katariya validates on the 10,000 test digits.
TRAINED_ON = {
    "fast": (56_050, 2_950),
    "best": (56_050, 2_950),
    "sturdy": (56_050, 2_950),
    "soorya": (41_300, 17_700),
    "yalcin": (59_000, 0),
    "kundathil": (59_000, 0),
    "purawr": (59_000, 0),
    "katariya": (59_000, 10_000),
    "katariya-batchnorm": (59_000, 10_000),
}
TEST_DIGITS = {"mnist": 10_000, "mnist-sample": 1_000}

every_run = pytest.mark.parametrize("name", TRAINED_ON)


def shipped(name: str) -> Run:
    return registry.read_run(MODELS / name)


def stored(name: str, dataset: str) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Labels and probabilities, straight from the file."""
    with np.load(MODELS / name / "test_predictions.npz") as archive:
        return archive[f"{dataset}_labels"], archive[f"{dataset}_probabilities"]


def count_wrong(name: str, dataset: str) -> int:
    labels, probabilities = stored(name, dataset)
    return int(np.count_nonzero(np.argmax(probabilities, axis=1) != labels))


def test_there_is_one_run_for_each_preset() -> None:
    folders = {path.name for path in MODELS.iterdir() if path.is_dir()}
    assert folders == set(PRESETS) == set(TRAINED_ON)


def test_all_of_them_are_small_enough_for_a_repository() -> None:
    size = sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file())
    assert size < 40_000_000


@pytest.mark.parametrize(
    ("name", "at_most_wrong"),
    [("best", 40), ("fast", 100)],
    ids=["best reads 99.6 %", "fast reads 99.0 %"],
)
def test_our_own_are_as_good_as_promised(name: str, at_most_wrong: int) -> None:
    assert len(stored(name, "mnist")[0]) == 10_000
    assert count_wrong(name, "mnist") <= at_most_wrong


@every_run
def test_was_trained_by_its_preset_to_the_end(name: str) -> None:
    info = shipped(name).info
    assert info.status == "finished"
    assert info.recipe == PRESETS[name].recipe


@every_run
def test_says_how_to_make_it_again(name: str) -> None:
    assert shipped(name).info.command == f"python -m core train --preset {name} --keep-mb 4"


@every_run
def test_never_saw_the_samples_test_digits(name: str) -> None:
    provenance = shipped(name).info.provenance
    assert provenance.dataset == "mnist"
    assert provenance.excluded_sample_test
    assert (provenance.n_train, provenance.n_validation) == TRAINED_ON[name]


@every_run
def test_its_figures_are_those_of_its_stored_answers(name: str) -> None:
    # Not through core.runs.registry: what stands in the file is what anybody reads there.
    metrics = json.loads((MODELS / name / "run.json").read_text(encoding="utf-8"))["metrics"]
    assert metrics.keys() == TEST_DIGITS.keys()
    for dataset, n in TEST_DIGITS.items():
        labels, probabilities = stored(name, dataset)
        assert (labels.shape, probabilities.shape) == ((n,), (n, 10))
        assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-4)
        figures = metrics[dataset]
        assert (figures["n"], figures["wrong"]) == (n, count_wrong(name, dataset))
        assert figures["held_out"] is True


@every_run
def test_its_sample_labels_are_the_samples(name: str) -> None:
    expected = mnist.load("mnist-sample").test.labels
    np.testing.assert_array_equal(stored(name, "mnist-sample")[0], expected)


@pytest.mark.full_mnist
@every_run
def test_its_mnist_labels_are_mnists(name: str) -> None:
    np.testing.assert_array_equal(stored(name, "mnist")[0], mnist.load("mnist").test.labels)


# --- Its network ----------------------------------------------------------------------------------


@cache
def weights_and_answers(name: str) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """The weights of `model.keras`, and what that network answers today on the sample's digits."""
    from core.inference.predictor import load_predictor

    run = shipped(name)
    predictor = load_predictor(Network(run))
    images = mnist.load("mnist-sample").test.images
    return predictor.model.get_weights(), predictor.probabilities(images)


@every_run
def test_its_network_still_gives_the_stored_answers(name: str) -> None:
    _, answers = weights_and_answers(name)
    np.testing.assert_allclose(answers, stored(name, "mnist-sample")[1], rtol=0, atol=1e-4)


@every_run
def test_its_last_kept_epoch_is_its_network(name: str) -> None:
    run = shipped(name)
    kept = run.epochs()
    assert len(kept) >= min(2, run.info.recipe.epochs)
    assert kept[-1] == run.info.recipe.epochs == len(run.history())
    expected, _ = weights_and_answers(name)
    weights = run.epoch_weights(kept[-1])
    assert len(weights) == len(expected)
    for half, whole in zip(weights, expected, strict=True):
        assert half.dtype == np.float16
        np.testing.assert_array_equal(half, whole.astype(np.float16))


# --- What its remark says, compared with the five seeds of `benchmarks/reproduce.py` --------------

REPRODUCED = json.loads(
    (MODELS.parent / "benchmarks" / "results" / "reproduce.json").read_text(encoding="utf-8")
)["figures"]
TUTORIALS = {name: preset.tutorial for name, preset in PRESETS.items() if preset.tutorial}


def ranges_in(text: str) -> list[tuple[str, str]]:
    """All "a to b" in a text."""
    return re.findall(r"(\d+\.\d+) to (\d+\.\d+)", text)


def test_every_tutorials_figure_is_compared_with_five_seeds() -> None:
    assert set(TUTORIALS) == {"soorya", "yalcin", "kundathil", "purawr", "katariya"}
    for name in TUTORIALS:
        assert len(REPRODUCED[name]["wrong_of_10000_by_seed"]) == 5


@pytest.mark.parametrize("name", sorted(TUTORIALS))
def test_a_remark_tells_what_the_seeds_gave(name: str) -> None:
    figures = REPRODUCED[name]
    wrong = figures["wrong_of_10000_by_seed"]
    tested = f"{100 - max(wrong) / 100:.2f}", f"{100 - min(wrong) / 100:.2f}"
    trained = tuple(f"{100 * figures['training_accuracy'][end]:.2f}" for end in ("min", "max"))
    losses = tuple(f"{figures['test_loss'][end]:.4f}" for end in ("min", "max"))
    expected = {"kundathil": [tested, losses], "purawr": [trained, tested]}.get(name, [tested])
    assert ranges_in(TUTORIALS[name].remark) == expected


@pytest.mark.parametrize(
    ("name", "word"),
    [("yalcin", "Confirmed"), ("kundathil", "Confirmed"), ("purawr", "Confirmed as training")],
)
def test_a_figure_is_confirmed_if_it_lies_among_the_seeds(name: str, word: str) -> None:
    tutorial, figures = TUTORIALS[name], REPRODUCED[name]
    assert tutorial.remark.startswith(word)
    column = figures[f"{tutorial.measured_on}_accuracy"]
    # To the digits that the author gives.
    places = len(str(tutorial.accuracy)) - 2
    low, high = (round(column[end], places) for end in ("min", "max"))
    assert low <= tutorial.accuracy <= high
    if tutorial.loss is not None:
        assert figures["test_loss"]["min"] <= tutorial.loss <= figures["test_loss"]["max"]


def test_katariyas_figure_is_above_all_seeds_and_below_their_average() -> None:
    tutorial, figures = TUTORIALS["katariya"], REPRODUCED["katariya"]
    assert figures["test_accuracy"]["max"] < tutorial.accuracy
    averaged = 100 - figures["wrong_of_10000_averaged"] / 100
    assert averaged > 100 * tutorial.accuracy
    assert f"reaches {averaged:.2f} %" in tutorial.remark


@pytest.mark.parametrize("name", sorted(TUTORIALS))
def test_the_authors_number_stands_in_the_words(name: str) -> None:
    tutorial = TUTORIALS[name]
    if tutorial.accuracy is None:
        assert "%" not in tutorial.figure
    else:
        assert f"{100 * tutorial.accuracy:g} %" in tutorial.figure
        assert (tutorial.measured_on == "training") == ("training accuracy" in tutorial.figure)


def test_the_shipped_run_is_like_the_five_seeds() -> None:
    # It was trained on 1,000 digits fewer, so its figure may lie a little beside theirs.
    for name in TUTORIALS:
        accuracy = shipped(name).info.metrics["mnist"].accuracy
        column = REPRODUCED[name]["test_accuracy"]
        assert abs(accuracy - column["mean"]) < 4 * column["sd"]
