"""The visitor's digits as files: downloaded, and uploaded again in a later visit."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.evaluation.user_digits import (
    MAX_BYTES,
    UserDigits,
    add_digits,
    digits_csv,
    digits_npz,
    digits_zip,
    read_digit_file,
)
from core.utils.errors import DigitscopeError
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain

_FILES = "my-digits-files"
_BACK = "my-digits-back"
_TOLD = "my-digits-back-told"


def draw_downloads(digits: UserDigits) -> None:
    """Draw a download button for each file format.

    Args:
        digits: The visitor's digits, at least one.
    """
    with st.container(horizontal=True):
        for name, ending, mime, content in _files(digits):
            download_button(name, content, f"my-digits.{ending}", mime, key=f"my-digits-{ending}")


def _files(digits: UserDigits) -> list[tuple[str, str, str, bytes]]:
    # Kept in the visit's own state: a cache would outlive the visit.
    kept: tuple[UserDigits, list[tuple[str, str, str, bytes]]] | None
    kept = st.session_state.get(_FILES)
    if kept is None or kept[0] is not digits:
        files = [
            ("Pictures (zip)", "zip", "application/zip", digits_zip(digits)),
            ("Table (CSV)", "csv", "text/csv", digits_csv(digits)),
            ("Arrays (NPZ)", "npz", "application/octet-stream", digits_npz(digits)),
        ]
        kept = st.session_state[_FILES] = digits, files
    return kept[1]


def draw_upload(digits: UserDigits, take_over: Callable[[UserDigits], None]) -> None:
    """Draw the upload field.

    Args:
        digits: The visitor's digits.
        take_over: Receives the digits together with those of the file.
    """
    st.file_uploader(
        "Upload your digits",
        type=["zip", "npz"],
        max_upload_size=max(MAX_BYTES // 2**20, 1),
        key=_BACK,
        on_change=partial(_read, digits, take_over),
        help="A zip or NPZ file that you downloaded here. It is read in memory.",
    )
    words, fault = st.session_state.get(_TOLD, ("", False))
    if fault:
        st.error(plain(words), icon=":material/broken_image:")
    elif words:
        st.caption(plain(words))


def _read(digits: UserDigits, take_over: Callable[[UserDigits], None]) -> None:
    file = st.session_state[_BACK]
    st.session_state.pop(_TOLD, None)
    if file is None:  # it was taken out of the field again
        return
    try:
        added = read_digit_file(file.getvalue())
    except DigitscopeError as error:
        st.session_state[_TOLD] = str(error), True
        return
    take_over(add_digits(digits, added))
    count = f"{len(added)} digit{'' if len(added) == 1 else 's'}"
    st.session_state[_TOLD] = f"{count} of the file were added to yours.", False


def forget_files() -> None:
    """Forget the files and messages about them; for callbacks."""
    st.session_state.pop(_FILES, None)
    st.session_state.pop(_TOLD, None)
