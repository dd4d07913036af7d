"""The downloads of the confusions page: tables, pictures of the matrix, the wrong digits."""

from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from core.evaluation.confusion_matrix import CellStyle
from core.export import confusion_files
from core.runs.predictions import Predictions
from pages.widgets.confusion.choices import choose_predictions
from pages.widgets.confusion.matrix import chosen_style
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain

_KEY = "confusion-download"
_CSV, _ZIP = "text/csv", "application/zip"


@dataclass(frozen=True)
class _File:
    """A file to download: the text of its button, what it contains, and its bytes."""

    name: str
    ending: str
    mime: str
    about: str
    content: bytes


def downloads_view(predictions: Predictions, other: Predictions | None) -> None:
    """Draw a button for each file. The pictures have the options chosen in the matrix view.

    Args:
        predictions: answers of the run in use.
        other: answers of the second run, if there is one; the visitor chooses between the two.
    """
    whose = choose_predictions("Answers of", predictions, other, _KEY)
    st.caption(f"The answers of {plain(whose.name)} to {len(whose):,} digits.")
    stem = confusion_files.file_stem(whose)
    with st.grid(min_column_width=250, gap="small"):
        for file in _files(whose, chosen_style()):
            with st.container(border=True, height="stretch"):
                download_button(
                    file.name,
                    file.content,
                    f"{stem}-{file.ending}",
                    file.mime,
                    key=f"{_KEY}-{file.ending}",
                )
                st.caption(file.about)


@lru_cache(maxsize=4)
def _files(predictions: Predictions, style: CellStyle) -> list[_File]:
    # Half a second's work.
    wrong = int((~predictions.correct).sum())
    return [
        _File(
            "Report (CSV)",
            "report.csv",
            _CSV,
            "Precision, recall, F1 and support of each digit, their averages, the accuracy.",
            confusion_files.report_csv(predictions),
        ),
        _File(
            "Predictions (CSV)",
            "predictions.csv",
            _CSV,
            f"A line for each of the {len(predictions):,} digits: label, answer, ten "
            "probabilities, and whether the label is suspect.",
            confusion_files.predictions_csv(predictions),
        ),
        _File(
            "Matrix (CSV)",
            "matrix.csv",
            _CSV,
            "The ten by ten counts: true labels down, answers across.",
            confusion_files.matrix_csv(predictions),
        ),
        _File(
            "Matrix (PNG)",
            "matrix.png",
            "image/png",
            "The matrix as a picture of 1400 × 1500 pixels, with title and caption.",
            confusion_files.matrix_png(predictions, style),
        ),
        _File(
            "Matrix (SVG)",
            "matrix.svg",
            "image/svg+xml",
            "The same in shapes, sharp at any size: for papers and slides.",
            confusion_files.matrix_svg(predictions, style),
        ),
        _File(
            "Matrix (HTML)",
            "matrix.html",
            "text/html",
            "The same as a page that opens offline; pointing at a cell says more.",
            confusion_files.matrix_html(predictions, style),
        ),
        _File(
            "Wrong digits (zip)",
            "wrong-digits.zip",
            _ZIP,
            f"The {wrong:,} digits that were read wrongly as PNGs of 28 × 28, with label, answer "
            "and confidence in their names, and a list of them.",
            confusion_files.wrong_digits_zip(predictions),
        ),
    ]
