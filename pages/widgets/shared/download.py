"""A button that hands the visitor a file."""

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

    The file is made beforehand, and pressing the button reruns nothing. A file that Streamlit makes
    when its button is pressed (a callable as `data`) belongs to no page: the end of any script on
    the server, other visitors' too, may sweep it away before the browser has fetched it.

    Args:
        label: what stands on the button.
        content: the file.
        file_name: the name under which the browser stores it.
        mime: its media type, such as "text/csv".
        icon: the icon before the label.
        key: the widget's key; needed where two buttons are alike.
        disabled: whether the button cannot be pressed.
        tooltip: what is told to whoever points at it.
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
