"""What a run answers on a picture: the number, how sure it is of each digit, what it really saw."""

import html
from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures import prediction_charts
from core.figures.images import digit_sheet_url
from core.figures.style import OTHER_COLOR, TEXT_COLORS
from core.inference.reader import UNSURE_BELOW, DigitReading, apply_temperature, group_lines
from core.utils import text
from pages.widgets.components.digit_grid import Cell, picture_grid
from pages.widgets.shared.pictures import CHART_CONFIG, enlarge
from pages.widgets.shared.warm_up import ReadyNetwork

SHEET_COLUMNS = 20
MUTED = 0.45
"""How much is left of the bars' color when they are no answer."""
LONGEST_METRIC = 9
"""Characters of an answer that fit in one line of the largest letters, on a phone too."""


def show_answer(
    readings: Sequence[DigitReading],
    ready: ReadyNetwork,
    chosen: int,
    on_choose: Callable[[int], None],
) -> None:
    """Show what was read: the whole first, then the chosen digit, by its index in `readings`."""
    one = readings[chosen]
    if len(readings) == 1:
        with _beside_its_picture(one):
            _headline(one, ready)
            _which_epoch(ready)
    else:
        _whole(readings)
        _which_epoch(ready)
        _cards(readings, chosen, on_choose)
        with _beside_its_picture(one):
            st.markdown(f"Digit {chosen + 1} of {len(readings)}: **{describe_reading(one)}**")
    probabilities = [float(p) for p in _calibrated(one, ready)]
    if one.verdict.kind == "not a digit":
        _were_it_a_digit(one, probabilities)
    else:
        _chart(probabilities)


def show_nothing_yet() -> None:
    """What stands there before the first digit.

    The empty chart makes the browser load Plotly, two seconds' work, while the visitor still draws.
    """
    st.info("The answer appears here as soon as there is a digit.", icon=":material/draw:")
    _chart(None)


def describe_reading(reading: DigitReading) -> str:
    """What a reading says of its digit, in a few words: "7, 98 % sure"."""
    verdict = reading.verdict
    if verdict.kind == "not a digit":
        return "not a digit"
    sure = text.percent(verdict.confidence)
    if verdict.kind == "unsure":
        others = "" if verdict.confidence >= UNSURE_BELOW else f" or {verdict.second}"
        return f"{verdict.digit}{others}, unsure ({sure})"
    return f"{verdict.digit}, {sure} sure"


def _beside_its_picture(one: DigitReading) -> st.delta_generator.DeltaGenerator:
    """A container for words, left of what the network saw."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", wrap=False
    ):
        words = st.container(width="stretch")
        st.image(
            enlarge(one.detection.digit.pixels, 4),
            caption="What it saw",
            width=112,
            alt="The digit as 28 by 28 grey pixels",
        )
    return words


def _which_epoch(ready: ReadyNetwork) -> None:
    if ready.network.epoch is None:
        return
    info = ready.network.run.info
    in_all = info.epochs_done or info.epochs_planned
    st.caption(f"after epoch {ready.network.epoch} of {in_all}: this is not the finished network")


def _headline(one: DigitReading, ready: ReadyNetwork) -> None:
    verdict = one.verdict
    sure = text.percent(verdict.confidence)
    if verdict.kind == "sure":
        st.metric("The network reads", str(verdict.digit), help=_how_sure(ready))
        st.caption(f"with a probability of {sure}")
    elif verdict.kind == "unsure":
        _doubt(one, ready, sure)
    else:
        st.metric("This looks like", "no digit")
        st.caption("It looks like none of the ten digits that the network has learnt.")


def _doubt(one: DigitReading, ready: ReadyNetwork, sure: str) -> None:
    verdict, asked = one.verdict, "The network is unsure"
    if verdict.confidence >= UNSURE_BELOW:
        st.metric(asked, f"{verdict.digit}?", help=_how_sure(ready))
        st.caption(f"{sure} for {verdict.digit}, if it is a digit: it hardly looks like one.")
        return
    st.metric(asked, f"{verdict.digit} or {verdict.second}?", help=_how_sure(ready))
    other = text.percent(float(_calibrated(one, ready)[verdict.second]))
    st.caption(
        f"{sure} for {verdict.digit}, {other} for {verdict.second}: written more clearly, it may "
        "know better."
    )


def _calibrated(one: DigitReading, ready: ReadyNetwork) -> NDArray[np.float32]:
    return apply_temperature(one.probabilities[None], ready.temperature)[0]


def _whole(readings: Sequence[DigitReading]) -> None:
    lines = group_lines(readings)
    if len(lines) == 1 and len(lines[0]) <= LONGEST_METRIC:
        st.metric("The network reads", lines[0])
    else:
        told = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
        st.caption(f"The network reads {len(readings)} digits")
        st.html(
            '<div style="font-size:1.9rem;font-weight:600;line-height:1.25;'
            f'font-variant-numeric:tabular-nums;overflow-wrap:anywhere">{told}</div>'
        )
    doubtful = [
        f"{count} {words}"
        for kind, words in (("unsure", "unsure"), ("not a digit", "like no digit, shown as ?"))
        if (count := sum(one.verdict.kind == kind for one in readings))
    ]
    least = min(one.verdict.confidence for one in readings)
    st.caption(
        f"{len(readings)} digits: {', '.join(doubtful)}"
        if doubtful
        else f"of the least sure one the probability is {text.percent(least)}"
    )


def _cards(readings: Sequence[DigitReading], chosen: int, on_choose: Callable[[int], None]) -> None:
    columns = min(len(readings), SHEET_COLUMNS)
    picture_grid(
        digit_sheet_url(np.stack([one.detection.digit.pixels for one in readings]), columns),
        [
            Cell(
                k, f"Digit {k + 1}: {describe_reading(one)}", _note(one), one.verdict.kind != "sure"
            )
            for k, one in enumerate(readings)
        ],
        columns=columns,
        key="predict-cards",
        label="Digits found",
        on_open=on_choose,
        chosen=chosen,
        size_px=62,
    )


def _note(one: DigitReading) -> str:
    if one.verdict.kind == "not a digit":
        return "no digit"
    return f"{one.text} · {text.percent(one.verdict.confidence)}"


def _were_it_a_digit(one: DigitReading, probabilities: list[float]) -> None:
    """The ten bars under a sentence, pale and without an answer among them.

    They stay where they are instead of being folded: a digit that is being drawn is no digit for
    its first strokes, and the page must not jump with each of these.
    """
    sure = text.percent(one.verdict.confidence)
    st.caption(
        f"Were it a digit: {one.verdict.digit}, with {sure}. A network that knows nothing but "
        "digits always names one; this is no answer."
    )
    _chart(probabilities, muted=True)


def _chart(probabilities: list[float] | None, *, muted: bool = False) -> None:
    bars = prediction_charts.probability_bars(
        probabilities, TEXT_COLORS.get(st.context.theme.type or "")
    )
    if muted and probabilities is not None:
        plain = [text.percent(share) for share in probabilities]
        bars.update_traces(marker={"color": OTHER_COLOR, "opacity": MUTED}, text=plain)
    st.plotly_chart(
        bars,
        config=CHART_CONFIG,
        key="probabilities",
        alt="The probability that the network gives each of the ten digits",
    )


def _how_sure(ready: ReadyNetwork) -> str:
    """What a probability here means, and why some runs are never certain."""
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
