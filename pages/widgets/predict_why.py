"""The Predict page's "why": what speaks for the answer, and who says the same.

The top three, a map of the pixels, the nearest training digits, the other runs, and the run's own
epochs. Each part is a fragment of its own: one that fails says so, and the others stay.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core import datasets
from core.chores import Report, shared
from core.digit_stats import split_of
from core.errors import DigitscopeError
from core.forming import epoch_name
from core.forming_figures import probability_strip
from core.nearness import nearness
from core.neighbours import nearest
from core.palette import TEXT
from core.preprocessing import Digit
from core.runs import Network
from core.second_opinions import (
    Opinion,
    OverEpochs,
    calibrated,
    open_all,
    opened,
    opinions,
    other_runs,
    over_epochs,
)
from core.text import percent_with_small
from pages.widgets.answer import CHART_CONFIG
from pages.widgets.chore import run_chore
from pages.widgets.digit_grid import Cell, digit_grid
from pages.widgets.navigation import pages
from pages.widgets.predict_why_map import why_map
from pages.widgets.words import plain, unbroken

if TYPE_CHECKING:
    from core.run_info import Provenance
    from core.runs import Run

Pixels = NDArray[np.uint8]
Part = Callable[[Pixels, Network], None]
NEIGHBOURS: Final = 10
_OPEN: Final = "predict_why_open"


def why_view(digit: Digit, network: Network) -> None:
    """Draw all that can be said of why a network answers as it does.

    Args:
        digit: what it answers on.
        network: a run's, finished or as it was after an epoch.
    """

    def draw(part: Part) -> None:
        st.fragment(_guarded)(part, digit.pixels, network)

    draw(_top_three)
    left, right = st.columns(2, gap="large")
    with left:
        draw(why_map)
    with right:
        draw(_neighbours)
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
    with st.spinner("The network is waking up: a few seconds, once …", show_time=True):
        found = calibrated(network)(pixels[None])[0]
    first, second, third = (int(k) for k in np.argsort(-found)[:3])
    sure = {k: _percent(float(found[k])) for k in (first, second, third)}
    st.markdown(
        f"**{plain(network.name)}** reads **{first}** with a probability of {sure[first]}; "
        f"next come **{second}** with {sure[second]} and **{third}** with {sure[third]}."
    )


def _neighbours(pixels: Pixels, network: Network) -> None:
    st.subheader("The most alike training digits", anchor=False)
    provenance = network.run.info.provenance
    dataset = provenance.dataset
    if dataset not in datasets.available():
        dataset = "mnist-sample"
    _open_if_asked(dataset)
    with st.spinner("Comparing it with all training digits …"):
        found = nearest(pixels, dataset, NEIGHBOURS)
    train = split_of(dataset, "train")
    digit_grid(
        train.images[[one.index for one in found]],
        [
            Cell(
                one.index,
                f"Training digit {one.index:,}, label {one.label}, distance {one.distance:.0f}",
                str(one.label),
            )
            for one in found
        ],
        key="predict-why-neighbours",
        on_open=_ask_to_open,
    )
    labels = [one.label for one in found]
    most = max(set(labels), key=labels.count)
    st.markdown(
        f"**{labels.count(most)} of {len(labels)}** are labelled **{most}**. The nearest differs "
        f"by {found[0].distance:.0f} of 255 a pixel: {nearness(dataset, found[0].distance)}."
    )
    st.caption(
        f"{_whose(provenance, dataset)} Compared grey value by grey value (root mean "
        "square), not in any layer of the network: it may find others alike. A click opens one on "
        "the Dataset page."
    )


def _whose(provenance: "Provenance", dataset: str) -> str:
    """Which training digits were compared."""
    count = len(split_of(dataset, "train"))
    if provenance.dataset == dataset:
        learnt = f"the run learnt from {provenance.n_train:,} of them"
        return f"Of the {count:,} training digits of {dataset}; {learnt}."
    return (
        f"Of the {count:,} training digits of {dataset}: those of {provenance.dataset}, from which "
        "the run learnt, are not on this machine."
    )


def _ask_to_open(index: int) -> None:
    st.session_state[_OPEN] = index


def _open_if_asked(dataset: str) -> None:
    """Go to the Dataset page with the digit that was clicked: a callback cannot."""
    index = st.session_state.pop(_OPEN, None)
    if index is not None:
        digit = {"data": dataset, "split": "train", "index": str(index), "view": "One digit"}
        st.switch_page(pages()["dataset"], query_params=digit)


def _others(pixels: Pixels, network: Network) -> None:
    st.subheader("What the other runs answer", anchor=False)
    asked, left_out = other_runs(network.run)
    if not asked:
        st.caption("There is no other run with a network. Train one on the Train page.")
        return
    if not opened(asked):
        _offer_to_open(asked)
        return
    read = int(calibrated(network)(pixels[None])[0].argmax())
    found = opinions(asked, pixels)
    answers = [one for one in found if not one.problem]
    same = sum(one.answer == read for one in answers)
    if answers:
        st.markdown(f"**{same} of {len(answers)}** read **{read}** too.")
    st.table(
        [_row(one, read) for one in found],
        width="content",
        hide_index=True,
        alt="Each other run's answer to this digit, and its mistakes on test digits",
    )
    for one in found:
        if one.problem:
            st.caption(plain(f"{one.name}: {one.problem}"))
    more = f" {left_out:,} older runs are not asked." if left_out else ""
    st.caption(f"How sure: calibrated by each run's own test answers, where it has some.{more}")


def _row(one: Opinion, read: int) -> dict[str, str]:
    # Those that answer otherwise stand out, and not by their look alone.
    answer = str(one.answer) if one.answer == read else f"**{one.answer}**, not {read}"
    return {
        "run": plain(one.name if one.name == one.run else f"{one.name} ({one.run})"),
        "answer": "none" if one.problem else answer,
        "how sure": "" if one.problem else _percent(one.confidence),
        "mistakes on test digits": one.mistakes or "not tested",
    }


def _offer_to_open(asked: "list[Run]") -> None:
    """Opening them takes seconds: once for all visitors, in the background."""

    def open_them(report: Report) -> None:
        open_all(asked, report)

    count = len(asked)
    st.caption(f"{count} networks have to be opened first: some seconds, once on this server.")
    key = ("opinions", *(Network(run) for run in asked))
    run_chore(
        shared(key, open_them),
        "Ask the other runs",
        "predict-why-others",
        doing="Opening networks",
        icon=":material/groups:",
    )


def _epochs(pixels: Pixels, network: Network) -> None:
    st.subheader("How the answer came about", anchor=False)
    run = network.run
    if not run.epochs():
        st.caption(f"The run “{plain(run.id)}” keeps no weights of single epochs.")
        return
    with st.spinner("Going through the epochs …", show_time=True):
        found = over_epochs(run, pixels)
    st.markdown(_history(found))
    theme = st.context.theme.type or "light"
    at = network.epoch if network.epoch in found.epochs else found.epochs[-1]
    st.plotly_chart(
        probability_strip(
            ["end" if one is None else str(one) for one in found.epochs],
            found.probabilities,
            found.epochs.index(at),
            None,
            theme=theme,
            text_colour=TEXT.get(theme),
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
    """A probability, with a space at which no line breaks."""
    return unbroken(percent_with_small(part))


def _history(found: OverEpochs) -> str:
    """The answers one after the other, in a sentence."""
    spells = found.spells()
    if not spells:
        return "No epoch gives numbers: the training diverged."
    if len(spells) == 1:
        return f"It read **{spells[0][0]}** from {epoch_name(spells[0][1])} on, without a change."
    first, *later = (
        f"**{digit}** from {epoch_name(epoch) if epoch else 'the finished network'} on"
        for digit, epoch in spells
    )
    return f"It read {first}, then {', then '.join(later)}."
