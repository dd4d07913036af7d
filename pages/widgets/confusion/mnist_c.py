"""The table of MNIST-C's corruptions in the stress view of the confusions page."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from core.data.mnist_c import MNIST_C, corrupt_mnist_c
from core.data.statistics import split_of
from core.evaluation.mnist_c import (
    DATASET,
    MnistCResults,
    load_mnist_c,
    measure_and_store_mnist_c,
)
from core.figures.images import digit_sheet_url
from core.runs import registry
from core.runs.predictions import Predictions
from core.runs.run import Network, Run
from core.utils.background import shared_task
from core.utils.errors import DigitscopeError
from core.utils.text import percent_to_tenths
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.markdown import plain

_EXAMPLES = (0, 1, 2, 3, 4, 5)
_ENLARGED = 2
_MEAN = "Mean of the fifteen"


def mnist_c_table(compared: Sequence[Predictions]) -> None:
    """Draw the accuracy of one or two runs under each corruption of MNIST-C, with examples.

    Args:
        compared: answers of the runs, of which the finished networks are measured.
    """
    st.header("MNIST-C: fifteen corruptions", anchor=False)
    st.write(
        "A benchmark of changes that a network was not trained for (Mu and Gilmer, 2019), at the "
        "strengths of its authors. They report about 79 % on average for a small network."
    )
    results = {}
    for run in {each.run.id: each.run for each in compared}.values():
        found = _stored_or_offered(run)
        if found:
            results[run.id] = found
    if results:
        _table(results)


def _table(results: dict[str, MnistCResults]) -> None:
    rows = {
        "Corruption": [corruption.label for corruption in MNIST_C] + [_MEAN],
        "Examples": [_examples(corruption.name) for corruption in MNIST_C] + [None],
    }
    for name, figures in results.items():
        accuracies = [figures.accuracy(corruption.name) for corruption in MNIST_C]
        rows[plain(name)] = [
            percent_to_tenths(value) for value in (*accuracies, figures.mean_accuracy)
        ]
    st.dataframe(
        rows,
        hide_index=True,
        placeholder="",
        height=620,
        row_height=36,
        column_config={"Examples": st.column_config.ImageColumn(width=320)},
        alt="Accuracy under each corruption of MNIST-C",
    )
    n = next(iter(results.values())).n
    st.caption(
        f"Accuracy of the finished network on the sample's {n:,} test digits under each "
        "corruption: a figure may be off by 1 to 3 %. The corruptions are remade with SciPy and "
        "OpenCV, so single pixels differ from the published files."
    )


@st.cache_data(max_entries=32)
def _examples(name: str) -> str:
    digits = split_of(DATASET, "test").images[list(_EXAMPLES)]
    changed = corrupt_mnist_c(np.ascontiguousarray(digits), name)
    large = changed.repeat(_ENLARGED, axis=1).repeat(_ENLARGED, axis=2)
    return digit_sheet_url(large, len(_EXAMPLES))


def _stored_or_offered(run: Run) -> MnistCResults | None:
    try:
        run = registry.read_run(run.folder)  # the run may have changed since then
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/broken_image:")
        return None
    results = load_mnist_c(run)
    if results is None:
        task = shared_task((Network(run), "mnist-c"), partial(measure_and_store_mnist_c, run))
        st.info(
            f"The run “{plain(run.id)}” was not measured on MNIST-C yet. It takes a few "
            "seconds, once for all visitors of this server.",
            icon=":material/hourglass_empty:",
        )
        draw_task(
            task,
            f"Measure {run.id} on MNIST-C",
            f"confusion-mnist-c-{run.id}",
            doing=f"Measuring {run.id}",
        )
    return results
