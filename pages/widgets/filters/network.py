"""The Filters page's view "Network": from the digit to the prediction, layer by layer."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.explain.kernels import layer_kernels
from core.explain.layer_geometry import strongest_maps
from core.figures.images import digit_sheet_url, png_url
from core.figures.network_images import (
    ShownLayer,
    layer_images,
    network_steps,
    reads_the_digit,
    shown_layer,
)
from core.recipes.architecture import Dense, Row, Shape
from core.utils.text import percent
from pages.widgets.components.layer_flow import Bar, Picture, Stage, layer_flow
from pages.widgets.filters.choices import FEATURE_MAPS, LAYER, VIEW, Seen, choose_layer
from pages.widgets.shared.color_legend import color_legend
from pages.widgets.shared.url_state import open_view
from pages.widgets.shared.warm_up import predictor

_MAPS, _DIGIT_PX = 8, 84
_KEY = "filters-network-layers"
_HOW = (
    "Each row is a layer: what it does, the shape of what it gives (height × width × maps, or a "
    "count of numbers), and how many parameters it holds: numbers learned in training. The "
    "pictures are its strongest feature maps for this digit: what one kernel finds, place by "
    "place. Small layers that leave the numbers where they are stand between the rows, and have "
    "done their work in the pictures above them. **Click on a layer** to open it."
)


def network_view(seen: Seen) -> None:
    """Draw the network layer by layer with its activations for the digit; a click opens a layer.

    Args:
        seen: The network and the digit.

    Raises:
        RunError: The network cannot be opened.
    """
    from core.explain.activations import layer_activations

    theme = st.context.theme.type
    values = layer_activations(seen.network, seen.image)
    answer = predictor(seen.network).probabilities(seen.image[None])[0]
    st.markdown(_HOW)
    color_legend("negative", "0", "positive")
    st.caption(
        "The colors of each map end at its own largest value, those of single numbers at the "
        "layer's."
    )

    def opened(name: str) -> None:
        choose_layer(name)
        open_view(VIEW, FEATURE_MAPS)

    before, steps = network_steps(seen.rows())
    stages = [_digit_stage(seen, before)]
    weights = reads_the_digit(seen.rows())
    for step in steps:
        layer_values, last = values[step.output_row.name], step is steps[-1]
        pictures = (
            [_weights(seen, step.row, layer_values, theme)] if step.row.name == weights else []
        )
        if not last:
            pictures.append(_drawn(step.output_row, layer_values, theme))
        stages.append(
            Stage(
                step.row.name,
                f"{step.row.name}: {step.row.layer}",
                f"{_shape(step.row.shape)} · {_parameters(step.row)}",
                pictures,
                _bars(answer) if last else (),
                _then(step.in_place),
            )
        )
    layer_flow(stages, key=_KEY, on_open=opened, chosen=st.session_state.get(LAYER))
    _total(seen)


def _digit_stage(seen: Seen, then: Sequence[Row]) -> Stage:
    return Stage(
        "",
        "The digit",
        f"{seen.image.shape[0]}×{seen.image.shape[1]} gray values",
        [Picture(digit_sheet_url(seen.image[None], 1), _DIGIT_PX, f"The digit: {seen.name}")],
        then=_then(then),
    )


def _drawn(row: Row, values: NDArray[np.float32], theme: str | None) -> Picture:
    shown = shown_layer(values, theme, _MAPS)
    if shown.single_numbers:
        words = f"The {len(shown.channels)} numbers after {row.name}"
    else:
        words = f"The strongest maps after {row.name}: {_listed(shown)}"
    return Picture(png_url(shown.sheet), shown.sheet.shape[1], words)


def _weights(seen: Seen, row: Row, values: NDArray[np.float32], theme: str | None) -> Picture:
    """Draw the weights of the units with the strongest activations, as images of 28×28."""
    kernels = layer_kernels(seen.network, row.name)
    shown = layer_images(
        kernels.images(0), strongest_maps(values, _MAPS), theme, kernels.color_limit(0)
    )
    return Picture(
        png_url(shown.sheet),
        shown.sheet.shape[1],
        f"The weights of its strongest units as pictures of the digit: {_listed(shown)}",
    )


def _listed(shown: ShownLayer) -> str:
    return ", ".join(map(str, shown.channels))


def _bars(answer: NDArray[np.float32]) -> list[Bar]:
    best = int(answer.argmax())
    return [
        Bar(digit, float(part), percent(float(part)), digit == best)
        for digit, part in enumerate(answer)
    ]


def _then(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row.name, str(row.layer)) for row in rows]


def _shape(shape: Shape) -> str:
    return f"{shape[0]} numbers" if len(shape) == 1 else "×".join(map(str, shape))


def _parameters(row: Row) -> str:
    return f"{row.parameters:,} parameters" if row.parameters else "no parameters"


def _total(seen: Seen) -> None:
    last = seen.rows()[-1].layer
    architecture = seen.network.run.info.recipe.architecture
    words = (
        f"In all {len(architecture.layers)} layers with {architecture.parameters:,} parameters. "
        "The last layer's values are as it gives them; the probability beside the digit is "
        "calibrated."
    )
    if isinstance(last, Dense) and last.activation == "sigmoid":
        words += (
            " The last layer ends in ten sigmoids, which do not add up to 1; the probabilities are "
            "the softmax of what goes into them, as in training."
        )
    st.caption(words)
