"""The arithmetic of one activation: tables and lines that can be checked with a calculator."""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import streamlit as st

from core.data.normalization import MNIST_MEAN, MNIST_STD, Scaling
from core.explain.arithmetic import (
    INPUT_LAYER,
    ActivationStep,
    ArithmeticStep,
    AverageStep,
    ConvolutionStep,
    DroppedNumber,
    LayerActivations,
    MapPosition,
    NormalizationStep,
    PassThrough,
    PoolingStep,
    WeightedSum,
    explain_number,
)
from core.figures.html import exact_number, number_table_html, short_number, signed_number

_CHANNEL: Final = "filters-maps-input"
_MOST_TERMS: Final = 10
_SCALED: Final[dict[Scaling, str]] = {
    "divide-255": "each gray value divided by 255",
    "standardise": f"(each gray value / 255 − {MNIST_MEAN}) / {MNIST_STD}, so that an empty pixel "
    f"is {short_number(-MNIST_MEAN / MNIST_STD)}",
    "l2-axis-1": "each gray value divided by the length of its column of pixels",
}
_FORMULAS: Final = {
    "relu": "the larger of 0 and x",
    "sigmoid": "1 / (1 + e^−x)",
    "tanh": "tanh x",
    "elu": "x, or e^x − 1 where x is below 0",
    "gelu": "x times the part of a normal distribution below x",
}


def show_arithmetic(
    network: LayerActivations, layer: str, place: MapPosition, scaling: Scaling
) -> None:
    """Draw how one activation is computed, and what the next layers compute from it.

    Args:
        network: The activations of all layers for the digit.
        layer: Name of the layer.
        place: Position of the number in the layer's output.
        scaling: How the network's input is scaled.

    Raises:
        ValueError: There is no such layer.
        IndexError: The layer has no such position.
    """
    steps = explain_number(network, layer, place)
    first, *rest = steps
    st.header("The arithmetic of this number", anchor=False)
    st.caption(
        "Step by step, with the network's own numbers. Rows, columns and maps are counted from 0. "
        "You can check each line with a calculator; only the last digits may differ."
    )
    if isinstance(first, ConvolutionStep | WeightedSum) and first.source == INPUT_LAYER:
        st.caption(f"The network does not get the digit as it is, but scaled: {_SCALED[scaling]}.")
    for position, (step, following) in enumerate(zip(steps, [*rest, None], strict=True), 1):
        with st.container(gap="xsmall"):
            _DRAW[type(step)](step, position)
            if not isinstance(step, DroppedNumber):
                unfinished = following is not None and following.layer == step.layer
                _ends(step, unfinished, step.layer == layer)


def _convolved(step: ConvolutionStep, position: int) -> None:
    size, channels = step.patch.shape[0], step.patch.shape[-1]
    st.markdown(f"**{position}. {step.layer}: a patch of its input, times the kernel, added up**")
    channel = _one_channel(step) if channels > 1 else 0
    padding = ~step.inside_input
    words = f"the patch of {_source(step.source)}, {_span(step, size)}"
    theme = st.context.theme.type
    patch, kernel, products = (
        array[..., channel] for array in (step.patch, step.kernel, step.products)
    )
    _side_by_side(
        number_table_html(patch, words, theme, padding=padding),
        "×",
        number_table_html(kernel, f"the kernel of map {step.position[-1]}", theme),
        "=",
        number_table_html(products, "their products", theme, padding=padding),
    )
    if padding.any():
        st.caption("In brackets: padding. The patch reaches beyond the edge, where zeros are put.")
    lines = [f"sum of these {size * size} products = {exact_number(float(step.sums[channel]))}"]
    if channels > 1:
        lines.append(f"sum over all {channels} input maps = {exact_number(step.total)}")
    _code(*lines, _bias(step))


def _one_channel(step: ConvolutionStep) -> int:
    """Draw what each input map contributes, and the choice of the map shown in full."""
    order = [int(k) for k in np.argsort(-np.abs(step.sums), kind="stable")]
    sums = step.sums.tolist()
    listed = ", ".join(f"map {k}: {signed_number(sums[k])}" for k in order[:8])
    rest = sum(sums[k] for k in order[8:])
    others = f"; the other {len(order) - 8} together: {signed_number(rest)}" if order[8:] else ""
    st.markdown(
        f"The kernel reads {len(order)} maps of {_source(step.source)} and has a table of weights "
        f"for each. What each adds to the sum, the largest first: {listed}{others}."
    )
    chosen: int = st.selectbox(
        "Written out: input map",
        order,
        format_func=lambda k: f"map {k}: {signed_number(sums[k])}",
        # A key for each position, so that the choice begins with its own largest map.
        key=f"{_CHANNEL}-{step.layer}-{step.position}",
        width=220,
    )
    return chosen


def _weighted(step: WeightedSum, position: int) -> None:
    n = len(step.inputs)
    st.markdown(
        f"**{position}. {step.layer}: {n:,} inputs from {_source(step.source)}, each times its "
        "weight, added up**"
    )
    order = [int(k) for k in np.argsort(-np.abs(step.products), kind="stable")[:_MOST_TERMS]]
    lines = [
        f"{_origin(step, k):<18} {exact_number(step.inputs[k]):>9} × "
        f"{exact_number(step.weights[k]):>9} = "
        f"{exact_number(step.products[k]):>9}"
        for k in order
    ]
    if n > len(order):
        rest = step.total - float(step.products[order].sum())
        lines.append(f"the other {n - len(order):,} products = {exact_number(rest)}")
    st.code("\n".join(lines), language=None, wrap_lines=False)
    _code(f"sum of all {n:,} products = {exact_number(step.total)}", _bias(step))


def _origin(step: WeightedSum, index: int) -> str:
    place = step.position_of_input(index)
    if len(place) == 1:
        return f"unit {place[0]}"
    row, column, channel = place
    if step.source == INPUT_LAYER:
        return f"pixel ({row}, {column})"
    return f"map {channel} at ({row}, {column})"


def _bias(step: ConvolutionStep | WeightedSum) -> str:
    if step.bias is None:
        return "no bias: nothing is added"
    return f"plus the bias {exact_number(step.bias)} = {exact_number(step.result)}"


def _normalized(step: NormalizationStep, position: int) -> None:
    st.markdown(
        f"**{position}. {step.layer}: batch normalization** (Ioffe and Szegedy, 2015): minus the "
        "mean, divided by the standard deviation, both as they were in training; then stretched "
        "by gamma and shifted by beta"
    )
    spread = math.sqrt(step.variance + step.epsilon)
    scaled = (step.value - step.mean) / spread
    _code(
        f"standard deviation: √({exact_number(step.variance)} + {exact_number(step.epsilon)}) = "
        f"{exact_number(spread)}",
        f"({exact_number(step.value)} − {_in_sum(step.mean)}) / {exact_number(spread)} = "
        f"{exact_number(scaled)}",
        f"gamma {exact_number(step.gamma)} × {_in_sum(scaled)} + beta {_in_sum(step.beta)} = "
        f"{exact_number(step.result)}",
    )


def _activated(step: ActivationStep, position: int) -> None:
    st.markdown(f"**{position}. {step.layer}: activation {step.name}**")
    if step.softmax_inputs is not None:
        largest = float(step.softmax_inputs.max())
        powers = np.exp(step.softmax_inputs - largest)
        group = "units" if len(step.position) == 1 else "maps at this place"
        _code(
            f"e^x divided by the sum of e^x over all {len(powers)} {group}; the largest x, "
            f"{exact_number(largest)}, is taken from each first, which changes nothing",
            f"e^({exact_number(step.value)} − {_in_sum(largest)}) / "
            f"{exact_number(float(powers.sum()))} = "
            f"{exact_number(step.result)}",
        )
    else:
        formula = _FORMULAS.get(step.name, "x stays as it is")
        _code(f"{formula}, with x = {exact_number(step.value)}: {exact_number(step.result)}")


def _pooled(step: PoolingStep, position: int) -> None:
    size = len(step.values)
    kind = "the largest" if step.mode == "max" else "the mean"
    st.markdown(f"**{position}. {step.layer}: {kind} of a square of {size}×{size}**")
    marked = {step.largest_position} if step.mode == "max" else set()
    top, left = step.position[0] * size, step.position[1] * size
    title = f"rows {top} to {top + size - 1}, columns {left} to {left + size - 1}"
    _side_by_side(number_table_html(step.values, title, st.context.theme.type, marked=marked))
    words = f"{kind} = {exact_number(step.result)}"
    if step.input_position is not None and step.mode == "max":
        ours = step.values[step.input_position] == step.result
        words += ": the number from above" if ours else ": another than the number from above"
    _code(words)


def _averaged(step: AverageStep, position: int) -> None:
    height, width = step.values.shape
    st.markdown(f"**{position}. {step.layer}: the mean of the whole map**")
    _code(
        f"sum of all {height} × {width} numbers = {exact_number(float(step.values.sum()))}",
        f"divided by {height * width} = {exact_number(step.result)}",
    )


def _passed(step: PassThrough, position: int) -> None:
    laid_out = step.source_position != step.position
    why = "it lays the maps out as one vector" if laid_out else "dropout works in training alone"
    st.markdown(f"**{position}. {step.layer} changes nothing: {why}**")
    st.caption(f"The number stood in {_source(step.source)} at {_at(step.source_position)}.")


def _left_out(step: DroppedNumber, position: int) -> None:
    st.markdown(f"**{position}. {step.layer} leaves this number out**")
    st.caption("Its squares lie side by side, and the last one ends before this row or column.")


_DRAW: Final[dict[type[ArithmeticStep], Callable[[Any, int], None]]] = {
    ConvolutionStep: _convolved,
    WeightedSum: _weighted,
    NormalizationStep: _normalized,
    ActivationStep: _activated,
    PoolingStep: _pooled,
    AverageStep: _averaged,
    PassThrough: _passed,
    DroppedNumber: _left_out,
}


def _ends(step: ArithmeticStep, unfinished: bool, is_target: bool) -> None:
    """Draw the result of a step, and its position in the network."""
    result = f"= **{exact_number(step.result)}**"
    if unfinished:
        st.caption(f"{result}, before the activation of {step.layer}")
        return
    mark = ": **this is the number**" if is_target else ""
    st.caption(f"{result} in {step.layer} at {_at(step.position)}{mark}")


def _at(place: MapPosition) -> str:
    if len(place) == 1:
        return f"number {place[0]}"
    row, column, channel = place
    return f"row {row}, column {column} of map {channel}"


def _span(step: ConvolutionStep, size: int) -> str:
    (top, left) = step.corner
    return f"rows {top} to {top + size - 1}, columns {left} to {left + size - 1}"


def _source(name: str) -> str:
    return "the scaled digit" if name == INPUT_LAYER else name


def _in_sum(value: float) -> str:
    return f"({exact_number(value)})" if value < 0 else exact_number(value)


def _code(*lines: str) -> None:
    st.code("\n".join(lines), language=None, wrap_lines=True)


def _side_by_side(*parts: str) -> None:
    joined = "".join(f"<div>{part}</div>" for part in parts)
    st.html(
        "<div style='display:flex;flex-wrap:wrap;align-items:flex-end;gap:0.6rem;"
        f"overflow-x:auto'>{joined}</div>"
    )
