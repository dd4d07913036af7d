"""Calibrated confidence: against SciPy's minimizer, hand-made answers and the runs that ship."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from core.evaluation.calibration import calibration_error, reliability
from core.inference.temperature import apply_temperature, fit_temperature, run_temperature
from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.predictions import Predictions
from core.runs.run import Network, StoredPredictions


def drawn(temperature: float, n: int = 6000) -> StoredPredictions:
    """Answers of a network whose logits are `temperature` times too large, on labels drawn so."""
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2.5, (n, 10))
    right = softmax(logits, axis=1)
    labels = (right.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return StoredPredictions(
        labels.astype(np.uint8), softmax(logits * temperature, axis=1).astype(np.float32)
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.8])
def test_a_network_that_is_too_sure_is_found_out(temperature: float) -> None:
    assert fit_temperature([drawn(temperature)]) == pytest.approx(temperature, rel=0.06)


def test_it_is_the_least_cross_entropy() -> None:
    answers = drawn(1.4, 2000)
    logits = np.log(answers.probabilities.astype(np.float64))

    def loss(t: np.ndarray) -> float:
        rows = np.arange(len(logits))
        return float(-log_softmax(logits / np.exp(t[0]), axis=1)[rows, answers.labels].mean())

    other = minimize(loss, [0.0], method="Nelder-Mead")
    assert fit_temperature([answers]) == pytest.approx(float(np.exp(other.x[0])), rel=1e-3)


def test_parts_are_fitted_as_one() -> None:
    whole = drawn(1.4, 2000)
    halves = [
        StoredPredictions(whole.labels[half], whole.probabilities[half])
        for half in (slice(700), slice(700, None))
    ]
    assert fit_temperature(halves) == fit_temperature([whole])


def test_what_cannot_tell_leaves_confidence_alone() -> None:
    assert fit_temperature([]) is None
    few = drawn(2.0, 50)
    assert fit_temperature([few]) is None
    answers = drawn(1.0, 500)
    faultless = StoredPredictions(
        answers.probabilities.argmax(axis=1).astype(np.uint8), answers.probabilities
    )
    assert fit_temperature([faultless]) is None


def test_tempered_answers_by_hand() -> None:
    given = np.array([[0.8, 0.2, *[0.0] * 8]], np.float32)
    # At T = 0.5 probabilities are squared and shared out anew: 0.64 and 0.04 of 0.68.
    assert apply_temperature(given, 0.5)[0, :2] == pytest.approx(
        [0.64 / 0.68, 0.04 / 0.68], abs=1e-5
    )
    assert apply_temperature(given, 2.0)[0, :2] == pytest.approx([2 / 3, 1 / 3], abs=1e-3)
    assert apply_temperature(given, 1.0) is given
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            apply_temperature(given, bad)


def test_the_answer_stays_and_rows_sum_to_one() -> None:
    answers = drawn(1.0, 800).probabilities
    for temperature in (0.1, 0.52, 10.0):
        changed = apply_temperature(answers, temperature)
        assert (changed.argmax(axis=1) == answers.argmax(axis=1)).all()
        assert changed.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_label_smoothing_makes_best_too_unsure_and_its_temperature_mends_it() -> None:
    """The 10,000 test digits were not what it was fitted on."""
    run = registry.find_run("best")
    stored = run.predictions("mnist")
    assert stored is not None
    temperature = run_temperature(run)
    assert temperature < 0.8
    assert calibration_error_of(stored) > 0.03
    calibrated = apply_temperature(stored.probabilities, temperature)
    assert calibration_error_of(StoredPredictions(stored.labels, calibrated)) < 0.003


def calibration_error_of(answers: StoredPredictions) -> float:
    images = np.zeros((len(answers.labels), 28, 28), np.uint8)
    network = Network(registry.find_run("best"))
    return calibration_error(
        reliability(
            Predictions(network, "mnist", images, answers.labels, answers.probabilities, True)
        )
    )


@pytest.mark.parametrize("run_id", sorted(PRESETS))
def test_no_shipped_run_was_calibrated_on_the_test_digits(run_id: str) -> None:
    """Fitted on all 10,000 test digits, it would be another number."""
    run = registry.find_run(run_id)
    stored = run.predictions("mnist")
    assert stored is not None
    assert run.info.temperature is not None
    assert run_temperature(run) == run.info.temperature
    assert run.info.temperature != pytest.approx(fit_temperature([stored]), rel=1e-3)


def test_a_run_without_a_temperature_takes_that_of_the_samples_test_digits(tmp_path: Path) -> None:
    folder = without_temperature("purawr", tmp_path)
    sample = registry.find_run("purawr").predictions("mnist-sample")
    assert sample is not None
    assert run_temperature(registry.read_run(folder)) == fit_temperature([sample])


def without_temperature(run_id: str, parent: Path) -> Path:
    folder = parent / run_id
    shutil.copytree(registry.find_run(run_id).folder, folder)
    file = folder / "run.json"
    info = json.loads(file.read_text())
    info["temperature"] = None
    file.write_text(json.dumps(info))
    return folder


@pytest.mark.parametrize("harm", ["gone", "cut off"])
def test_a_run_without_answers_is_taken_as_it_is(tmp_path: Path, harm: str) -> None:
    folder = without_temperature("fast", tmp_path)
    file = folder / "test_predictions.npz"
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:1000])
    assert run_temperature(registry.read_run(folder)) == 1.0
