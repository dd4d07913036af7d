"""The upload field for a picture of one digit."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.preprocessing.image_files import EXTENSIONS, MAX_BYTES, decode_image


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
        help="Dark on light or light on dark, anywhere in the picture. It is read in memory and "
        "kept nowhere.",
        key=key,
    )
    if file is None:
        return None
    picture = decode_image(file.getvalue(), file.name)
    st.image(picture.pixels, caption="Your picture", width=280)
    return picture.pixels
