"""The confusions page's stress tests: the digits are turned, moved, blurred ..., and read again."""

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
from core.figures.style import TEXT_COLORS
from core.runs import registry
from core.runs.predictions import Predictions
from core.runs.run import Network, Run
from core.utils.background import shared_task
from core.utils.errors import DigitscopeError
from pages.widgets.confusion.matrix import draw_matrix
from pages.widgets.shared.background_task import run_chore
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import CHART_CONFIG

CURVE = "confusion-stress-curve"
_COLUMN_PX = 150
_SHOWN = 10
_ENLARGED = 3


def stress_view(this: Predictions, other: Predictions | None) -> None:
    """Draw the sliders, what they make of the digits, and what the runs read then."""
    mine = this.dataset == "mine"
    whose = "your own digits" if mine else "the sample's 1,000 test digits"
    st.write(
        "**Stress**: the same digits with the same labels, but changed: all of them by as much as "
        f"you say. How much does a network bear? Measured on {whose}."
    )
    st.fragment(_test)(this, other)


def key_of(name: CorruptionName) -> str:
    """Of a kind's slider."""
    return f"confusion-stress-{name}"


def _test(this: Predictions, other: Predictions | None) -> None:
    stress = _sliders()
    asked = [this, other] if other else [this]
    found: list[Predictions] = []
    with st.spinner("The network reads the changed digits …", show_time=True):
        for one in asked:
            try:
                registry.read_run(one.run.folder)  # it may be gone since the page was drawn
                found.append(_read(one, stress))
            except DigitscopeError as error:
                st.warning(plain(str(error)), icon=":material/broken_image:")
                if one is this:
                    return
    _before_and_after(_read(this, NO_CORRUPTION), found[0], stress)
    for one, as_it_is in zip(found, asked, strict=False):
        st.write(_in_words(one, _read(as_it_is, NO_CORRUPTION)))
    _curve(asked, stress)
    st.subheader("The matrix under this stress", anchor=False)
    draw_matrix(found[0], found[1] if len(found) > 1 else None, key="confusion-stress-matrix")


def _sliders() -> Corruption:
    with st.grid(min_column_width=_COLUMN_PX, gap=("small", "medium")):
        values = {kind.name: _slider(kind) for kind in CORRUPTIONS}
    st.button("Reset", icon=":material/restart_alt:", key="confusion-stress-reset", on_click=_reset)
    return Corruption(**values)


def _slider(kind: CorruptionParameter) -> float:
    st.session_state.setdefault(key_of(kind.name), kind.nothing)
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
    """The curve below is that of the slider that was moved last."""
    st.session_state[CURVE] = name


def _reset() -> None:
    for kind in CORRUPTIONS:
        st.session_state[key_of(kind.name)] = kind.nothing


def _read(this: Predictions, stress: Corruption) -> Predictions:
    if this.dataset == "mine":
        return corrupted_digits(this, stress)
    return corrupted_predictions(this.network, stress)


def _before_and_after(before: Predictions, after: Predictions, stress: Corruption) -> None:
    """The first digit of each label, or the first few of the visitor's own."""
    if len(before) > _SHOWN:
        which = np.unique(before.labels, return_index=True)[1]
    else:
        which = np.arange(len(before))
    rows = np.concatenate([before.images[which], after.images[which]])
    large = rows.repeat(_ENLARGED, axis=1).repeat(_ENLARGED, axis=2)
    with st.container(width=len(which) * 28 * _ENLARGED):  # or as much as a phone has
        st.image(
            digit_sheet_png(large, len(which)),
            caption=f"As they are, and below: {describe_corruption(stress)}",
            width="stretch",
            alt=f"Digits as they are, and changed: {describe_corruption(stress)}",
        )


def _in_words(found: Predictions, as_it_is: Predictions) -> str:
    """Errors counted before they are rated, beside those without stress."""
    n, right = len(found), int(found.correct.sum())
    low, high = (100 * end for end in wilson_interval(right, n))
    unchanged = len(as_it_is) - int(as_it_is.correct.sum())
    seen = "" if found.held_out else " It was trained on some of them."
    return (
        f"**{plain(found.name)}**: {n - right:,} wrong of {n:,} ({100 * right / n:.1f} %, 95 % "
        f"interval {low:.1f} to {high:.1f} %); unchanged, {unchanged:,} are wrong.{seen}"
    )


def _curve(asked: list[Predictions], stress: Corruption) -> None:
    """The stored curves of the kind that was moved last, or the way to measure them."""
    st.session_state.setdefault(CURVE, CORRUPTIONS[0].name)
    name: CorruptionName = st.selectbox(
        "Accuracy over the whole range of",
        [kind.name for kind in CORRUPTIONS],
        format_func=lambda name: CORRUPTION_BY_NAME[name].label,
        key=CURVE,
        persist_state="session",
        width=260,
    )
    found: dict[str, RobustnessCurves] = {}
    for one in asked:
        curve = _stored_or_offered(one.run)
        if curve is not None:
            found[one.run.id] = curve
    if not found:
        return
    kind = CORRUPTION_BY_NAME[name]
    st.plotly_chart(
        robustness_chart(
            kind, found, getattr(stress, name), TEXT_COLORS.get(st.context.theme.type or "")
        ),
        config=CHART_CONFIG,
        key="confusion-stress-chart",
        alt=f"Accuracy over {kind.label.lower()}, with the slider's place marked",
    )
    st.caption(_what_is_measured(asked))


def _what_is_measured(asked: list[Predictions]) -> str:
    said = "This one change alone, on the sample's 1,000 test digits, measured at the points."
    if any(one.epoch is not None for one in asked):
        said += " The curve is the finished network's."
    return said


def _stored_or_offered(run: Run) -> RobustnessCurves | None:
    try:
        run = registry.read_run(run.folder)  # it may have changed since the page was drawn
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/broken_image:")
        return None
    found = load_robustness_curves(run)
    if found is None:
        chore = shared_task(
            (Network(run), "stress", DATASET), partial(measure_and_store_robustness, run)
        )
        st.info(
            f"How much the run “{plain(run.id)}” bears was not measured yet. It takes a minute or "
            "so, once for all visitors of this server.",
            icon=":material/hourglass_empty:",
        )
        run_chore(
            chore,
            f"Measure {run.id}",
            f"confusion-stress-measure-{run.id}",
            doing=f"Measuring {run.id}",
        )
    return found
