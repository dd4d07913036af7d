"""The Filters page's view "Training dynamics": kernels, maps and probabilities, epoch by epoch."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.explain.kernels import KernelEvolution, epoch_name, kernel_evolution
from core.figures.network_images import evolution_gif, evolution_kernel_sheet, evolution_map_sheet
from core.figures.prediction_charts import probability_strip
from core.figures.style import TEXT_COLORS
from core.runs.run import Network
from core.utils.text import percent
from pages.widgets.filters.choices import Seen, chosen_layer
from pages.widgets.shared.color_legend import color_legend
from pages.widgets.shared.download import download_button
from pages.widgets.shared.epoch_player import epoch_controls
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import CHART_CONFIG
from pages.widgets.shared.run_picker import chosen_run

_KEY = "filters-dynamics"
_AT, _WANTED = f"{_KEY}-at", f"{_KEY}-wanted"


def training_dynamics_view(seen: Seen) -> None:
    """Draw the first kernels, a layer's maps and the probabilities over the kept epochs.

    Args:
        seen: The network and the digit.

    Raises:
        RunError: The network cannot be read.
    """
    kept = seen.network.run.epochs()
    if len(kept) < 2:
        st.info(_too_few(seen, kept), icon=":material/history_toggle_off:")
        return
    st.markdown(
        "Before training, kernels are random numbers. Move through the **epochs**, the passes "
        "over all training digits, and watch the kernels form."
    )
    layer = chosen_layer(seen)
    if layer is None:
        return
    with st.spinner("Going through the epochs ...", show_time=True):
        evolution = kernel_evolution(seen.network.run, seen.image, layer)
    epoch = _choose(seen, evolution)
    index = evolution.index_of(epoch)
    left, right = st.columns(2, gap="large")
    with left:
        _kernels(evolution, index)
    with right:
        _maps(seen, evolution, index, layer)
    _probabilities(seen, evolution, index)
    _download(seen, layer)


def _too_few(seen: Seen, kept: list[int]) -> str:
    kind = f"only the weights of epoch {kept[0]}" if kept else "no weights of single epochs"
    return (
        f"The run “{plain(seen.network.run.id)}” keeps {kind}, so its training dynamics cannot "
        "be shown. Train it for more epochs, or choose another run."
    )


def _choose(seen: Seen, evolution: KernelEvolution) -> int | None:
    """Draw the choice of the epoch; return it, None for the finished network."""
    epochs = [epoch for epoch in evolution.epochs if epoch is not None]
    if seen.network.run.id == chosen_run():
        at = seen.network.epoch
        words = _reads(evolution, at) if at in evolution.epochs else "its weights cannot be read"
        epoch_controls(epochs, at, f"{words} ({plain(seen.network.run.id)})", key=_KEY)
        return at
    # The slider in the sidebar belongs to the run in use.
    if st.session_state.get(_AT) not in evolution.epochs:
        st.session_state[_AT] = evolution.epochs[-1]
    at = st.select_slider(
        "Epoch", evolution.epochs, format_func=epoch_name, key=_AT, persist_state="session"
    )
    st.markdown(f"**{epoch_name(at).capitalize()}**: {_reads(evolution, at)}")
    return at


def _reads(evolution: KernelEvolution, epoch: int | None) -> str:
    answer: NDArray[np.float32] = evolution.probabilities[evolution.index_of(epoch)]
    if np.isnan(answer).any():
        return "the network gives no numbers: its training diverged"
    best = int(answer.argmax())
    return f"reads **{best}** ({plain(percent(float(answer[best])))})"


def _kernels(evolution: KernelEvolution, index: int) -> None:
    st.markdown(f"**First kernels**: {evolution.kernel_layer}")
    sheet = evolution_kernel_sheet(evolution, index, st.context.theme.type)
    when = epoch_name(evolution.epochs[index])
    st.image(sheet, alt=f"The kernels of {evolution.kernel_layer}, {when}")
    _scale(evolution.kernel_color_limit)
    st.caption(f"Kernels {_numbers(evolution.kernel_numbers)}, row by row.")


def _maps(seen: Seen, evolution: KernelEvolution, index: int, layer: str) -> None:
    st.markdown(f"**What {layer} gives** for {plain(seen.name)}")
    sheet = evolution_map_sheet(evolution, index, st.context.theme.type)
    st.image(sheet, alt=f"What {layer} gives, {epoch_name(evolution.epochs[index])}")
    _scale(evolution.map_color_limit)
    row = next(row for row in seen.rows() if row.name == layer)
    noun = "Numbers" if len(row.shape) == 1 else "Maps"
    few = f", the strongest at the end of {row.shape[-1]}" * (
        len(evolution.channels) < row.shape[-1]
    )
    st.caption(f"{noun} {_numbers(evolution.channels)}, row by row{few}.")


def _scale(end: float) -> None:
    color_legend(f"−{end:.2g}", "0", f"{end:.2g}")


def _numbers(channels: tuple[int, ...]) -> str:
    """Format channels: "0 to 7" where there is no gap, otherwise a list."""
    if channels == tuple(range(channels[0], channels[-1] + 1)) and len(channels) > 2:
        return f"{channels[0]} to {channels[-1]}"
    if len(channels) > 40:
        return f"{channels[0]}, {channels[1]} … {channels[-1]}"
    return ", ".join(map(str, channels))


def _probabilities(seen: Seen, evolution: KernelEvolution, index: int) -> None:
    theme = st.context.theme.type or "light"
    st.markdown(f"**The ten probabilities of {plain(seen.name)}**, in percent, epoch by epoch")
    st.plotly_chart(
        probability_strip(
            ["end" if epoch is None else str(epoch) for epoch in evolution.epochs],
            evolution.probabilities,
            index,
            seen.label,
            theme=theme,
            text_color=TEXT_COLORS.get(theme),
        ),
        config=CHART_CONFIG,
        key=f"{_KEY}-probabilities",
        alt="The ten probabilities of the digit after each kept epoch",
    )
    label = "" if seen.label is None else f" The label, {seen.label}, is marked with ◂."
    st.caption(
        "The frame is the epoch shown; “end” is the finished network. Kernels and maps each "
        f"have one scale of colors for all epochs.{label}"
    )


def _download(seen: Seen, layer: str) -> None:
    """Draw a button that makes the GIF, and then one that downloads it.

    Streamlit can make a file when the download button is clicked, but loses the function at a
    rerun, sometimes before the browser has the new button, and playing the epochs reruns the page.
    """
    subject = (Network(seen.network.run), seen.image.tobytes(), layer)  # the GIF has all epochs

    def ask() -> None:
        st.session_state[_WANTED] = subject

    if st.session_state.get(_WANTED) != subject:
        st.button(
            "Make a GIF of all epochs",
            icon=":material/animation:",
            on_click=ask,
            key=f"{_KEY}-make",
        )
        return
    with st.spinner("Drawing the epochs ..."):
        gif = evolution_gif(seen.network.run, seen.image, layer)
    download_button(
        f"Download the GIF ({len(gif) / 1e6:.1f} MB)",
        gif,
        f"digitscope-{seen.network.run.id}-{layer}-forming.gif",
        "image/gif",
        key=f"{_KEY}-gif",
    )
