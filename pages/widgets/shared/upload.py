"""A picture of one digit, taken from a file."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.preprocessing.image_files import EXTENSIONS, MAX_BYTES, decode_image


def uploaded(key: str) -> NDArray[np.uint8] | None:
    """Draw the field for a file and what is in it, and give its pixels; None while there is none.

    Raises PictureError if the file is no picture that can be read.
    """
    file = st.file_uploader(
        "A picture of one digit",
        type=EXTENSIONS,
        max_upload_size=MAX_BYTES // 2**20,
        help="Dark on light or light on dark, anywhere in the picture. It is read in memory and "
        "kept nowhere.",
        key=key,
    )
    if file is None:
        return None
    picture = decode_image(file.getvalue(), file.name)
    st.image(picture.pixels, caption="Your picture", width=280)
    return picture.pixels
