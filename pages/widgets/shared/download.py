"""A download button whose file does not vanish before the browser has fetched it."""

import streamlit as st


def download_button(
    label: str,
    content: bytes,
    file_name: str,
    mime: str,
    *,
    icon: str = ":material/download:",
    key: str | None = None,
    disabled: bool = False,
    tooltip: str | None = None,
) -> None:
    """Draw a button that downloads a file.

    The file is made in advance, and pressing the button reruns nothing. A file that Streamlit makes
    when its button is pressed (a callable as `data`) belongs to no page: the end of any script on
    the server, also of another visitor, may delete it before the browser has fetched it.

    Args:
        label: Label of the button.
        content: Bytes of the file.
        file_name: Name under which the browser stores it.
        mime: Media type, such as "text/csv".
        icon: Icon before the label.
        key: Key of the widget; needed where two buttons are alike.
        disabled: Whether the button cannot be pressed.
        tooltip: Text shown when the pointer is on the button.
    """
    st.download_button(
        label,
        data=content,
        file_name=file_name,
        mime=mime,
        icon=icon,
        key=key,
        disabled=disabled,
        help=tooltip,
        on_click="ignore",
    )
