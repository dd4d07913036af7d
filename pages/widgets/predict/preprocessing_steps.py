"""The preprocessing steps from picture to digit, as a strip, and the naive resize of most demos."""

import html
from typing import Final

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures.images import png_url
from core.inference.reader import read_digits
from core.preprocessing.mnist_format import IMAGE_SIDE, Box, PreparationStep, naive_resize
from core.preprocessing.page.detection import FoundDigit
from pages.widgets.shared.answer import describe_reading
from pages.widgets.shared.pictures import enlarge
from pages.widgets.shared.warm_up import ReadyNetwork

_STEP_PX: Final = 120
_MARGIN: Final = 0.25
"""Margin around a digit that is cut out of a page, as a share of its longer side."""

_STRIP = """<style>
.digit-steps { display: flex; gap: 10px; overflow-x: auto; padding: 0 2px 8px; }
.digit-steps > div { flex: 1 0 104px; max-width: 150px; }
.digit-steps .picture {
  height: 124px; display: flex; align-items: center; justify-content: center;
  border-radius: 6px; background: rgba(128, 128, 128, 0.16);
}
.digit-steps img {
  max-width: 100%; max-height: 120px; image-rendering: pixelated;
  outline: 1px solid rgba(128, 128, 128, 0.5);
}
.digit-steps b { display: block; font-size: 0.875rem; line-height: 1.3; margin-top: 6px; }
.digit-steps span { display: block; font-size: 0.8rem; line-height: 1.35; opacity: 0.8; }
</style>"""


def preprocessing_view(
    detection: FoundDigit, picture: NDArray[np.uint8], ready: ReadyNetwork, *, alone: bool
) -> None:
    """Draw the strip of steps, and on demand the naive resize beside ours.

    Args:
        detection: The digit.
        picture: The picture in which it was found, RGB uint8 (h, w, 3).
        ready: The network that reads both versions.
        alone: Whether it is the only digit of the picture.
    """
    st.caption(
        "The network learned from MNIST, so your picture is prepared as MNIST's were, step by step."
    )
    cards = "".join(_card(k, step) for k, step in enumerate(detection.digit.steps, 1))
    st.html(f'{_STRIP}<div class="digit-steps" role="list" tabindex="0">{cards}</div>')
    if st.toggle(
        "Compare with the naive resize to 28 × 28",
        key="predict-naive",
        persist_state="session",
        help="Most demos shrink the whole picture to 28 × 28 pixels. A small, thin or "
        "off-center digit then looks unlike anything the network has learned.",
    ):
        _side_by_side(detection, picture if alone else cut_out(picture, detection.digit.box), ready)


def cut_out(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Cut a square around a box, with a margin, as far as the picture reaches.

    Args:
        picture: RGB uint8 (h, w, 3).
        box: x, y, width and height, in pixels.

    Returns:
        The part of the picture, RGB uint8.
    """
    x, y, width, height = box
    half = max(width, height) * (0.5 + _MARGIN)
    left, top = round(x + width / 2 - half), round(y + height / 2 - half)
    side = round(2 * half)
    return picture[max(0, top) : top + side, max(0, left) : left + side]


def _side_by_side(detection: FoundDigit, around: NDArray[np.uint8], ready: ReadyNetwork) -> None:
    naive = naive_resize(around)
    ours = detection.digit
    readings = read_digits(
        [detection, FoundDigit(type(ours)(naive, (), ours.box), detection.line, detection.number)],
        ready.ask,
        ready.temperature,
    )
    with st.container(horizontal=True, gap="large", key="predict-naive-pair"):
        for title, pixels, reading in zip(
            ("Prepared as MNIST was", "Naive resize"), (ours.pixels, naive), readings, strict=True
        ):
            with st.container(width=200):
                st.markdown(f"**{title}**")
                st.image(enlarge(pixels, 6), width=168, alt=f"{title}: 28 by 28 gray pixels")
                answer = int(reading.probabilities.argmax())
                st.markdown(f"The network answers **{answer}**")
                st.caption(describe_reading(reading))


def _card(number: int, step: PreparationStep) -> str:
    title = html.escape(step.title)
    picture = f'<img src="{png_url(_small(step.image))}" alt="{title}">'
    words = f"<b>{number}. {title}</b><span>{html.escape(step.note)}</span>"
    return f'<div role="listitem"><div class="picture">{picture}</div>{words}</div>'


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale a step's image for the strip: small ones by whole factors, large ones down."""
    longest = max(image.shape)
    if longest <= max(IMAGE_SIDE, _STEP_PX // 2):
        return enlarge(image, max(1, _STEP_PX // longest))
    scale = 2 * _STEP_PX / longest
    if scale >= 1:
        return image
    return np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
