"""The prediction for a picture: the number, the confidence of each digit, the network's input."""

import html
from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures import prediction_charts
from core.figures.images import digit_sheet_url
from core.figures.style import OTHER_COLOR
from core.inference.reader import UNSURE_BELOW, DigitReading, group_lines
from core.inference.temperature import apply_temperature
from core.preprocessing.page.detection import FoundSign
from core.utils import text
from pages.widgets.components.digit_grid import Cell, picture_grid
from pages.widgets.shared.pictures import CHART_CONFIG, enlarge, text_color
from pages.widgets.shared.warm_up import ReadyNetwork

_SHEET_COLUMNS = 20
_MUTED = 0.45
"""Opacity of the bars when they are not an answer."""
_LONGEST_METRIC = 9
"""Characters of an answer that fit in one line of the largest letters, on a phone too."""


def show_answer(
    readings: Sequence[DigitReading],
    signs: Sequence[FoundSign],
    ready: ReadyNetwork,
    chosen: int,
    on_choose: Callable[[int], None],
) -> None:
    """Draw the whole number first, then the chosen digit.

    Args:
        readings: The readings of the picture's digits, at least one.
        signs: The signs of the picture.
        ready: The network that read them.
        chosen: Index of the chosen digit in `readings`.
        on_choose: Called with the index of a digit that was clicked.
    """
    reading = readings[chosen]
    if len(readings) == 1:
        with _beside_its_picture(reading):
            _headline(reading, signs, ready)
            _which_epoch(ready)
    else:
        _whole(readings, signs)
        _which_epoch(ready)
        _cards(readings, chosen, on_choose)
        with _beside_its_picture(reading):
            st.markdown(f"Digit {chosen + 1} of {len(readings)}: **{describe_reading(reading)}**")
    probabilities = [float(p) for p in _calibrated(reading, ready)]
    if reading.verdict.kind == "not a digit":
        _were_it_a_digit(reading, probabilities)
    else:
        _chart(probabilities)


def show_nothing_yet() -> None:
    """Draw the place of the answer before there is a digit.

    The empty chart makes the browser load Plotly, which takes two seconds, while the visitor draws.
    """
    st.info("The answer appears here as soon as there is a digit.", icon=":material/draw:")
    _chart(None)


def describe_reading(reading: DigitReading) -> str:
    """Describe a reading in a few words: "7, 98 % sure"."""
    verdict = reading.verdict
    if verdict.kind == "not a digit":
        return "not a digit"
    sure = text.percent(verdict.confidence)
    if verdict.kind == "unsure":
        others = "" if verdict.confidence >= UNSURE_BELOW else f" or {verdict.second}"
        return f"{verdict.digit}{others}, unsure ({sure})"
    return f"{verdict.digit}, {sure} sure"


def _beside_its_picture(reading: DigitReading) -> st.delta_generator.DeltaGenerator:
    """Draw the network's input; return the container for text to the left of it."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", wrap=False
    ):
        words = st.container(width="stretch")
        st.image(
            enlarge(reading.detection.digit.pixels, 4),
            caption="What it saw",
            width=112,
            alt="The digit as 28 by 28 gray pixels",
        )
    return words


def _which_epoch(ready: ReadyNetwork) -> None:
    if ready.network.epoch is None:
        return
    info = ready.network.run.info
    in_all = info.epochs_done or info.recipe.epochs
    st.caption(f"after epoch {ready.network.epoch} of {in_all}: this is not the finished network")


def _headline(reading: DigitReading, signs: Sequence[FoundSign], ready: ReadyNetwork) -> None:
    verdict = reading.verdict
    sure = text.percent(verdict.confidence)
    (number,) = group_lines([reading], signs)
    if verdict.kind == "sure":
        st.metric("The network reads", number, help=_how_sure(ready))
        st.caption(f"with a probability of {sure}")
    elif verdict.kind == "unsure":
        _doubt(reading, number, ready, sure)
    else:
        st.metric("This looks like", "no digit")
        st.caption("It looks like none of the ten digits that the network has learned.")


def _doubt(reading: DigitReading, number: str, ready: ReadyNetwork, sure: str) -> None:
    verdict, label = reading.verdict, "The network is unsure"
    if verdict.confidence >= UNSURE_BELOW:
        st.metric(label, f"{number}?", help=_how_sure(ready))
        st.caption(f"{sure} for {verdict.digit}, if it is a digit: it hardly looks like a digit.")
        return
    st.metric(label, f"{verdict.digit} or {verdict.second}?", help=_how_sure(ready))
    other = text.percent(float(_calibrated(reading, ready)[verdict.second]))
    st.caption(
        f"{sure} for {verdict.digit}, {other} for {verdict.second}: written more clearly, the "
        "answer may be certain."
    )


def _calibrated(reading: DigitReading, ready: ReadyNetwork) -> NDArray[np.float32]:
    return apply_temperature(reading.probabilities[None], ready.temperature)[0]


def _whole(readings: Sequence[DigitReading], signs: Sequence[FoundSign]) -> None:
    lines = group_lines(readings, signs)
    if len(lines) == 1 and len(lines[0]) <= _LONGEST_METRIC:
        st.metric("The network reads", lines[0])
    else:
        rows = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
        st.caption(f"The network reads {len(readings)} digits")
        st.html(
            '<div style="font-size:1.9rem;font-weight:600;line-height:1.25;'
            f'font-variant-numeric:tabular-nums;overflow-wrap:anywhere">{rows}</div>'
        )
    doubtful = [
        f"{count} {words}"
        for kind, words in (("unsure", "unsure"), ("not a digit", "unlike a digit, shown as ?"))
        if (count := sum(reading.verdict.kind == kind for reading in readings))
    ]
    least = min(reading.verdict.confidence for reading in readings)
    st.caption(
        f"{len(readings)} digits: {', '.join(doubtful)}"
        if doubtful
        else f"the least certain one has a probability of {text.percent(least)}"
    )


def _cards(readings: Sequence[DigitReading], chosen: int, on_choose: Callable[[int], None]) -> None:
    columns = min(len(readings), _SHEET_COLUMNS)
    picture_grid(
        digit_sheet_url(
            np.stack([reading.detection.digit.pixels for reading in readings]), columns
        ),
        [
            Cell(
                k,
                f"Digit {k + 1}: {describe_reading(reading)}",
                _note(reading),
                reading.verdict.kind != "sure",
            )
            for k, reading in enumerate(readings)
        ],
        columns=columns,
        key="predict-cards",
        label="Digits found",
        on_open=on_choose,
        chosen=chosen,
        size_px=62,
    )


def _note(reading: DigitReading) -> str:
    if reading.verdict.kind == "not a digit":
        return "no digit"
    return f"{reading.text} · {text.percent(reading.verdict.confidence)}"


def _were_it_a_digit(reading: DigitReading, probabilities: list[float]) -> None:
    """Draw the ten bars pale, under a sentence, with none of them marked as the answer.

    They are not folded away: during its first strokes a drawing is not a digit yet, and the page
    must not jump with each stroke.
    """
    sure = text.percent(reading.verdict.confidence)
    st.caption(
        f"If it were a digit: {reading.verdict.digit}, with {sure}. A network that knows only "
        "digits always names one; this is not an answer."
    )
    _chart(probabilities, muted=True)


def _chart(probabilities: list[float] | None, *, muted: bool = False) -> None:
    bars = prediction_charts.probability_bars(probabilities, text_color())
    if muted and probabilities is not None:
        plain = [text.percent(share) for share in probabilities]
        bars.update_traces(marker={"color": OTHER_COLOR, "opacity": _MUTED}, text=plain)
    st.plotly_chart(
        bars,
        config=CHART_CONFIG,
        key="probabilities",
        alt="The probability that the network gives each of the ten digits",
    )


def _how_sure(ready: ReadyNetwork) -> str:
    """Explain what a probability means here, and why some runs are never certain."""
    means = (
        "The probabilities are calibrated: the network's logits are divided by "
        f"{ready.temperature:.2f}, found on test digits, so that of the answers given with 90 %, "
        "about 90 % are right."
        if ready.temperature != 1
        else "The probabilities are those of the network, as it is."
    )
    smoothing = ready.network.run.info.recipe.label_smoothing
    if not smoothing:
        return means
    highest = 1 - smoothing * 9 / 10
    return (
        f"{means} This run was trained with label smoothing {smoothing:g}: its goal for a "
        f"perfectly clear digit was {100 * highest:.0f} %, not 100 %, which keeps a network from "
        "being too sure."
    )
