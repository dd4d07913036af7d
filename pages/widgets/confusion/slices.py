"""The slices view of the confusions page: on which kinds of digits does a run fail most?"""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.evaluation.slices import (
    MEASURES,
    SMALLEST_SLICE,
    Measure,
    Slice,
    SliceBin,
    SliceSearch,
    bin_indices,
    bin_members,
    error_rate_bins,
    error_rates_by_label,
    slice_examples,
    worst_slices,
)
from core.figures.comparison_charts import error_rate_chart, label_map, label_span
from core.figures.images import digit_sheet_png
from core.runs.predictions import Predictions
from core.utils.text import percent_of
from pages.widgets.confusion.digits import show_digits
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import text_color

_KEY = "confusion-slices"
_CHART = {"displayModeBar": False}
_METHOD = "https://arxiv.org/abs/1807.06068"
_MEASURES = "https://arxiv.org/abs/1809.10780"
_EXAMPLES = 6
_STRIP_PX = 700
_ENOUGH_FOR_FIVE = 300


def slices_view(predictions: Predictions, other: Predictions | None) -> None:
    """Draw the error rate by a measure of the pictures, and the slices with the most errors.

    Args:
        predictions: answers of the run in use.
        other: answers of a second run to the same digits, if one is compared.

    Raises:
        DatasetError: if the dataset whose mean digits are compared with cannot be loaded.
    """
    st.write(
        "A **slice** is a group of digits that are alike in some way. Each picture is "
        "measured, and mistakes are counted separately for small and for large values."
    )
    trait = _choose_trait()
    count = 5 if len(predictions) >= _ENOUGH_FOR_FIVE else 3
    value_bins = error_rate_bins(predictions, trait.key, count)
    _chart(predictions, other, trait, count)
    _examples(predictions, trait, count)
    _digits_of_a_bin(predictions, other, trait, value_bins, count)
    with st.expander("The same, label by label", key=f"{_KEY}-labels"):
        st.plotly_chart(
            label_map(
                error_rates_by_label(predictions, trait.key, count),
                value_bins,
                trait,
                text_color(),
            ),
            config=_CHART,
            key=f"{_KEY}-map",
            alt=f"How many digits of each label are read wrongly, by {trait.name.lower()}",
        )
        st.caption(
            f"Wrong answers of all digits in each cell, by {plain(predictions.name)}. The fewer "
            "digits a cell has, the less its color says."
        )
    _worst(predictions, other)


def _choose_trait() -> Measure:
    chosen = st.segmented_control(
        "Measure",
        list(MEASURES),
        default=next(iter(MEASURES)),
        required=True,
        format_func=lambda key: MEASURES[key].name,
        key=f"{_KEY}-trait",
        persist_state="session",
    )
    trait = MEASURES[chosen]
    st.caption(trait.about)
    return trait


def _chart(predictions: Predictions, other: Predictions | None, trait: Measure, count: int) -> None:
    shown = {
        compared.name: error_rate_bins(compared, trait.key, count)
        for compared in (predictions, other)
        if compared is not None
    }
    st.plotly_chart(
        error_rate_chart(shown, trait, text_color()),
        config=_CHART,
        key=f"{_KEY}-rates",
        alt=f"How many digits are read wrongly, by {trait.name.lower()}",
    )
    st.caption(
        "All points stand for about the same number of digits. The bars are 95 % intervals "
        "(Wilson): where they overlap widely, the difference may be chance."
    )


def _examples(predictions: Predictions, trait: Measure, count: int) -> None:
    """Draw sample digits of each bin, side by side in the order of the chart."""
    rows = _EXAMPLES // 2
    chosen = slice_examples(predictions, trait.key, count, _EXAMPLES)
    # Column by column, so that the values rise from left to right.
    order = np.concatenate([np.resize(digits_of_bin, _EXAMPLES) for digits_of_bin in chosen])
    down = order.reshape(-1, rows).T.ravel()
    with st.container(width=_STRIP_PX):  # less where there is less room
        st.image(
            digit_sheet_png(_twice(predictions.images[down]), 2 * len(chosen)),
            width="stretch",
            caption=f"From {trait.low} to {trait.high}: two columns of digits for each point above",
            alt=f"Digits from {trait.low} to {trait.high}",
        )


def _digits_of_a_bin(
    predictions: Predictions,
    other: Predictions | None,
    trait: Measure,
    value_bins: tuple[SliceBin, ...],
    count: int,
) -> None:
    number = st.pills(
        "Show the digits with",
        range(len(value_bins)),
        format_func=lambda position: (
            f"{label_span(value_bins[position], trait)} ({value_bins[position].wrong:,} wrong)"
        ),
        # Another list of bins is another widget.
        key=f"{_KEY}-bin-{trait.key}-{len(value_bins)}",
        persist_state="session",
    )
    if number is not None:
        show_digits(
            predictions,
            bin_members(predictions, trait.key, number, count),
            key=f"{_KEY}-bin-{trait.key}-{number}-digits",
            other=other,
        )


def _worst(predictions: Predictions, other: Predictions | None) -> None:
    st.header("The worst slices", anchor=False)
    search = worst_slices(predictions)
    if not search.slices:
        st.info(_why_none(predictions, search), icon=":material/check:")
        return
    chosen = _list(predictions, search)
    _how_they_were_found(search)
    if chosen is None:
        st.caption("Click a row to see its digits, misread ones first.")
        return
    st.markdown(f"**{chosen.name.capitalize()}**: {_error_rate_sentence(chosen)}")
    show_digits(predictions, chosen.digits, key=f"{_KEY}-worst-digits", other=other)


def _why_none(predictions: Predictions, search: SliceSearch) -> str:
    if predictions.correct.all():
        return "None of these digits is misread, so no slice is worse than another."
    if not search.searched:
        return (
            f"A slice needs at least {SMALLEST_SLICE} digits to say anything, "
            "and there are too few here."
        )
    return (
        f"{search.searched:,} slices were looked at, and none fails clearly more often than the "
        "rest of the digits."
    )


def _list(predictions: Predictions, search: SliceSearch) -> Slice | None:
    """Draw the table of slices, and return the one that was clicked on."""
    rows = [
        {
            "Slice": weak_slice.name,
            "Wrong": f"{weak_slice.wrong:,} of {weak_slice.n:,}",
            "Error rate": percent_of(weak_slice.wrong, weak_slice.n),
            "Of the rest": percent_of(weak_slice.rest_wrong, max(weak_slice.rest_n, 1)),
            "Chance?": "more than chance"
            if search.more_than_chance(weak_slice)
            else "perhaps chance",
            "Effect size": weak_slice.effect,
            "Measured": _measured(predictions, weak_slice),
        }
        for weak_slice in search.slices
    ]
    event = st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={
            "Slice": st.column_config.TextColumn(width=220, pinned=True),
            "Wrong": st.column_config.TextColumn(width=85),
            "Error rate": st.column_config.TextColumn(width=75),
            "Of the rest": st.column_config.TextColumn(
                width=80, help="The error rate of all digits that are not in the slice"
            ),
            "Chance?": st.column_config.TextColumn(width=125),
            "Effect size": st.column_config.NumberColumn(
                width=80,
                format="%.2f",
                help="By how much the error rates differ, in standard deviations of one answer: "
                "0.2 is called small, 0.5 medium, 0.8 large",
            ),
            "Measured": st.column_config.TextColumn(width="large"),
        },
        on_select="rerun",
        selection_mode="single-cell",
        # The lines of another run are another list, in which nothing is chosen yet.
        key=f"{_KEY}-worst-{predictions.name}-{predictions.dataset}-{len(predictions)}",
        alt="The slices with the highest error rates",
    )
    cells = event.selection.cells
    return search.slices[cells[0][0]] if cells and cells[0][0] < len(search.slices) else None


def _measured(predictions: Predictions, weak_slice: Slice) -> str:
    """Return the range of each measure that defines a slice."""
    parts = []
    for key, third in weak_slice.thirds:
        _, edges = bin_indices(predictions, key, 3)
        trait = MEASURES[key]
        part = SliceBin(float(edges[third]), float(edges[third + 1]), 0, 0, 0, 0, 0)
        parts.append(f"{trait.name.lower()} {label_span(part, trait)}")
    return "; ".join(parts)


def _error_rate_sentence(weak_slice: Slice) -> str:
    return plain(
        f"{weak_slice.wrong:,} of {weak_slice.n:,} are read wrongly "
        f"({percent_of(weak_slice.wrong, weak_slice.n)}), of all "
        f"other digits {weak_slice.rest_wrong:,} of {weak_slice.rest_n:,} "
        f"({percent_of(weak_slice.rest_wrong, max(weak_slice.rest_n, 1))})."
    )


def _how_they_were_found(search: SliceSearch) -> None:
    listed = len(search.slices)
    sure = sum(search.more_than_chance(weak_slice) for weak_slice in search.slices)
    passed = f"{sure} of these {listed} {'does' if sure == 1 else 'do'}"
    rest = "" if sure == listed else " The others are only a hint."
    st.caption(
        f"{search.searched:,} slices were looked at: every label and all labels together, with the "
        f"lowest, middle and highest third of up to two measures, of at least "
        f"{SMALLEST_SLICE} digits. "
        "Among so many, chance alone makes some look bad: tested one by one at 5 %, up to "
        f"{round(0.05 * search.searched):,} would. So a slice is called more than chance only if "
        "its probability (Fisher's exact test against the rest) is below "
        f"0.05 / {search.searched:,}, the Bonferroni correction; {passed}.{rest} A slice whose "
        f"mistakes are mostly in one above is left out. After [Slice Finder]({_METHOD}) (Chung et "
        f"al., 2019); thickness and slant as in [Morpho-MNIST]({_MEASURES}) (Castro et al., 2019)."
    )


def _twice(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge pictures to 56×56, so that a browser does not blur them."""
    return images.repeat(2, axis=1).repeat(2, axis=2)
