"""An ensemble's answers: the averages of its members', wherever a run's answers are asked for."""

import numpy as np
import pytest

from core.data import mnist
from core.evaluation.robustness import measure_robustness
from core.inference.other_runs import run_predictions
from core.inference.predictor import load_predictor
from core.jobs import submission
from core.runs import registry
from core.runs.run import Network, Run
from core.utils.errors import RunError
from tests.helpers import run_list
from tests.helpers.networks import network_of
from tests.helpers.run_list import MINE, Copy

copy = run_list.copy
IMAGES = mnist.load("mnist-sample").test.images
# Two scalings, one of them twice; a network that ends in sigmoids; one without a convolution.
NAMES = ("soorya", "purawr", "yalcin")


@pytest.fixture
def ensemble(copy: Copy) -> Run:
    members = [registry.read_run(copy(name, name)) for name in NAMES]
    return submission.make_ensemble(members, token=MINE)


@pytest.mark.parametrize("n", [1, 5, 70])
def test_probabilities_are_the_means_of_the_members(ensemble: Run, n: int) -> None:
    members = [Network(member) for member in registry.read_members(ensemble)]
    expected = np.mean([load_predictor(m).probabilities(IMAGES[:n]) for m in members], axis=0)
    answers = load_predictor(Network(ensemble)).probabilities(IMAGES[:n])
    assert answers == pytest.approx(expected, abs=1e-6)
    assert answers.dtype == np.float32


def test_they_are_those_that_it_stored(ensemble: Run) -> None:
    kept = ensemble.predictions("mnist-sample")
    assert kept is not None
    answers = load_predictor(Network(ensemble)).probabilities(IMAGES)
    assert answers == pytest.approx(kept.probabilities, abs=1e-4)


def test_it_has_no_layers_of_its_own(ensemble: Run) -> None:
    with pytest.raises(RunError, match="choose a member"):
        _ = load_predictor(Network(ensemble)).model


def test_among_the_other_runs_it_answers_as_alone(ensemble: Run) -> None:
    (prediction,) = run_predictions([ensemble], IMAGES[7])
    alone = load_predictor(Network(ensemble)).probabilities(IMAGES[7:8])[0]
    assert (prediction.problem, prediction.answer) == ("", int(alone.argmax()))


def test_under_stress_it_is_measured_like_any_run(
    ensemble: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = mnist.load("mnist-sample").test.take(slice(40))
    monkeypatch.setattr("core.evaluation.robustness.split_of", lambda *_: few)
    curves = measure_robustness(ensemble, lambda done, total: None)
    assert curves.model_sha256 == ensemble.info.model_sha256
    rotation = curves.kinds["rotation"]
    answers = load_predictor(Network(ensemble)).probabilities(few.images).argmax(axis=1)
    unturned = rotation.wrong[rotation.values.index(0)]
    assert unturned == int((answers != few.labels).sum())


def test_a_run_alone_still_gives_the_stored_answers() -> None:
    kept = registry.find_run("soorya").predictions("mnist-sample")
    assert kept is not None
    answers = load_predictor(network_of("soorya")).probabilities(IMAGES[:64])
    assert answers == pytest.approx(kept.probabilities[:64], abs=1e-4)
