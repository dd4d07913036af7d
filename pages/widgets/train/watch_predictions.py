"""The results of a training's last epoch: kernels, hard digits, frequent mistakes."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data import mnist
from core.explain.kernels import KernelArray, color_limit, first_layer_kernels
from core.figures.html import answer_cards_html
from core.figures.images import kernel_grid
from core.figures.style import theme_name
from core.jobs.live_run import followed_run
from core.runs import registry
from core.runs.messages import EpochEvaluated
from core.runs.permissions import read_card
from core.runs.run import Run, epoch_file
from core.utils.errors import DigitscopeError

_KERNEL_COLUMNS = 8
_UNIT_COLUMNS = 5
_LARGE_KERNEL = 8


def epoch_results(run: Run, *, live: bool) -> None:
    """Draw the results of the last epoch; nothing before the first.

    Args:
        run: the run that is watched.
        live: whether a process trains it now.
    """
    live_run = followed_run(run)
    kept_epochs = run.epochs()
    if not kept_epochs and not live_run.last_evaluation:
        return
    left, right = st.columns([5, 6], gap="large")
    with left:
        _kernels(run, kept_epochs)
    with right:
        if live_run.last_evaluation:
            # A process that continues a run needs seconds to reach the point where it ended.
            has_started = (
                live_run.started and live_run.started.time >= read_card(run.folder).started_at
            )
            _hard_digits(live_run.last_evaluation, live=live and bool(has_started))


def _kernels(run: Run, kept: list[int]) -> None:
    st.markdown("**What the first layer looks for**")
    if not kept:
        st.caption("Its weights are shown after the first epoch.")
        return
    shown = kept[-2:]
    try:
        kernels = [_first_layer(run.folder, epoch, _stamp(run, epoch)) for epoch in shown]
    except DigitscopeError as error:
        st.caption(str(error))
        return
    end = color_limit(*kernels)
    theme = theme_name(st.context.theme.type)
    for epoch, layer in zip(shown, kernels, strict=True):
        large = layer.shape[0] > _LARGE_KERNEL
        picture = kernel_grid(
            layer,
            _UNIT_COLUMNS if large else _KERNEL_COLUMNS,
            end=end,
            zoom=2 if large else 10,
            theme=theme,
        )
        st.image(picture, caption=f"After epoch {epoch}", alt=f"First-layer weights, epoch {epoch}")
    st.caption(
        "Blue weights respond to ink, red weights to empty paper. Both pictures use "
        "the same colors."
    )


@st.cache_data(max_entries=128, show_spinner=False)
def _first_layer(folder: Path, epoch: int, stamp: int) -> KernelArray:  # noqa: ARG001 - part of the key
    run = registry.read_run(folder)
    return first_layer_kernels(run.epoch_weights(epoch), run.info.recipe)


def _stamp(run: Run, epoch: int) -> int:
    """Return the file's time: an epoch that was interrupted is written again when complete."""
    try:
        return epoch_file(run.folder, epoch).stat().st_mtime_ns
    except OSError:
        return 0


def _hard_digits(evaluation: EpochEvaluated, *, live: bool) -> None:
    when = "now" if live else f"after epoch {evaluation.epoch}"
    st.markdown(f"**Hard digits, and what it reads {when}**")
    test = mnist.load("mnist-sample").test
    chosen = np.asarray(evaluation.digits)
    images: NDArray[np.uint8] = test.images[chosen]
    labels = test.labels[chosen].tolist()
    st.html(answer_cards_html(images, labels, evaluation.answers, evaluation.confidences))
    right = sum(a == b for a, b in zip(labels, evaluation.answers, strict=True))
    st.caption(
        f"{right} of {len(labels)} read correctly. These are the test digits that the shipped "
        f"networks misread most. Of the sample's {evaluation.n:,} test digits, "
        f"{evaluation.wrong} are wrong after epoch {evaluation.epoch}."
    )
    if evaluation.confusions:
        worst = ", ".join(
            f"{truth} read as {answer} ({often}×)" for truth, answer, often in evaluation.confusions
        )
        st.markdown(f"**Most frequent mistakes:** {worst}")
