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

ANSWER: Final = "#3f90da"
"""What the network answers."""
OTHER: Final = "#94a4a2"
"""What it did not answer."""
