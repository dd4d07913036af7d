"""What a lesson can measure: in the digits, in a network, in the run of who takes the lesson.

A lesson's file names a measure and its arguments, such as `{name: digit_label, index: 7}`. Every
answer in a lesson is such a measure, so nothing in a lesson is known before it is measured.
`docs/lessons.md` lists all of them (`tests/core/lessons/test_measures.py` compares).
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from core.data.normalization import Scaling, scale
from core.data.statistics import SplitName, class_counts, ink_share, split_of
from core.evaluation.calibration import calibration_error, reliability
from core.evaluation.confusion_matrix import count_confusions, per_class_report, top_confusions
from core.explain.convolution import output_side
from core.recipes.architecture import Row
from core.runs import registry
from core.runs.ensembles import average
from core.runs.predictions import Predictions, load_predictions, score_predictions
from core.runs.run import Run, StoredPredictions
from core.utils.errors import LessonError
from core.utils.text import duration, percent_of

SAMPLE: Final = "mnist-sample"
"""Lessons are about its digits, which are always there."""
Cell = tuple[int, int]
"""Label and answer."""
Value = float | str | Cell


@dataclass(frozen=True)
class Drawing:
    """What was read in the visitor's drawing.

    Attributes:
        digit: the answer of the network in use.
        confidence: calibrated, 0 to 1.
        verdict: "sure", "unsure" or "not a digit".
        naive_digit: the answer if the picture is only resized to 28×28 pixels.
        pixels: what the network read, uint8 (28, 28).
    """

    digit: int
    confidence: float
    verdict: str
    naive_digit: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        run: of who takes the lesson; None if the lesson has no run.
        drawing: of the visitor; None if there is none.
    """

    run: Run | None = None
    drawing: Drawing | None = None


@dataclass(frozen=True)
class Fact:
    """What was measured.

    Attributes:
        value: a number, a text, or a cell of the confusion matrix.
        text: the value as a sentence has it.
    """

    value: Value
    text: str


_Measure = Callable[..., Fact]
Kind = Literal["number", "text", "cell"]
_Digit = Annotated[int, Field(ge=0, le=9)]
_Index = Annotated[int, Field(ge=0)]
_Size = Annotated[int, Field(ge=1, le=28)]


@dataclass(frozen=True)
class _Entry:
    """A measure with the kind of its value and its arguments, whose types are checked."""

    function: _Measure
    kind: Kind
    arguments: type[BaseModel]


_MEASURES: Final[dict[str, _Entry]] = {}


def _measure(kind: Kind) -> Callable[[_Measure], _Measure]:
    """Register a measure under its function's name."""

    def register(function: _Measure) -> _Measure:
        _, *parameters = inspect.signature(function).parameters.values()
        fields: dict[str, Any] = {each.name: (each.annotation, ...) for each in parameters}
        arguments = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
        _MEASURES[function.__name__] = _Entry(function, kind, arguments)
        return function

    return register


def measure_names() -> tuple[str, ...]:
    """The names of all measures."""
    return tuple(_MEASURES)


def describe_measure(name: str) -> tuple[str, str, Kind]:
    """A measure's arguments, its description and the kind of its value.

    Example:
        >>> describe_measure("digit_label")
        ('split, index', 'The label of a digit of the sample.', 'text')
    """
    entry = _MEASURES[name]
    return ", ".join(entry.arguments.model_fields), inspect.getdoc(entry.function) or "", entry.kind


def measures_run(name: str) -> bool:
    """Whether a measure looks at the lesson's run: its first parameter tells."""
    first = next(iter(inspect.signature(_MEASURES[name].function).parameters))
    return not first.startswith("_") and not name.startswith("drawing_")


def check_measure(name: str, arguments: Mapping[str, Any]) -> Kind:
    """Check that there is such a measure and that these are its arguments; give its kind.

    Raises:
        ValueError: there is none, or an argument lacks, is one too many, or is of another type.
    """
    if name not in _MEASURES:
        raise ValueError(f"there is no measure {name!r}; there are: {', '.join(_MEASURES)}")
    entry = _MEASURES[name]
    try:
        entry.arguments.model_validate(arguments)
    except ValidationError as error:
        wanted = ", ".join(entry.arguments.model_fields) or "none"
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise ValueError(
            f"the measure {name!r} has other arguments ({wanted}): {faults}"
        ) from error
    return entry.kind


def measure(name: str, arguments: Mapping[str, Any], subject: Subject) -> Fact:
    """Measure.

    Args:
        name: of the measure.
        arguments: that its file gives.
        subject: the run and the drawing.

    Raises:
        LessonError: the run or the drawing lacks, or has nothing of the kind.
        RunError: the run cannot be read.
        DatasetError: the digits cannot be loaded.

    Example:
        >>> measure("digit_label", {"split": "test", "index": 0}, Subject()).text
        '7'
    """
    entry = _MEASURES[name]
    return entry.function(subject, **dict(entry.arguments.model_validate(arguments)))


def _number(value: float, text: str | None = None) -> Fact:
    return Fact(float(value), f"{value:,}" if text is None else text)


def _text(text: str) -> Fact:
    return Fact(text, text)


def _yes_or_no(answer: bool) -> Fact:
    return _text("yes" if answer else "no")


def _run(subject: Subject) -> Run:
    if subject.run is None:
        raise LessonError("There is no run to measure. Train one first.")
    return subject.run


def _answers(subject: Subject) -> Predictions:
    return load_predictions(_run(subject), SAMPLE)


def _digit(split: SplitName, index: int) -> NDArray[np.uint8]:
    digits = split_of(SAMPLE, split)
    if not 0 <= index < len(digits):
        raise LessonError(f"The sample has {len(digits):,} {split} digits, and no number {index}.")
    return digits.images[index]


# --- The digits -----------------------------------------------------------------------------------


@_measure("number")
def digit_count(_subject: Subject, split: SplitName) -> Fact:
    """How many digits a split of the sample has."""
    return _number(len(split_of(SAMPLE, split)))


@_measure("number")
def digits_of_class(_subject: Subject, split: SplitName, digit: _Digit) -> Fact:
    """How many digits of a split of the sample have this label."""
    return _number(int(class_counts(SAMPLE, split)[digit]))


@_measure("text")
def digit_label(_subject: Subject, split: SplitName, index: _Index) -> Fact:
    """The label of a digit of the sample."""
    _digit(split, index)
    return _text(str(int(split_of(SAMPLE, split).labels[index])))


@_measure("number")
def pixel_maximum(_subject: Subject, split: SplitName, index: _Index) -> Fact:
    """The largest gray value of a digit, 0 to 255."""
    return _number(int(_digit(split, index).max()))


@_measure("number")
def ink_percent(_subject: Subject, split: SplitName, index: _Index) -> Fact:
    """How much of a digit is ink: its mean gray value, in % of white."""
    _digit(split, index)
    share = float(ink_share(SAMPLE, split)[index])
    return _number(share, f"{share:.1f} %")


@_measure("number")
def zero_pixels(_subject: Subject, split: SplitName, index: _Index) -> Fact:
    """How many of a digit's 784 pixels are exactly 0."""
    return _number(int((_digit(split, index) == 0).sum()))


@_measure("number")
def scaled_maximum(_subject: Subject, split: SplitName, index: _Index, scaling: Scaling) -> Fact:
    """The largest pixel of a digit after a scaling: divide-255, l2-axis-1 or standardise."""
    value = float(scale(_digit(split, index)[None], scaling).max())
    return _number(value, f"{value:.3f}")


@_measure("number")
def one_hot_place(_subject: Subject, split: SplitName, index: _Index) -> Fact:
    """Which place of a digit's one-hot row is 1, counted from 0."""
    _digit(split, index)
    return _number(int(split_of(SAMPLE, split).labels[index]))


@_measure("number")
def convolution_side(_subject: Subject, side: _Size, kernel: _Size) -> Fact:
    """Height and width of what a kernel makes of a picture of that side, without padding."""
    return _number(output_side(side, kernel, 1, "valid"))


@_measure("number")
def pooling_side(_subject: Subject, side: _Size, size: _Size) -> Fact:
    """Height and width of a picture after pooling."""
    return _number(side // size)


# --- The network ----------------------------------------------------------------------------------


def _layer(subject: Subject, layer: str) -> Row:
    rows = {row.name: row for row in _run(subject).info.recipe.architecture.rows()}
    if layer not in rows:
        raise LessonError(
            f"The network of {_run(subject).id} has no layer {layer!r}. It has: {', '.join(rows)}."
        )
    return rows[layer]


@_measure("number")
def parameters(subject: Subject) -> Fact:
    """How many parameters the network has."""
    return _number(_run(subject).info.parameters)


@_measure("number")
def layer_parameters(subject: Subject, layer: str) -> Fact:
    """How many parameters a layer has."""
    return _number(_layer(subject, layer).parameters)


@_measure("text")
def layer_shape(subject: Subject, layer: str) -> Fact:
    """The shape of a layer's output, such as "26×26×28"."""
    return _text("×".join(map(str, _layer(subject, layer).shape)))


@_measure("text")
def largest_layer(subject: Subject) -> Fact:
    """The layer with the most parameters."""
    rows = _run(subject).info.recipe.architecture.rows()
    return _text(max(rows, key=lambda row: row.parameters).name)


# --- The training ---------------------------------------------------------------------------------


def _history(subject: Subject, column: str) -> list[float]:
    run = _run(subject)
    history = run.history()
    if column not in history or history[column].isna().all():
        raise LessonError(f"{run.id} was trained without {column}: its settings leave it out.")
    return [float(value) for value in history[column]]


def _percent(share: float) -> Fact:
    return _number(100 * share, f"{100 * share:.2f} %")


@_measure("number")
def first_accuracy(subject: Subject) -> Fact:
    """Training accuracy of the first epoch, in %."""
    return _percent(_history(subject, "accuracy")[0])


@_measure("number")
def last_accuracy(subject: Subject) -> Fact:
    """Training accuracy of the last epoch, in %."""
    return _percent(_history(subject, "accuracy")[-1])


@_measure("number")
def last_validation_accuracy(subject: Subject) -> Fact:
    """Validation accuracy of the last epoch, in %."""
    return _percent(_history(subject, "val_accuracy")[-1])


@_measure("number")
def validation_gap(subject: Subject) -> Fact:
    """Training accuracy less validation accuracy at the end, in percentage points."""
    gap = _gap(subject)
    return _number(gap, f"{gap:.2f} points")


def _gap(subject: Subject) -> float:
    return 100 * (_history(subject, "accuracy")[-1] - _history(subject, "val_accuracy")[-1])


@_measure("text")
def is_overfitting(subject: Subject) -> Fact:
    """Yes if the training accuracy ends more than one point above the validation accuracy."""
    return _yes_or_no(_gap(subject) > 1)


@_measure("number")
def lowest_validation_epoch(subject: Subject) -> Fact:
    """The epoch with the lowest validation loss, counted from 1."""
    return _number(int(np.nanargmin(_history(subject, "val_loss"))) + 1)


@_measure("number")
def epochs_done(subject: Subject) -> Fact:
    """How many epochs the training has done."""
    return _number(len(_history(subject, "loss")))


@_measure("number")
def training_seconds(subject: Subject) -> Fact:
    """How long the training took, in seconds."""
    seconds = _run(subject).info.seconds
    return _number(seconds, duration(seconds))


# --- The result -----------------------------------------------------------------------------------


@_measure("number")
def test_accuracy(subject: Subject) -> Fact:
    """Accuracy on the sample's 1,000 test digits, in %."""
    answers = _answers(subject)
    right = int(answers.correct.sum())
    return _number(100 * right / len(answers), percent_of(right, len(answers), 2))


@_measure("number")
def wrong_count(subject: Subject) -> Fact:
    """How many of the sample's 1,000 test digits are misread."""
    return _number(_wrong(_run(subject)))


def _wrong(run: Run) -> int:
    return int((~load_predictions(run, SAMPLE).correct).sum())


@_measure("number")
def test_loss(subject: Subject) -> Fact:
    """Cross-entropy on the sample's test digits: the mean of -log(probability of the label)."""
    answers = _answers(subject)
    stored = StoredPredictions(answers.labels, answers.probabilities)
    loss = score_predictions(stored, held_out=answers.held_out).loss
    return _number(loss, f"{loss:.4f}")


@_measure("cell")
def worst_cell(subject: Subject) -> Fact:
    """The most frequent mistake: label and answer."""
    label, answer, _ = _worst(subject)
    return Fact((label, answer), f"{label} read as {answer}")


@_measure("number")
def worst_cell_count(subject: Subject) -> Fact:
    """How often the most frequent mistake happens."""
    return _number(_worst(subject)[2])


def _worst(subject: Subject) -> tuple[int, int, int]:
    worst = top_confusions(_answers(subject), 1)
    if not worst:
        raise LessonError(f"{_run(subject).id} makes no mistake on the sample's test digits.")
    return worst[0]


@_measure("text")
def hardest_digit(subject: Subject) -> Fact:
    """The digit with the lowest recall: of the digits with this label, the fewest are read so."""
    return _extreme_recall(subject, np.argmin)


@_measure("text")
def easiest_digit(subject: Subject) -> Fact:
    """The digit with the highest recall."""
    return _extreme_recall(subject, np.argmax)


def _extreme_recall(subject: Subject, choose: Callable[[NDArray[np.float64]], np.intp]) -> Fact:
    recalls = np.array([scores.recall for scores in per_class_report(_answers(subject)).classes])
    return _text(str(int(choose(recalls))))


@_measure("number")
def hardest_recall(subject: Subject) -> Fact:
    """The recall of that hardest digit, in %."""
    return _percent(min(scores.recall for scores in per_class_report(_answers(subject)).classes))


@_measure("number")
def recall(subject: Subject, digit: _Digit) -> Fact:
    """Recall of a digit, in %: how many of the digits with this label are read so."""
    return _percent(per_class_report(_answers(subject)).classes[digit].recall)


@_measure("number")
def precision(subject: Subject, digit: _Digit) -> Fact:
    """Precision of a digit, in %: how many of the digits that are read so have this label."""
    return _percent(per_class_report(_answers(subject)).classes[digit].precision)


@_measure("number")
def confusion(subject: Subject, label: _Digit, answer: _Digit) -> Fact:
    """How many digits with this label get this answer."""
    return _number(int(count_confusions(_answers(subject))[label, answer]))


@_measure("text")
def answer_to(subject: Subject, index: _Index) -> Fact:
    """What the network answers to a test digit of the sample."""
    return _text(str(int(_answers(subject).predicted[_index(index)])))


@_measure("number")
def confidence_in(subject: Subject, index: _Index) -> Fact:
    """The softmax probability of the network's answer to a test digit, in %."""
    share = float(_answers(subject).confidence[_index(index)])
    return _number(100 * share, f"{100 * share:.1f} %")


@_measure("number")
def confident_mistakes(subject: Subject) -> Fact:
    """How many digits are misread with a softmax probability of more than 90 %."""
    answers = _answers(subject)
    return _number(int((~answers.correct & (answers.confidence > 0.9)).sum()))


@_measure("number")
def mean_confidence(subject: Subject) -> Fact:
    """The mean softmax probability of the answers, in %."""
    return _percent(float(_answers(subject).confidence.mean()))


@_measure("number")
def accuracy_above(subject: Subject, confidence: float) -> Fact:
    """Of the answers with at least this softmax probability, in %: how many are right, in %."""
    answers = _answers(subject)
    sure = answers.confidence >= confidence / 100
    if not sure.any():
        raise LessonError(f"{_run(subject).id} gives no answer with {confidence:g} % or more.")
    return _percent(float(answers.correct[sure].mean()))


@_measure("number")
def expected_calibration_error(subject: Subject) -> Fact:
    """Expected calibration error on the sample's test digits, in percentage points."""
    error = 100 * calibration_error(reliability(_answers(subject)))
    return _number(error, f"{error:.2f} points")


def _index(index: int) -> int:
    _digit("test", index)
    return index


# --- Other runs -----------------------------------------------------------------------------------


@_measure("number")
def wrong_of(_subject: Subject, run: str) -> Fact:
    """How many of the sample's test digits a shipped run misreads."""
    return _number(_wrong(registry.find_run(run)))


@_measure("text")
def is_better_than(subject: Subject, run: str) -> Fact:
    """Yes if the lesson's run misreads fewer of the sample's test digits than a shipped run."""
    return _yes_or_no(_wrong(_run(subject)) < _wrong(registry.find_run(run)))


@_measure("number")
def ensemble_wrong(_subject: Subject, runs: list[str]) -> Fact:
    """How many test digits the mean of shipped runs' probabilities misreads."""
    members = [load_predictions(registry.find_run(name), SAMPLE) for name in runs]
    together = average([StoredPredictions(each.labels, each.probabilities) for each in members])
    return _number(int((together.probabilities.argmax(axis=1) != together.labels).sum()))


# --- The visitor's drawing ------------------------------------------------------------------------


def _drawing(subject: Subject) -> Drawing:
    if subject.drawing is None:
        raise LessonError("There is no drawing yet. Draw one digit on the Predict page, then look.")
    return subject.drawing


@_measure("text")
def drawing_answer(subject: Subject) -> Fact:
    """What the network in use reads in the drawing."""
    return _text(str(_drawing(subject).digit))


@_measure("number")
def drawing_confidence(subject: Subject) -> Fact:
    """The calibrated probability of that answer, in %."""
    return _percent(_drawing(subject).confidence)


@_measure("text")
def drawing_verdict(subject: Subject) -> Fact:
    """The verdict on the drawing: sure, unsure or not a digit."""
    return _text(_drawing(subject).verdict)


@_measure("text")
def drawing_naive_answer(subject: Subject) -> Fact:
    """What the network reads if the drawing is only resized to 28×28 pixels."""
    return _text(str(_drawing(subject).naive_digit))


@_measure("text")
def drawing_needs_preparation(subject: Subject) -> Fact:
    """Yes if the answer changes when the drawing is only resized."""
    drawing = _drawing(subject)
    return _yes_or_no(drawing.digit != drawing.naive_digit)


@_measure("number")
def drawing_ink_percent(subject: Subject) -> Fact:
    """How much of the prepared drawing is ink: its mean gray value, in % of white."""
    share = 100 * float(_drawing(subject).pixels.mean()) / 255
    return _number(share, f"{share:.1f} %")


@_measure("number")
def mean_ink_percent(_subject: Subject, split: SplitName) -> Fact:
    """The mean of the sample's digits' ink, in % of white."""
    share = float(ink_share(SAMPLE, split).mean())
    return _number(share, f"{share:.1f} %")
