"""The robustness view of the confusions page: accuracy on rotated, shifted, blurred digits."""

from functools import partial

import numpy as np
import streamlit as st

from core.data.corruptions import (
    CORRUPTION_BY_NAME,
    CORRUPTIONS,
    NO_CORRUPTION,
    Corruption,
    CorruptionName,
    CorruptionParameter,
    describe_corruption,
)
from core.evaluation.comparison import wilson_interval
from core.evaluation.robustness import (
    DATASET,
    RobustnessCurves,
    corrupted_digits,
    corrupted_predictions,
    load_robustness_curves,
    measure_and_store_robustness,
)
from core.figures.comparison_charts import robustness_chart
from core.figures.images import digit_sheet_png
from core.runs import registry
from core.runs.predictions import Predictions
from core.runs.run import Network, Run
from core.utils.background import shared_task
from core.utils.errors import DigitscopeError
from pages.widgets.confusion.matrix import draw_matrix
from pages.widgets.confusion.mnist_c import mnist_c_table
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import CHART_CONFIG, text_color

_CURVE = "confusion-robustness-curve"
_COLUMN_PX = 150
_SHOWN = 10
_ENLARGED = 3


def robustness_view(predictions: Predictions, other: Predictions | None) -> None:
    """Draw a slider for each corruption, the corrupted digits, and the accuracy on them.

    Args:
        predictions: answers of the run in use to the unchanged digits.
        other: answers of a second run, if one is compared.
    """
    on_user_digits = predictions.dataset == "mine"
    whose = "your own digits" if on_user_digits else "the sample's 1,000 test digits"
    st.write(
        "The same digits with the same labels, all changed by the same amount. How much "
        f"change does the network tolerate? Measured on {whose}."
    )
    st.fragment(_test)(predictions, other)


def key_of(name: CorruptionName) -> str:
    """Return the key of a corruption's slider."""
    return f"confusion-robustness-{name}"


def _test(predictions: Predictions, other: Predictions | None) -> None:
    stress = _sliders()
    unchanged = [predictions, other] if other else [predictions]
    changed: list[Predictions] = []
    with st.spinner("Reading the changed digits …", show_time=True):
        for run_predictions in unchanged:
            try:
                # The run may have been deleted since the page was drawn.
                registry.read_run(run_predictions.run.folder)
                changed.append(_read(run_predictions, stress))
            except DigitscopeError as error:
                st.warning(plain(str(error)), icon=":material/broken_image:")
                if run_predictions is predictions:
                    return
    _before_and_after(_read(predictions, NO_CORRUPTION), changed[0], stress)
    for run_predictions, before in zip(changed, unchanged, strict=False):
        st.write(_errors_sentence(run_predictions, _read(before, NO_CORRUPTION)))
    _curve(unchanged, stress)
    st.header("The matrix with this change", anchor=False)
    draw_matrix(
        changed[0], changed[1] if len(changed) > 1 else None, key="confusion-robustness-matrix"
    )
    mnist_c_table(unchanged)


def _sliders() -> Corruption:
    with st.grid(min_column_width=_COLUMN_PX, gap=("small", "medium")):
        values = {kind.name: _slider(kind) for kind in CORRUPTIONS}
    st.button(
        "Reset", icon=":material/restart_alt:", key="confusion-robustness-reset", on_click=_reset
    )
    return Corruption(**values)


def _slider(kind: CorruptionParameter) -> float:
    st.session_state.setdefault(key_of(kind.name), kind.neutral)
    value: float = st.slider(
        kind.label,
        float(kind.low),
        float(kind.high),
        step=float(kind.step),
        format=kind.format,
        key=key_of(kind.name),
        persist_state="session",
        help=kind.help,
        on_change=_moved,
        args=(kind.name,),
    )
    return value


def _moved(name: CorruptionName) -> None:
    """Show the curve of the slider that was moved last."""
    st.session_state[_CURVE] = name


def _reset() -> None:
    for kind in CORRUPTIONS:
        st.session_state[key_of(kind.name)] = kind.neutral


def _read(predictions: Predictions, stress: Corruption) -> Predictions:
    if predictions.dataset == "mine":
        return corrupted_digits(predictions, stress)
    return corrupted_predictions(predictions.network, stress)


def _before_and_after(before: Predictions, after: Predictions, stress: Corruption) -> None:
    """Draw the first digit of each label, or the first few of the visitor's own."""
    if len(before) > _SHOWN:
        indices = np.unique(before.labels, return_index=True)[1]
    else:
        indices = np.arange(len(before))
    rows = np.concatenate([before.images[indices], after.images[indices]])
    large = rows.repeat(_ENLARGED, axis=1).repeat(_ENLARGED, axis=2)
    with st.container(width=len(indices) * 28 * _ENLARGED):  # or as much as a phone has
        st.image(
            digit_sheet_png(large, len(indices)),
            caption=f"As they are, and below: {describe_corruption(stress)}",
            width="stretch",
            alt=f"Digits as they are, and changed: {describe_corruption(stress)}",
        )


def _errors_sentence(changed: Predictions, unchanged: Predictions) -> str:
    """Return the count and rate of errors, beside the count on the unchanged digits."""
    n, right = len(changed), int(changed.correct.sum())
    low, high = (100 * end for end in wilson_interval(right, n))
    wrong_before = len(unchanged) - int(unchanged.correct.sum())
    caveat = "" if changed.held_out else " It was trained on some of them."
    return (
        f"**{plain(changed.name)}**: {n - right:,} wrong of {n:,} ({100 * right / n:.1f} %, 95 % "
        f"interval {low:.1f} to {high:.1f} %); unchanged, {wrong_before:,} are wrong.{caveat}"
    )


def _curve(compared: list[Predictions], stress: Corruption) -> None:
    """Draw the stored curves of the chosen corruption, or an offer to measure them."""
    st.session_state.setdefault(_CURVE, CORRUPTIONS[0].name)
    name: CorruptionName = st.selectbox(
        "Accuracy over the whole range of",
        [kind.name for kind in CORRUPTIONS],
        format_func=lambda name: CORRUPTION_BY_NAME[name].label,
        key=_CURVE,
        persist_state="session",
        width=260,
    )
    curves: dict[str, RobustnessCurves] = {}
    for predictions in compared:
        curve = _stored_or_offered(predictions.run)
        if curve is not None:
            curves[predictions.run.id] = curve
    if not curves:
        return
    kind = CORRUPTION_BY_NAME[name]
    st.plotly_chart(
        robustness_chart(kind, curves, getattr(stress, name), text_color()),
        config=CHART_CONFIG,
        key="confusion-robustness-chart",
        alt=f"Accuracy over {kind.label.lower()}, with the slider's place marked",
    )
    st.caption(_what_is_measured(compared))


def _what_is_measured(compared: list[Predictions]) -> str:
    sentence = "This one change alone, on the sample's 1,000 test digits, measured at the points."
    if any(predictions.epoch is not None for predictions in compared):
        sentence += " The curve is the finished network's."
    return sentence


def _stored_or_offered(run: Run) -> RobustnessCurves | None:
    try:
        run = registry.read_run(run.folder)  # the run may have changed since then
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/broken_image:")
        return None
    curves = load_robustness_curves(run)
    if curves is None:
        chore = shared_task(
            (Network(run), "stress", DATASET), partial(measure_and_store_robustness, run)
        )
        st.info(
            f"The robustness of the run “{plain(run.id)}” was not measured yet. It takes about "
            "a minute, once for all visitors of this server.",
            icon=":material/hourglass_empty:",
        )
        draw_task(
            chore,
            f"Measure {run.id}",
            f"confusion-robustness-measure-{run.id}",
            doing=f"Measuring {run.id}",
        )
    return curves
