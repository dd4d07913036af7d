"""What lessons measure, by other means: NumPy, scikit-learn, Keras's own counts."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_score,
    recall_score,
)

from core.data import mnist
from core.lessons.measures import (
    Drawing,
    Subject,
    check_measure,
    describe_measure,
    measure,
    measure_names,
    measures_run,
)
from core.runs import registry
from core.utils.errors import LessonError

SAMPLE = mnist.load("mnist-sample")
RUN = registry.find_run("purawr")
SUBJECT = Subject(RUN)
ANSWERS = RUN.predictions("mnist-sample")
assert ANSWERS is not None
LABELS, PROBABILITIES = ANSWERS.labels, ANSWERS.probabilities
PREDICTED = PROBABILITIES.argmax(axis=1)
HISTORY = RUN.history()


def value(name: str, **arguments: object) -> object:
    return measure(name, arguments, SUBJECT).value


def test_digits_are_counted_as_numpy_counts_them() -> None:
    image = SAMPLE.test.images[8]
    assert value("digit_count", split="train") == 4000
    assert value("digits_of_class", split="test", digit=5) == (SAMPLE.test.labels == 5).sum()
    assert value("digit_label", split="test", index=8) == str(SAMPLE.test.labels[8])
    assert value("one_hot_place", split="test", index=8) == SAMPLE.test.labels[8]
    assert value("pixel_maximum", split="test", index=8) == image.max()
    assert value("zero_pixels", split="test", index=8) == (image == 0).sum()
    share = value("ink_percent", split="test", index=8)
    assert share == pytest.approx(100 * image.mean() / 255, rel=1e-4)
    lengths = np.linalg.norm(image.astype(float), axis=0)
    largest = (image / np.maximum(lengths, 1)).max()
    scaled = value("scaled_maximum", split="test", index=8, scaling="l2-axis-1")
    assert scaled == pytest.approx(largest, rel=1e-5)
    mean = value("mean_ink_percent", split="test")
    assert mean == pytest.approx(100 * SAMPLE.test.images.mean() / 255, rel=1e-4)


def test_sides_are_those_of_a_convolution_and_of_pooling() -> None:
    assert value("convolution_side", side=28, kernel=5) == 24
    assert value("pooling_side", side=13, size=2) == 6


def test_the_network_is_counted_by_hand() -> None:
    # 784 inputs, two dense layers of 50, ten outputs, a bias each.
    assert value("layer_parameters", layer="dense_1") == 784 * 50 + 50
    assert value("parameters") == 784 * 50 + 50 + 50 * 50 + 50 + 50 * 10 + 10
    assert value("layer_shape", layer="dense_2") == "50"
    assert value("largest_layer") == "dense_1"
    with pytest.raises(LessonError, match=r"no layer 'conv_9'\. It has: flatten_1"):
        value("layer_parameters", layer="conv_9")


def test_the_training_is_that_of_its_history() -> None:
    assert value("first_accuracy") == pytest.approx(100 * HISTORY["accuracy"].iloc[0])
    assert value("last_accuracy") == pytest.approx(100 * HISTORY["accuracy"].iloc[-1])
    assert value("epochs_done") == len(HISTORY) == 10
    assert value("training_seconds") == RUN.info.seconds
    with pytest.raises(LessonError, match="without val_accuracy"):
        value("validation_gap")
    soorya = registry.find_run("soorya")
    gap = measure("validation_gap", {}, Subject(soorya)).value
    history = soorya.history()
    assert gap == pytest.approx(
        100 * (history["accuracy"].iloc[-1] - history["val_accuracy"].iloc[-1])
    )
    assert measure("is_overfitting", {}, Subject(soorya)).value == ("yes" if gap > 1 else "no")
    assert measure("last_validation_accuracy", {}, Subject(soorya)).value == pytest.approx(
        100 * history["val_accuracy"].iloc[-1]
    )
    assert (
        measure("lowest_validation_epoch", {}, Subject(soorya)).value
        == history["val_loss"].to_numpy().argmin() + 1
    )


def test_the_result_is_as_scikit_learn_has_it() -> None:
    counts = confusion_matrix(LABELS, PREDICTED)
    assert value("test_accuracy") == pytest.approx(100 * accuracy_score(LABELS, PREDICTED))
    assert value("wrong_count") == (PREDICTED != LABELS).sum()
    shares = PROBABILITIES.astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    assert value("test_loss") == pytest.approx(log_loss(LABELS, shares), rel=1e-3)
    recalls = recall_score(LABELS, PREDICTED, average=None)
    assert value("hardest_digit") == str(recalls.argmin())
    assert value("easiest_digit") == str(recalls.argmax())
    assert value("recall", digit=9) == pytest.approx(100 * recalls[9])
    precisions = precision_score(LABELS, PREDICTED, average=None)
    assert value("precision", digit=9) == pytest.approx(100 * precisions[9])
    assert value("confusion", label=9, answer=4) == counts[9, 4]
    np.fill_diagonal(counts, 0)
    label, answer = value("worst_cell")  # type: ignore[misc]
    assert counts[label, answer] == counts.max() == value("worst_cell_count")
    assert value("answer_to", index=8) == str(PREDICTED[8])
    assert value("confidence_in", index=8) == pytest.approx(100 * PROBABILITIES[8].max())
    sure = (PREDICTED != LABELS) & (PROBABILITIES.max(axis=1) > 0.9)
    assert value("confident_mistakes") == sure.sum()
    assert value("hardest_recall") == pytest.approx(100 * recalls.min())
    assert value("mean_confidence") == pytest.approx(100 * PROBABILITIES.max(axis=1).mean())
    above = PROBABILITIES.max(axis=1) >= 0.9
    right = (PREDICTED == LABELS)[above].mean()
    assert value("accuracy_above", confidence=90) == pytest.approx(100 * right)
    with pytest.raises(LessonError, match="no answer with 101 % or more"):
        value("accuracy_above", confidence=101)
    assert 0 < float(str(value("expected_calibration_error"))) < 10


def test_other_runs_are_measured_on_the_same_digits() -> None:
    best = registry.find_run("best").predictions("mnist-sample")
    assert best is not None
    assert value("wrong_of", run="best") == (best.probabilities.argmax(axis=1) != LABELS).sum()
    assert value("is_better_than", run="best") == "no"
    mean = np.mean([best.probabilities, PROBABILITIES], axis=0)
    wrong = (mean.argmax(axis=1) != LABELS).sum()
    assert value("ensemble_wrong", runs=["best", "purawr"]) == wrong


def test_a_drawing_is_told_as_it_was_read() -> None:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[:14] = 255
    subject = Subject(RUN, Drawing(7, 0.5, "unsure", 1, pixels))
    told = {
        name: measure(f"drawing_{name}", {}, subject).text
        for name in ("answer", "confidence", "verdict", "naive_answer", "needs_preparation")
    }
    assert told == {
        "answer": "7",
        "confidence": "50.00 %",
        "verdict": "unsure",
        "naive_answer": "1",
        "needs_preparation": "yes",
    }
    assert measure("drawing_ink_percent", {}, subject).value == 50
    with pytest.raises(LessonError, match="There is no drawing yet"):
        value("drawing_answer")


def test_what_lacks_is_told() -> None:
    with pytest.raises(LessonError, match="There is no run to measure"):
        measure("wrong_count", {}, Subject())
    with pytest.raises(LessonError, match="no number 5000"):
        value("answer_to", index=5000)
    with pytest.raises(ValueError, match="there is no measure 'nonsense'"):
        check_measure("nonsense", {})
    for arguments in ({"digit": 10}, {"digit": "four"}, {"digit": None}, {}):
        with pytest.raises(ValueError, match=r"has other arguments \(digit\): digit: "):
            check_measure("recall", arguments)
    with pytest.raises(ValueError, match="split: Input should be 'train' or 'test'"):
        check_measure("digit_label", {"split": "tset", "index": 0})
    with pytest.raises(ValueError, match="has other arguments"):
        check_measure("recall", {"digits": 3})


def test_measures_of_a_run_are_known_as_such() -> None:
    assert measures_run("wrong_count")
    assert not measures_run("digit_label")
    assert not measures_run("drawing_answer")
    assert not measures_run("wrong_of")


def test_the_documentation_lists_every_measure_as_it_is() -> None:
    text = Path("docs/lessons.md").read_text(encoding="utf-8")
    for name in measure_names():
        arguments, words, kind = describe_measure(name)
        assert f"| `{name}` | {arguments} | {kind} | {words} |" in text, name
