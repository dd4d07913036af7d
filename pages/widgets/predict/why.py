"""The Predict page's view "Explanation": evidence for the prediction.

It shows the top three, an attribution map, the nearest training digits, the predictions of the
other runs, and those of the run's own epochs. Each part is a fragment of its own: if one fails, it
says so, and the others stay.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data import mnist
from core.data.statistics import describe_distance, nearest_neighbors, split_of
from core.explain.kernels import epoch_name
from core.figures.images import attribution_overlay
from core.figures.prediction_charts import probability_strip
from core.figures.style import TEXT_COLORS, theme_name
from core.inference.other_runs import (
    EpochPredictions,
    RunPrediction,
    calibrated_probabilities,
    epoch_predictions,
    is_loaded,
    load_all,
    other_runs,
    run_predictions,
)
from core.preprocessing.mnist_format import PreparedDigit
from core.recipes.architecture import Conv
from core.runs.run import Network
from core.utils.background import Report, shared_task
from core.utils.errors import DigitscopeError
from core.utils.text import DIGIT_NAMES, percent_with_small
from pages.widgets.components.digit_grid import Cell, digit_grid
from pages.widgets.shared.attribution_question import ABOUT, EMPTY_MAP, TITLES, choose_question
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.color_legend import color_legend
from pages.widgets.shared.markdown import plain, unbroken
from pages.widgets.shared.member_choice import choose_member
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.pictures import CHART_CONFIG

if TYPE_CHECKING:
    from core.explain.attribution import Method
    from core.runs.run import Provenance, Run


Pixels = NDArray[np.uint8]
Part = Callable[[Pixels, Network], None]
_METHOD: Final = "predict-why-method"
_NEIGHBORS: Final = 10
_OPEN: Final = "predict_why_open"
_OFFERED: Final[tuple["Method", ...]] = ("occlusion", "integrated-gradients", "grad-cam")
_PX: Final = 300


def why_map(pixels: NDArray[np.uint8], network: Network) -> None:
    """Draw the attribution map of a digit, with the choice of the method.

    Args:
        pixels: The digit, uint8 (28, 28).
        network: The network of a run, finished or after an epoch.

    Raises:
        RunError: The network cannot predict.
        PictureError: The digit is blank.
    """
    st.header("Attribution: which pixels speak for it", anchor=False)
    network = choose_member(network, "predict-why-member")
    answers = calibrated_probabilities(network)(pixels[None])[0]
    question = choose_question("predict-why", (network, pixels.tobytes()), answers)
    method = _method(network)
    from core.explain.attribution import explain

    with st.spinner("Computing the maps …", show_time=True):
        heatmap = explain(network, pixels, question, method)
    first = DIGIT_NAMES[question.digit]
    against = "against it" if question.other is None else f"for {DIGIT_NAMES[question.other]}"
    theme = theme_name(st.context.theme.type)
    with st.container(width=_PX):  # or as much as a phone has
        st.image(
            attribution_overlay(heatmap, pixels, theme),
            width="stretch",
            alt=f"{TITLES[method]}: which places of the digit speak for {first}",
        )
    color_legend(f"red: {against}", "0", f"blue: for {first}")
    if not heatmap.any():
        st.info(EMPTY_MAP)
    st.caption(f"The line is the digit. {ABOUT[method]}")


def _method(network: Network) -> "Method":
    """Draw the choice of the method; occlusion, the fastest that suits all networks, is first."""
    rows = network.run.info.recipe.architecture.rows()
    convolutions = any(isinstance(row.layer, Conv) for row in rows)
    offered = [method for method in _OFFERED if convolutions or method != "grad-cam"]
    state = st.session_state
    if state.get(_METHOD) not in offered:
        state[_METHOD] = offered[0]
    method: Method | None = st.segmented_control(
        "Method",
        offered,
        format_func=TITLES.__getitem__,
        required=True,
        key=_METHOD,
        persist_state="session",
        label_visibility="collapsed",
    )
    return method or offered[0]


def explanation_view(digit: PreparedDigit, network: Network) -> None:
    """Draw the evidence for a network's prediction.

    Args:
        digit: The digit that it reads.
        network: The network of a run, finished or after an epoch.
    """

    def draw(part: Part) -> None:
        st.fragment(_guarded)(part, digit.pixels, network)

    draw(_top_three)
    left, right = st.columns(2, gap="large")
    with left:
        draw(why_map)
    with right:
        draw(_neighbors)
    left, right = st.columns(2, gap="large")
    with left:
        draw(_others)
    with right:
        draw(_epochs)


def _guarded(part: Part, pixels: Pixels, network: Network) -> None:
    try:
        part(pixels, network)
    except DigitscopeError as error:
        st.info(plain(str(error)), icon=":material/help:")


def _top_three(pixels: Pixels, network: Network) -> None:
    with st.spinner("Loading the network: a few seconds, once …", show_time=True):
        probabilities = calibrated_probabilities(network)(pixels[None])[0]
    first, second, third = (int(k) for k in np.argsort(-probabilities)[:3])
    sure = {k: _percent(float(probabilities[k])) for k in (first, second, third)}
    st.markdown(
        f"**{plain(network.name)}** reads **{first}** with a probability of {sure[first]}; "
        f"next come **{second}** with {sure[second]} and **{third}** with {sure[third]}."
    )


def _neighbors(pixels: Pixels, network: Network) -> None:
    st.header("The most alike training digits", anchor=False)
    provenance = network.run.info.provenance
    dataset = provenance.dataset
    if dataset not in mnist.available():
        dataset = "mnist-sample"
    _open_if_asked(dataset)
    with st.spinner("Comparing with all training digits …"):
        neighbors = nearest_neighbors(pixels, dataset, _NEIGHBORS)
    train = split_of(dataset, "train")
    digit_grid(
        train.images[[neighbor.index for neighbor in neighbors]],
        [
            Cell(
                neighbor.index,
                f"Training digit {neighbor.index:,}, label {neighbor.label}, "
                f"distance {neighbor.distance:.0f}",
                str(neighbor.label),
            )
            for neighbor in neighbors
        ],
        key="predict-why-neighbors",
        on_open=_ask_to_open,
    )
    labels = [neighbor.label for neighbor in neighbors]
    most = max(set(labels), key=labels.count)
    st.markdown(
        f"**{labels.count(most)} of {len(labels)}** are labeled **{most}**. The nearest differs "
        f"by {neighbors[0].distance:.0f} of 255 a pixel: "
        f"{describe_distance(dataset, neighbors[0].distance)}."
    )
    st.caption(
        f"{_whose(provenance, dataset)} Compared gray value by gray value (root mean "
        "square), not in any layer of the network: it may find others alike. A click opens one on "
        "the Dataset page."
    )


def _whose(provenance: "Provenance", dataset: str) -> str:
    """Return the sentence that says which training digits were compared."""
    count = len(split_of(dataset, "train"))
    if provenance.dataset == dataset:
        learned = f"the run learned from {provenance.n_train:,} of them"
        return f"Of the {count:,} training digits of {dataset}; {learned}."
    return (
        f"Of the {count:,} training digits of {dataset}: those of {provenance.dataset}, from which "
        "the run learned, are not on this machine."
    )


def _ask_to_open(index: int) -> None:
    st.session_state[_OPEN] = index


def _open_if_asked(dataset: str) -> None:
    """Go to the Dataset page with the digit that was clicked: a callback cannot do that."""
    index = st.session_state.pop(_OPEN, None)
    if index is not None:
        digit = {"data": dataset, "split": "train", "index": str(index), "view": "Single digit"}
        st.switch_page(pages()["dataset"], query_params=digit)


def _others(pixels: Pixels, network: Network) -> None:
    st.header("Answers of other runs", anchor=False)
    runs, left_out = other_runs(network.run)
    if not runs:
        st.caption("There is no other run with a network. Train one on the Train page.")
        return
    if not is_loaded(runs):
        _offer_to_open(runs)
        return
    read = int(calibrated_probabilities(network)(pixels[None])[0].argmax())
    predictions = run_predictions(runs, pixels)
    answers = [prediction for prediction in predictions if not prediction.problem]
    same = sum(prediction.answer == read for prediction in answers)
    if answers:
        st.markdown(f"**{same} of {len(answers)}** read **{read}** too.")
    st.table(
        [_row(prediction, read) for prediction in predictions],
        width="content",
        hide_index=True,
        alt="Each other run's answer to this digit, and its mistakes on test digits",
    )
    for prediction in predictions:
        if prediction.problem:
            st.caption(plain(f"{prediction.name}: {prediction.problem}"))
    more = f" {left_out:,} older runs are not asked." if left_out else ""
    st.caption(f"How sure: calibrated by each run's own test answers, where it has some.{more}")


def _row(prediction: RunPrediction, read: int) -> dict[str, str]:
    # Runs that disagree are marked in words, and not by their style alone.
    answer = (
        str(prediction.answer)
        if prediction.answer == read
        else f"**{prediction.answer}**, not {read}"
    )
    return {
        "run": plain(
            prediction.name
            if prediction.name == prediction.run
            else f"{prediction.name} ({prediction.run})"
        ),
        "answer": "none" if prediction.problem else answer,
        "how sure": "" if prediction.problem else _percent(prediction.confidence),
        "mistakes on test digits": prediction.mistakes or "not tested",
    }


def _offer_to_open(runs: "list[Run]") -> None:
    """Draw the button that loads the runs in the background, once for all visitors."""

    def open_them(report: Report) -> None:
        load_all(runs, report)

    count = len(runs)
    st.caption(f"{count} networks have to be loaded first: a few seconds, once on this server.")
    key = ("opinions", *(Network(run) for run in runs))
    draw_task(
        shared_task(key, open_them),
        "Read it with the other runs",
        "predict-why-others",
        doing="Opening networks",
        icon=":material/groups:",
    )


def _epochs(pixels: Pixels, network: Network) -> None:
    st.header("The answer over the epochs", anchor=False)
    run = network.run
    if run.info.members:
        st.caption("An ensemble was not trained itself: its members have epochs, it has none.")
        return
    if not run.epochs():
        st.caption(f"The run “{plain(run.id)}” keeps no weights of single epochs.")
        return
    with st.spinner("Going through the epochs …", show_time=True):
        predictions = epoch_predictions(run, pixels)
    st.markdown(_history(predictions))
    theme = st.context.theme.type or "light"
    at = network.epoch if network.epoch in predictions.epochs else predictions.epochs[-1]
    st.plotly_chart(
        probability_strip(
            ["end" if epoch is None else str(epoch) for epoch in predictions.epochs],
            predictions.probabilities,
            predictions.epochs.index(at),
            None,
            theme=theme,
            text_color=TEXT_COLORS.get(theme),
        ),
        config=CHART_CONFIG,
        key="predict-why-epochs",
        alt="The ten probabilities of the digit after each kept epoch",
    )
    st.caption(
        "The ten probabilities in percent after each epoch whose weights are kept. The frame is "
        "the network in use; “end” is the finished one."
    )


def _percent(part: float) -> str:
    """Format a probability with a no-break space."""
    return unbroken(percent_with_small(part))


def _history(predictions: EpochPredictions) -> str:
    """Return a sentence with the successive predictions."""
    periods = predictions.answer_periods()
    if not periods:
        return "No epoch gives numbers: the training diverged."
    if len(periods) == 1:
        return f"It read **{periods[0][0]}** from {epoch_name(periods[0][1])} on, without a change."
    first, *later = (
        f"**{digit}** from {epoch_name(epoch) if epoch else 'the finished network'} on"
        for digit, epoch in periods
    )
    return f"It read {first}, then {', then '.join(later)}."
