"""The upload field for a picture of one digit, and the picture that was opened last."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.preprocessing.image_files import EXTENSIONS, MAX_BYTES, decode_image

_OPENED = "last_opened_picture"


def keep_opened(name: str, pixels: NDArray[np.uint8]) -> None:
    """Keep a picture of the visitor for other pages of the session, in place of the one before.

    Args:
        name: Its name in a sentence.
        pixels: RGB uint8 (h, w, 3).
    """
    st.session_state[_OPENED] = name, pixels


def last_opened() -> tuple[str, NDArray[np.uint8]] | None:
    """Return name and pixels of the picture that the visitor opened last; None if there is none."""
    opened: tuple[str, NDArray[np.uint8]] | None = st.session_state.get(_OPENED)
    return opened


def uploaded(key: str) -> NDArray[np.uint8] | None:
    """Draw the upload field and the picture.

    Args:
        key: Key of the widget.

    Returns:
        The pixels, RGB uint8 (h, w, 3); None while there is no file.

    Raises:
        PictureError: The file is not a picture that can be read.
    """
    file = st.file_uploader(
        "A picture of one digit",
        type=EXTENSIONS,
        max_upload_size=MAX_BYTES // 2**20,
        help="Dark on light or light on dark, anywhere in the picture. It is read in memory "
        "and never stored.",
        key=key,
    )
    if file is None:
        return None
    picture = decode_image(file.getvalue(), file.name)
    st.image(picture.pixels, caption="Your picture", width=280, alt="Your picture")
    return picture.pixels
