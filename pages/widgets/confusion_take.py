"""The confusions page's files to take away: tables, the matrix as a picture, the wrong digits."""

from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from core import confusion_export, matrix_picture
from core.answered import Answered
from core.matrix_cells import Look
from pages.widgets.confusion_choice import choose_whose
from pages.widgets.confusion_matrix import taken_look
from pages.widgets.download import download_button
from pages.widgets.words import plain

_KEY = "confusion-take"
_CSV, _ZIP = "text/csv", "application/zip"


@dataclass(frozen=True)
class _File:
    """A file that can be taken away: what it is called, what is in it, its bytes."""

    name: str
    ending: str
    mime: str
    about: str
    content: bytes


def take_view(this: Answered, other: Answered | None) -> None:
    """Draw a button for each file.

    The pictures show the matrix as the matrix view does.
    """
    whose = choose_whose("Answers of", this, other, _KEY)
    st.caption(f"The answers of {plain(whose.who)} to {len(whose):,} digits.")
    stem = confusion_export.file_stem(whose)
    with st.grid(min_column_width=250, gap="small"):
        for one in _files(whose, taken_look()):
            with st.container(border=True, height="stretch"):
                download_button(
                    one.name,
                    one.content,
                    f"{stem}-{one.ending}",
                    one.mime,
                    key=f"{_KEY}-{one.ending}",
                )
                st.caption(one.about)


@lru_cache(maxsize=4)
def _files(this: Answered, look: Look) -> list[_File]:
    # Half a second's work.
    wrong = int((~this.right).sum())
    return [
        _File(
            "Report (CSV)",
            "report.csv",
            _CSV,
            "Precision, recall, F1 and support of each digit, their averages, the accuracy.",
            confusion_export.report_csv(this),
        ),
        _File(
            "Predictions (CSV)",
            "predictions.csv",
            _CSV,
            f"A line for each of the {len(this):,} digits: label, answer, ten probabilities, and "
            "whether the label is suspect.",
            confusion_export.predictions_csv(this),
        ),
        _File(
            "Matrix (CSV)",
            "matrix.csv",
            _CSV,
            "The ten by ten counts: true labels down, answers across.",
            confusion_export.matrix_csv(this),
        ),
        _File(
            "Matrix (PNG)",
            "matrix.png",
            "image/png",
            "The matrix as a picture of 1400 × 1500 pixels, with title and caption.",
            matrix_picture.matrix_png(this, look),
        ),
        _File(
            "Matrix (SVG)",
            "matrix.svg",
            "image/svg+xml",
            "The same in shapes, sharp at any size: for papers and slides.",
            matrix_picture.matrix_svg(this, look),
        ),
        _File(
            "Matrix (HTML)",
            "matrix.html",
            "text/html",
            "The same as a page that opens offline; pointing at a cell says more.",
            matrix_picture.matrix_html(this, look),
        ),
        _File(
            "Wrong digits (zip)",
            "wrong-digits.zip",
            _ZIP,
            f"The {wrong:,} digits that were read wrongly as PNGs of 28 × 28, with label, answer "
            "and confidence in their names, and a list of them.",
            confusion_export.wrong_digits_zip(this),
        ),
    ]
