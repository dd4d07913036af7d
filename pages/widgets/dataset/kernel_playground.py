"""The kernel playground: a kernel slides over a digit, and each sum is written out."""

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.data.statistics import SplitName, split_of
from core.explain.convolution import (
    KERNEL_PRESETS,
    KERNEL_SIZES,
    STRIDES,
    Padding,
    Pooling,
    WindowStep,
    convolve,
    output_side,
    pool,
    window_corner,
    window_step,
)
from core.explain.kernels import first_layer_kernels
from core.figures.images import gray_digit, signed_image
from core.utils.errors import DigitscopeError
from pages.widgets.shared.digit_choice import choose_index
from pages.widgets.shared.run_picker import run_in_use

_SIDE = 28
_LEARNED = "One that the run in use has learned"
_OWN = "My own"
_WIDTH = 320
_PLAYING = "kernel-playing"
_TICK_S = 0.4


def convolution_view(dataset: str, split: SplitName) -> None:
    """Draw the playground for a digit that the visitor chooses by its index.

    Args:
        dataset: name of a dataset.
        split: the split of the digit.

    Raises:
        DigitscopeError: if the dataset cannot be loaded.
    """
    st.write(
        "A convolution lays a small table of weights, the **kernel**, on the digit, multiplies "
        "each weight with the pixel below it, and adds all products up: one number of the output. "
        "Then it moves on by the **stride**."
    )
    index = choose_index(dataset, split)
    if index is None:
        return
    image = split_of(dataset, split).images[index] / 255
    playing: bool = st.session_state.get(_PLAYING, False)
    st.fragment(_play, run_every=_TICK_S if playing else None)(image, playing)


def _play(image: NDArray[np.float64], playing: bool) -> None:
    settings, pictures = st.columns([2, 3], gap="large")
    with settings:
        kernel = _kernel()
        stride, padding, turned = _options()
    side = output_side(_SIDE, len(kernel), stride, padding)
    with pictures:
        place = _place(side, playing)
        out = convolve(image, kernel, stride=stride, padding=padding, turned=turned)
        corner = window_corner(place, _SIDE, len(kernel), stride=stride, padding=padding)
        left, right = st.columns(2)
        with left:
            st.image(
                gray_digit(image, (*corner, len(kernel))),
                caption=f"The digit, {_SIDE}×{_SIDE}, and where the kernel lies",
                width="stretch",
                alt="The digit with a frame around the pixels below the kernel",
            )
        with right:
            st.image(
                signed_image(out, place),
                caption=f"The output, {side}×{side}: blue positive, red negative",
                width="stretch",
                alt="The output of the convolution",
            )
        st.caption(_size_sentence(len(kernel), stride, padding, side))
        step = window_step(image, kernel, place, stride=stride, padding=padding, turned=turned)
        _sum(step, kernel, turned)
        _pooling(out)


def _kernel() -> NDArray[np.float64]:
    """Draw the choice of a kernel and its editable weights, and return them."""
    names = [preset.name for preset in KERNEL_PRESETS]
    chosen = st.selectbox(
        "Kernel", [*names, _LEARNED, _OWN], index=4, key="kernel", persist_state="session"
    )
    if chosen == _OWN:
        size = st.segmented_control(
            "Size",
            KERNEL_SIZES,
            default=KERNEL_SIZES[0],
            required=True,
            format_func=lambda k: f"{k}×{k}",
            key="kernel-size",
        )
        start = np.zeros((size, size))
        start[size // 2, size // 2] = 1
    elif chosen == _LEARNED:
        start = _learned()
    else:
        preset = next(candidate for candidate in KERNEL_PRESETS if candidate.name == chosen)
        st.caption(preset.about)
        start = np.array(preset.kernel)
    cells = pd.DataFrame(start, columns=[f"{k + 1}" for k in range(start.shape[1])])
    edited = st.data_editor(
        cells,
        hide_index=True,
        width="content",
        key=f"kernel-cells-{chosen}-{start.shape[0]}-{hash(start.tobytes())}",
        column_config={
            name: st.column_config.NumberColumn(
                name, width=64, min_value=-100, max_value=100, format="%.3g"
            )
            for name in cells.columns
        },
    )
    st.caption("Click a cell to change it. An empty cell counts as 0.")
    kernel: NDArray[np.float64] = np.nan_to_num(edited.to_numpy(dtype=np.float64))
    return kernel


def _learned() -> NDArray[np.float64]:
    """Return a first-layer kernel of the run in use, from the last epoch whose weights are kept."""
    fallback = np.array(KERNEL_PRESETS[0].kernel)
    try:
        run = run_in_use()
        kept = run.epochs()
        layer = first_layer_kernels(run.epoch_weights(kept[-1]), run.info.recipe) if kept else None
    except DigitscopeError as error:
        st.caption(str(error))
        return fallback
    if layer is None or layer.shape[0] not in KERNEL_SIZES:
        st.caption(
            "The first layer of the run in use has no kernels of 3×3 or 5×5: choose another run in "
            "the sidebar."
        )
        return fallback
    number = st.slider("Which one", 1, layer.shape[-1], 1, key="kernel-which")
    kernel: NDArray[np.float64] = np.asarray(layer[..., number - 1], np.float64).reshape(
        layer.shape[0], layer.shape[1]
    )
    st.caption(f"Kernel {number} of {layer.shape[-1]} of the first layer of {run.id}.")
    return kernel


def _options() -> tuple[int, Padding, bool]:
    stride = st.segmented_control(
        "Stride",
        STRIDES,
        default=1,
        required=True,
        key="kernel-stride",
        help="By how many pixels the kernel moves on.",
    )
    padding: Padding = st.segmented_control(
        "Padding",
        ["valid", "same"],
        default="valid",
        required=True,
        key="kernel-padding",
        help="“valid”: the kernel stays inside the digit, so the output is smaller. “same”: "
        "zeros stand around the digit, so that with stride 1 the output keeps its size.",
    )
    turned = st.toggle(
        "Turn the kernel by 180°",
        key="kernel-turned",
        help="What networks call a convolution is, in mathematics, a cross-correlation. A "
        "convolution in the strict sense turns the kernel around first.",
    )
    return stride, padding, turned


def _place(side: int, playing: bool) -> tuple[int, int]:
    key = f"kernel-place-{side}"
    # The middle of a digit has ink.
    st.session_state.setdefault(key, (side // 2) * side + side // 2 + 1)
    if playing:
        st.session_state[key] = st.session_state[key] % side**2 + 1
    position = st.slider(
        "Where the kernel is",
        1,
        side**2,
        key=key,
        help="The convolution goes from place to place, row by row. The arrow keys move it by one.",
    )
    row, column = divmod(position - 1, side)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.toggle("Play", key=_PLAYING) != playing:
            st.rerun()
        st.caption(f"Row {row + 1}, column {column + 1} of the output.")
    return row, column


def _size_sentence(size: int, stride: int, padding: Padding, side: int) -> str:
    if padding == "same":
        return f"With padding: {_SIDE} pixels, a place every {stride}, so {side} places a side."
    return (
        f"A kernel of {size} fits into {_SIDE} pixels at {_SIDE} - {size} + 1 = {_SIDE - size + 1} "
        f"places; with stride {stride}, {side} of them are used."
    )


def _sum(step: WindowStep, kernel: NDArray[np.float64], turned: bool) -> None:
    st.markdown("**The sum at this place**: pixel × weight")
    laid = kernel[::-1, ::-1] if turned else kernel
    lines = [
        "   ".join(
            f"{pixel:4.2f} × {weight:6.3g}" for pixel, weight in zip(pixels, weights, strict=True)
        )
        for pixels, weights in zip(step.pixels.tolist(), laid.tolist(), strict=True)
    ]
    products = " + ".join(f"{value:.3g}" for value in step.products.ravel() if value)
    st.code(
        "\n".join(lines) + f"\n\n= {products or '0'}\n= {step.total:.4g}",
        language=None,
        wrap_lines=False,
    )


def _pooling(out: NDArray[np.float64]) -> None:
    with st.expander("Then pool it", expanded=False, key="kernel-pooling"):
        kind: Pooling = st.segmented_control(
            "Pooling", ["max", "average"], default="max", required=True, key="kernel-pool"
        )
        size = st.segmented_control(
            "Of squares",
            [2, 3, 4],
            default=2,
            required=True,
            format_func=lambda k: f"{k}×{k}",
            key="kernel-pool-size",
        )
        if min(out.shape) < size:
            st.caption("The output is too small for this.")
            return
        pooled = pool(np.maximum(out, 0), size, kind)
        st.image(
            signed_image(pooled, None),
            caption=f"{out.shape[0]}×{out.shape[1]} becomes {pooled.shape[0]}×{pooled.shape[1]}",
            width=_WIDTH,
            alt="The output after ReLU and pooling",
        )
        st.caption(
            "First, negative numbers become 0 (ReLU), as after most convolutions. Then each "
            f"square of {size}×{size} numbers leaves its "
            f"{'largest' if kind == 'max' else 'mean'}."
        )
