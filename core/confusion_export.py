"""What the confusions page gives to take away: tables as CSV, and the wrong digits as pictures."""

import io
import zipfile
from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd

from core.answered import Answered
from core.class_report import Scores, class_report
from core.confusion import counts_of
from core.datasets import CLASSES, DATASETS
from core.plain_files import add, csv_bytes, inert
from core.suspects import suspect_indices


def file_stem(this: Answered) -> str:
    """What the files of these answers are called, without an ending: "best-epoch-3-mnist"."""
    epoch = "" if this.epoch is None else f"-epoch-{this.epoch}"
    return f"{this.run.id}{epoch}-{this.dataset}"


def report_csv(this: Answered) -> bytes:
    """Precision, recall, F1 and support of each digit, their averages, and the accuracy."""
    found = class_report(this)
    rows: list[Sequence[object]] = [("class", "precision", "recall", "f1", "support")]
    rows += [_scores(digit, one) for digit, one in enumerate(found.classes)]
    rows += [_scores("macro average", found.macro), _scores("weighted average", found.weighted)]
    # Where scikit-learn's own table has it.
    rows.append(("accuracy", "", "", found.accuracy, len(this)))
    origin = _origin(this)
    head, *rest = rows
    return csv_bytes([(*head, *origin), *((*row, *origin.values()) for row in rest)])


def predictions_csv(this: Answered) -> bytes:
    """A line for each digit: label, answer, the ten probabilities, and whose answer it is.

    `label_suspect` is 1 where the shipped runs together contradict the label, and empty where
    nobody can say.
    """
    table = pd.DataFrame(
        {
            "index": np.arange(len(this)),
            "label": this.labels,
            "predicted": this.predicted,
            "right": this.right.astype(np.uint8),
            "confidence": this.confidence,
        }
        | {f"p{digit}": this.probabilities[:, digit] for digit in range(CLASSES)}
        | {"label_suspect": _suspect_marks(this)}
        | _origin(this)
    )
    # Nine figures bring a float32 back as it was.
    return table.to_csv(index=False, float_format="%.9g", lineterminator="\n").encode()


def matrix_csv(this: Answered) -> bytes:
    """The ten by ten counts, true labels down and answers across, both named."""
    head = ("label", *(f"read as {digit}" for digit in range(CLASSES)))
    return csv_bytes([head, *((digit, *row) for digit, row in enumerate(counts_of(this).tolist()))])


def wrong_digits_zip(this: Answered) -> bytes:
    """Every digit that was read wrongly as a PNG of 28×28, light on dark as in MNIST.

    Index, label, answer and confidence stand in its name (`0247_label9_read4_83pct.png`) and in
    `index.csv`. The same answers give the same bytes.
    """
    lines: list[Sequence[object]] = [("file", "index", "label", "read", "confidence")]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for index in np.flatnonzero(~this.right).tolist():
            label, read = int(this.labels[index]), int(this.predicted[index])
            sure = float(this.confidence[index])
            name = f"{index:04d}_label{label}_read{read}_{int(100 * sure)}pct.png"
            lines.append((name, index, label, read, f"{sure:.6f}"))
            add(archive, name, cv2.imencode(".png", this.images[index])[1].tobytes())
        add(archive, "index.csv", csv_bytes(lines))
    return target.getvalue()


def _scores(name: object, one: Scores) -> Sequence[object]:
    return name, one.precision, one.recall, one.f1, one.support


def _origin(this: Answered) -> dict[str, object]:
    """Whose answers on which digits: the last columns of a table."""
    epoch = "" if this.epoch is None else this.epoch
    return {"dataset": inert(this.dataset), "run": inert(this.run.id), "epoch": epoch}


def _suspect_marks(this: Answered) -> object:
    """1 for a label suspect, 0 for another digit; nothing at all where labels cannot be judged."""
    if this.dataset not in DATASETS:
        return ""
    suspects = suspect_indices(this.dataset)
    if suspects is None:
        return ""
    marks = np.zeros(len(this), np.uint8)
    marks[list(suspects)] = 1
    return marks
