"""The top activations of a feature map, and its ablation: two parts of the view of feature maps."""

from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.statistics import split_of
from core.explain.layer_geometry import receptive_field
from core.figures.html import exact_number
from core.figures.images import receptive_field_box
from core.figures.prediction_charts import ablation_chart
from core.recipes.architecture import BatchNorm
from core.utils.background import BackgroundTask
from core.utils.text import DIGIT_NAMES, percent, small_percent
from pages.widgets.filters.choices import Seen
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.pictures import CHART_CONFIG, text_color

if TYPE_CHECKING:
    from core.explain.feature_maps import AblationMode, TopActivation

_MODE_KEY: Final = "filters-maps-way"
_MOST_WORK: Final = 50_000_000_000
"""Multiply-adds that take a second or two on two cores."""
_MODES: Final[dict["AblationMode", str]] = {"zero": "0", "mean": "its mean"}


def ablation_shares(seen: Seen, layer: str) -> NDArray[np.float32] | None:
    """Measure how far the ablation of each map moves the probabilities.

    Args:
        seen: The network and the digit.
        layer: Name of the layer.

    Returns:
        The probability that moves to other digits, float32 (maps,); None, after a sentence on the
        page, for the last layer and where ablating every map would take long.
    """
    from core.explain.feature_maps import ablate_maps, multiply_adds

    rows = seen.rows()
    row, last = next(row for row in rows if row.name == layer), rows[-1].name
    if layer == last:
        st.caption("This is the last layer: its units are the answer.")
        return None
    architecture = seen.network.run.info.recipe.architecture
    after = multiply_adds(architecture, last) - multiply_adds(architecture, layer)
    if after * row.shape[-1] > _MOST_WORK:
        st.caption(
            "This network is too large to remove each map in turn, so maps are sorted by "
            "number. Click a map to compute its effect."
        )
        return None
    with st.spinner("Removing one map after the other …"):
        return ablate_maps(seen.network, seen.image, layer, "zero").total_variation


def show_exciting(seen: Seen, layer: str, number: int) -> None:
    """Draw the digits that excite a map most, or the button that starts the search.

    Args:
        seen: The network and the digit.
        layer: Name of the layer.
        number: Index of the map or unit in the layer.
    """
    from core.explain.feature_maps import stored_top_activations

    st.header("What activates it most", anchor=False)
    with st.spinner("Reading the sample's 5,000 digits …"):
        result = stored_top_activations(seen.network, layer)
    if isinstance(result, BackgroundTask):
        st.caption("This network is large: reading the sample's 5,000 digits takes some seconds.")
        draw_task(result, "Search all digits", "filters-maps-exciting", doing="Searching")
        return
    best = result.for_map(number)
    if not best:
        st.info(
            f"None of the sample's {result.total:,} digits activates it: it is 0 everywhere, "
            "for all of them.",
            icon=":material/do_not_disturb_on:",
        )
        return
    st.caption(
        f"Of the {result.total:,} digits of the sample, test and training, the nine with the "
        "largest activation, and that value. The box shows its receptive field; without a box "
        "it sees all pixels."
    )
    words = [_words(activation) for activation in best]
    st.image(
        [_boxed(seen, layer, number, activation) for activation in best],
        caption=words,
        width=104,
        alt=words,
    )


def _boxed(seen: Seen, layer: str, number: int, activation: "TopActivation") -> NDArray[np.uint8]:
    shape = next(row.shape for row in seen.rows() if row.name == layer)
    place = activation.position if len(shape) == 3 else (number,)
    field = receptive_field(seen.network.run.info.recipe.architecture, layer, place)
    image = split_of("mnist-sample", activation.split).images[activation.index]
    return receptive_field_box(image, None if field.covers_digit else field, 4)


def _words(activation: "TopActivation") -> str:
    label = DIGIT_NAMES[int(split_of("mnist-sample", activation.split).labels[activation.index])]
    split = "training" if activation.split == "train" else "test"
    return f"{activation.value:.3g}: {label} ({split} {activation.index})"


def show_share(seen: Seen, layer: str, number: int) -> None:
    """Draw the ten probabilities with and without a map.

    Args:
        seen: The network and the digit.
        layer: Name of the layer.
        number: Index of the map or unit in the layer.
    """
    from core.explain.feature_maps import MEAN_DIGITS, ablate_maps

    st.header("Its effect on the answer", anchor=False)
    if layer == seen.rows()[-1].name:
        st.caption("These ten units are the answer itself: nothing comes after them.")
        return
    mode: AblationMode = st.segmented_control(
        "Set it to",
        list(_MODES),
        default="zero",
        required=True,
        format_func=_MODES.__getitem__,
        key=_MODE_KEY,
        persist_state="session",
        help="An ablation removes one part of the network to see what it contributes. Setting "
        f"the map to 0 is the simplest way. Setting it to its mean over {MEAN_DIGITS} "
        "test digits of the sample, place by place, removes only what is special about "
        "this digit.",
    )
    with st.spinner("Computing the answer without it …"):
        ablation = ablate_maps(seen.network, seen.image, layer, mode, number)
    baseline, ablated = ablation.baseline.tolist(), ablation.ablated[0].tolist()
    before, after = int(ablation.baseline.argmax()), int(ablation.ablated[0].argmax())
    words = (
        f"With it the network reads **{before}** ({percent(baseline[before])}), without it "
        f"**{after}** ({percent(ablated[after])}). "
    )
    if before == after:
        moved = float(ablation.total_variation[0])
        moves = f"{small_percent(moved)} of the probability changes."
        words += moves if moved else "Nothing changes."
    else:
        words += "**Without this map, the answer changes.**"
    st.markdown(words.replace("<", r"\<").replace(">", r"\>"))
    st.plotly_chart(
        ablation_chart(baseline, ablated, text_color()),
        config=CHART_CONFIG,
        key="filters-maps-share",
        alt="The ten probabilities with this map and without it",
    )
    _about_zero(seen, layer, number, mode)


def _about_zero(seen: Seen, layer: str, number: int, mode: "AblationMode") -> None:
    """Draw a caption where a map of zeros is not a neutral input of the next layer."""
    from core.explain.feature_maps import activation_of_zero

    if mode != "zero":
        return
    rows = seen.rows()
    becomes = activation_of_zero(seen.network, layer, number)
    if becomes is not None:
        after = rows[[row.name for row in rows].index(layer) + 1].name
        st.caption(
            f"0 is not “nothing” here: {after}, right after this layer, shifts it to "
            f"{exact_number(becomes)} everywhere. Setting it to its mean is fairer."
        )
    elif any(isinstance(row.layer, BatchNorm) and row.name == layer for row in rows):
        st.caption("After a batch normalization 0 is not “nothing”, but a usual value of the map.")
