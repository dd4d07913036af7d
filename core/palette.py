"""The one palette: every figure and every page takes its colours from here.

The ten digit colours are M. A. Petroff's sequence for ten categories (arXiv:2107.02270), chosen by
a survey for looks among sequences that stay apart for readers with any colour vision.
`.streamlit/config.toml` repeats them, because it cannot import.
"""

from typing import Final

DIGITS: Final = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)

TEXT: Final = {"light": "#10151f", "dark": "#e8ecf1"}
"""The text colour of each theme, as in `config.toml`."""

DIVERGING: Final = {
    "light": (
        "#67001f",
        "#b2182b",
        "#d6604d",
        "#f4a582",
        "#fddbc7",
        "#d1e5f0",
        "#92c5de",
        "#4393c3",
        "#2166ac",
        "#053061",
    ),
    "dark": (
        "#ffadad",
        "#c4756a",
        "#8c402c",
        "#501803",
        "#280d01",
        "#11191e",
        "#1a4256",
        "#2e7699",
        "#5ba4db",
        "#9eb0ff",
    ),
}
"""For weights and other numbers around zero, from the most negative (red) to the most positive
(blue), of each theme; `config.toml` says where they come from."""


def rgb(colour: str) -> tuple[int, ...]:
    """A colour of the palette, "#rrggbb", as three numbers from 0 to 255."""
    return tuple(bytes.fromhex(colour.removeprefix("#")))


FAULT: Final = "#ff4b4b"
"""What cannot be; never alone, but with words. Streamlit's red: 3.3 to 1 on the light theme's
background, 5.7 on the dark one's."""
ANSWER: Final = "#3f90da"
"""What the network answers."""
OTHER: Final = "#94a4a2"
"""What it did not answer."""
