"""Downloads of the confusion page: tables as CSV, wrong digits as a zip, the matrix as a picture.

The matrix is a PNG, an SVG, or an HTML page that opens offline. Colors and numbers are those of the
page (`core.evaluation.confusion_matrix`), on white, for paper and slides.

In all functions `predictions` are a network's answers on the test digits of a dataset.
"""

import contextlib
import html
import importlib
import io
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np
import pandas as pd

from core.data.mnist import CLASSES, DATASETS, TEST_DIGITS
from core.evaluation.comparison import wilson_interval
from core.evaluation.confusion_matrix import (
    CellStyle,
    ClassScores,
    MatrixCell,
    count_confusions,
    matrix_cells,
    per_class_report,
)
from core.evaluation.examples import label_issue_indices
from core.figures.style import DIGIT_COLORS, TEXT_COLORS
from core.runs.predictions import Predictions
from core.utils.files import add_to_zip, csv_bytes, without_formulas
from core.utils.text import percent_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def file_stem(predictions: Predictions) -> str:
    """Return the file name of these predictions without an ending, as in "best-epoch-3-mnist"."""
    epoch = "" if predictions.epoch is None else f"-epoch-{predictions.epoch}"
    return f"{predictions.run.id}{epoch}-{predictions.dataset}"


def report_csv(predictions: Predictions) -> bytes:
    """Write precision, recall, F1 and support of each digit, their averages, and the accuracy.

    Returns:
        CSV with the rows of scikit-learn's `classification_report`; scores from 0 to 1.
    """
    report = per_class_report(predictions)
    rows: list[Sequence[object]] = [("class", "precision", "recall", "f1", "support")]
    rows += [_scores(digit, scores) for digit, scores in enumerate(report.classes)]
    rows += [_scores("macro average", report.macro), _scores("weighted average", report.weighted)]
    # Where scikit-learn's own table has it.
    rows.append(("accuracy", "", "", report.accuracy, len(predictions)))
    origin = _origin(predictions)
    head, *rest = rows
    return csv_bytes([(*head, *origin), *((*row, *origin.values()) for row in rest)])


def predictions_csv(predictions: Predictions) -> bytes:
    """Write label, answer, the ten probabilities and the run's name for each digit.

    Returns:
        CSV with a row for each digit. `label_suspect` is 1 where the shipped runs together
        contradict the label, and empty where that is unknown.
    """
    table = pd.DataFrame(
        {
            "index": np.arange(len(predictions)),
            "label": predictions.labels,
            "predicted": predictions.predicted,
            "right": predictions.correct.astype(np.uint8),
            "confidence": predictions.confidence,
        }
        | {f"p{digit}": predictions.probabilities[:, digit] for digit in range(CLASSES)}
        | {"label_suspect": _suspect_marks(predictions)}
        | _origin(predictions)
    )
    # Nine figures bring a float32 back as it was.
    return table.to_csv(index=False, float_format="%.9g", lineterminator="\n").encode()


def matrix_csv(predictions: Predictions) -> bytes:
    """Write the 10×10 counts as CSV, true labels down and answers across, with headings."""
    head = ("label", *(f"read as {digit}" for digit in range(CLASSES)))
    return csv_bytes(
        [head, *((digit, *row) for digit, row in enumerate(count_confusions(predictions).tolist()))]
    )


def wrong_digits_zip(predictions: Predictions) -> bytes:
    """Pack every digit that was read wrongly as a PNG of 28×28, light on dark as in MNIST.

    Returns:
        A zip, the same for the same answers. Index, label, answer and confidence of a digit stand
        in its file name, as in `0247_label9_read4_83pct.png`, and in `index.csv`.
    """
    lines: list[Sequence[object]] = [("file", "index", "label", "read", "confidence")]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for index in np.flatnonzero(~predictions.correct).tolist():
            label, predicted = int(predictions.labels[index]), int(predictions.predicted[index])
            confidence = float(predictions.confidence[index])
            name = f"{index:04d}_label{label}_read{predicted}_{int(100 * confidence)}pct.png"
            lines.append((name, index, label, predicted, f"{confidence:.6f}"))
            add_to_zip(archive, name, cv2.imencode(".png", predictions.images[index])[1].tobytes())
        add_to_zip(archive, "index.csv", csv_bytes(lines))
    return target.getvalue()


def _scores(name: object, scores: ClassScores) -> Sequence[object]:
    return name, scores.precision, scores.recall, scores.f1, scores.support


def _origin(predictions: Predictions) -> dict[str, object]:
    """Return dataset, run and epoch: the last columns of a table."""
    epoch = "" if predictions.epoch is None else predictions.epoch
    return {
        "dataset": without_formulas(predictions.dataset),
        "run": without_formulas(predictions.run.id),
        "epoch": epoch,
    }


def _suspect_marks(predictions: Predictions) -> object:
    """Return uint8 (n,), 1 for a suspect label; an empty text where that is unknown."""
    if predictions.dataset not in DATASETS:
        return ""
    suspects = label_issue_indices(predictions.dataset)
    if suspects is None:
        return ""
    marks = np.zeros(len(predictions), np.uint8)
    marks[list(suspects)] = 1
    return marks


_GOOD: Final = DIGIT_COLORS[0]
_BAD: Final = DIGIT_COLORS[6]
_EMPTY: Final = "#f0f2f6"
_INK: Final = TEXT_COLORS["light"]
_VALUES: Final = {
    "counts": "Numbers of digits",
    "row": "Per cent of each label",
    "column": "Per cent of each answer",
}


def matrix_png(predictions: Predictions, style: CellStyle) -> bytes:
    """Draw the matrix with title and caption as a PNG of 1400×1500 pixels."""
    return _drawn(predictions, style, "png")


def matrix_svg(predictions: Predictions, style: CellStyle) -> bytes:
    """Draw the same as an SVG; its letters are paths, so that no font is needed."""
    return _drawn(predictions, style, "svg")


def matrix_html(predictions: Predictions, style: CellStyle) -> bytes:
    """Write the same as an HTML page without scripts and external files.

    It is a table, which can be copied into a spreadsheet and read by a screen reader; each cell has
    a tooltip.
    """
    title = html.escape(matrix_title(predictions))
    words = "<br>\n".join(html.escape(line) for line in matrix_caption(predictions, style))
    rows = matrix_cells(count_confusions(predictions), style)
    across = "".join(f'<th scope="col">{cell.read}</th>' for cell in rows[0])
    body = "\n".join(
        f'<tr><th scope="row">{row[0].true}</th>{"".join(map(_html_cell, row))}</tr>'
        for row in rows
    )
    return _PAGE.format(title=title, caption=words, across=across, body=body).encode()


def matrix_title(predictions: Predictions) -> str:
    """Return the title: the run, and the digits that it read."""
    return f"{predictions.name} on {TEST_DIGITS.get(predictions.dataset, 'digits of a visitor')}"


def matrix_caption(predictions: Predictions, style: CellStyle) -> list[str]:
    """Return the caption's lines: accuracy, whether it is a test score, meaning of the cells."""
    n, right = len(predictions), int(predictions.correct.sum())
    low, high = (100 * end for end in wilson_interval(right, n))
    accuracy = f"{percent_of(right, n, 2)} (95 % interval {low:.2f} to {high:.2f} %)"
    lines = [f"{right:,} of {n:,} digits read rightly: {accuracy}."]
    if not predictions.held_out:
        lines.append("Some of these digits were trained on: this is no test score.")
    hidden = "" if style.diagonal else " The diagonal, the right answers, is left out."
    scale = " Colors on a logarithmic scale." if style.log else ""
    return [*lines, f"{_VALUES[style.values]}; true labels down, answers across.{hidden}{scale}"]


def _drawn(predictions: Predictions, style: CellStyle, kind: Literal["png", "svg"]) -> bytes:
    # Not through pyplot, which keeps figures in one list for all threads.
    # A figure asks IPython for its version, if IPython is imported. Another thread that imports
    # TensorFlow may be half-way through importing it: this waits for the end of that.
    with contextlib.suppress(ImportError):
        importlib.import_module("IPython")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7.5), facecolor="white")
    _draw(figure, matrix_cells(count_confusions(predictions), style))
    # A run may be called anything: no text is read as a formula.
    figure.text(
        0.5,
        0.965,
        matrix_title(predictions),
        ha="center",
        size=13,
        weight="bold",
        color=_INK,
        parse_math=False,
    )
    figure.text(
        0.5,
        0.012,
        "\n".join(matrix_caption(predictions, style)),
        ha="center",
        va="bottom",
        size=9,
        color=_INK,
        linespacing=1.5,
        parse_math=False,
    )
    target = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(target, format=kind, dpi=200, metadata=metadata)
    return target.getvalue()


def _draw(figure: "Figure", rows: Sequence[Sequence[MatrixCell]]) -> None:
    from matplotlib.colors import to_hex, to_rgb
    from matplotlib.patches import Rectangle

    axes = figure.add_axes((0.1, 0.115, 0.87, 0.785))
    for down, row in enumerate(rows):
        for across, cell in enumerate(row):
            color = to_hex(_mixed(to_rgb(_GOOD if cell.good else _BAD), to_rgb(_EMPTY), cell.heat))
            axes.add_patch(Rectangle((across + 0.03, down + 0.03), 0.94, 0.94, color=color, lw=0))
            axes.text(
                across + 0.5, down + 0.5, cell.text, ha="center", va="center", size=11, color=_INK
            )
    axes.set(xlim=(0, CLASSES), ylim=(CLASSES, 0), aspect="equal")
    middles = [k + 0.5 for k in range(CLASSES)]
    axes.set_xticks(middles, [str(cell.read) for cell in rows[0]], color=_INK, size=11)
    axes.set_yticks(middles, [str(row[0].true) for row in rows], color=_INK, size=11)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("read as", color=_INK, size=11)
    axes.set_ylabel("label", color=_INK, size=11)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _mixed(
    full: tuple[float, float, float], empty: tuple[float, float, float], share: float
) -> tuple[float, float, float]:
    red, green, blue = (share * a + (1 - share) * b for a, b in zip(full, empty, strict=True))
    return red, green, blue


def _html_cell(cell: MatrixCell) -> str:
    kind = "good" if cell.good else "bad"
    return (
        f'<td class="{kind}" style="--heat:{100 * cell.heat:.1f}%" '
        f'title="{html.escape(cell.sentence)}">'
        f"{html.escape(cell.text)}</td>"
    )


_PAGE: Final = (
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ max-width: 46rem; margin: 1rem auto; padding: 0 .5rem; font: 1rem/1.5 sans-serif; }}
body {{ background: #fff; color: INK; }}
table {{ width: 100%; table-layout: fixed; border-spacing: 2px; text-align: center; }}
caption {{ font-weight: 700; font-size: 1.1em; padding-bottom: .5rem; }}
td {{ height: 2.5em; background: color-mix(in srgb, var(--hue) var(--heat), EMPTY); }}
td.good {{ --hue: GOOD; }}
td.bad {{ --hue: BAD; }}
@media (max-width: 480px) {{ table {{ font-size: .65rem; border-spacing: 1px; }} }}
</style>
</head>
<body>
<table>
<caption>{title}</caption>
<tr><th scope="col">label</th><th colspan="10" scope="colgroup">read as</th></tr>
<tr><td style="background:none"></td>{across}</tr>
{body}
</table>
<p>{caption}</p>
</body>
</html>
""".replace("INK", _INK)
    .replace("EMPTY", _EMPTY)
    .replace("GOOD", _GOOD)
    .replace("BAD", _BAD)
)
