"""A card for each page: a picture made of the results of the run in use, and a link."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import streamlit as st

from core.data import mnist
from core.evaluation.confusion_matrix import count_confusions, top_confusions
from core.figures.page_pictures import (
    Picture,
    curve_picture,
    digits_picture,
    first_maps_picture,
    matrix_picture,
)
from core.runs.predictions import load_predictions
from core.runs.run import Run
from core.utils.errors import DigitscopeError
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import ENTRIES, pages

_SAMPLE: Final = "mnist-sample"
_SEVEN: Final = 7
_PICTURE_PX: Final = 130
"""Width of a picture on the screen."""


@dataclass(frozen=True)
class _Card:
    """What a card shows.

    Attributes:
        picture: RGB uint8.
        words: What the picture shows, in a sentence.
        link: Parameters of the page that the card opens.
    """

    picture: Picture
    words: str
    link: dict[str, str]


def page_cards(run: Run) -> None:
    """Draw the cards.

    Args:
        run: The run in use.
    """
    cards: dict[str, Callable[[Run], _Card | None]] = {
        "dataset": _dataset,
        "train": _training,
        "confusion": _confusions,
        "filters": _filters,
    }
    with st.grid(min_column_width=320, gap="small"):
        for key, make in cards.items():
            with st.container(border=True, key=f"page-{key}", height="stretch"):
                _draw(key, _made(make, run))


def _made(make: Callable[[Run], _Card | None], run: Run) -> _Card | None:
    """Make a card; None if the run has nothing to show there, or it cannot be read."""
    try:
        return make(run)
    except DigitscopeError:  # the page itself says what is wrong
        return None


def _draw(key: str, card: _Card | None) -> None:
    entry = ENTRIES[key]
    with st.container(horizontal=True, wrap=False):
        if card:
            st.image(card.picture, width=_PICTURE_PX, output_format="PNG", alt=card.words)
        with st.container(width="stretch"):
            st.page_link(
                pages()[key],
                label=f"**{entry.title}**",
                icon=entry.icon,
                query_params=card.link if card else {},
            )
            st.write(entry.question)
    if card:
        st.caption(plain(card.words))


def _dataset(_run: Run) -> _Card:
    digits = mnist.load(_SAMPLE).train
    first = [int(np.flatnonzero(digits.labels == label)[0]) for label in range(10)]
    words = "The first training digit of each class: 5,000 digits come with the app, MNIST has "
    return _Card(digits_picture(digits.images[first]), f"{words}70,000.", {"view": "Browse"})


def _training(run: Run) -> _Card:
    history = run.history()
    curves = [history[name].to_list() for name in ("loss", "val_loss") if name in history]
    validation = " Orange: the same on validation digits." if len(curves) > 1 else ""
    count = f"{len(history)} epochs" if len(history) > 1 else "one epoch"
    words = f"Blue: the loss of {run.id} over {count} of training.{validation}"
    return _Card(curve_picture(curves, st.context.theme.type), words, {})


def _confusions(run: Run) -> _Card:
    predictions = load_predictions(run, _SAMPLE)
    counts = count_confusions(predictions)
    worst = next(iter(top_confusions(predictions, 1)), None)
    cell = (worst[0], worst[1]) if worst else None
    link = {"cell": f"{cell[0]}-{cell[1]}"} if cell else {}
    words = f"{run.id} makes no mistake on the sample's {len(predictions):,} test digits."
    if worst:
        label, answer, count = worst
        often = "once" if count == 1 else f"{count} times"
        words = (
            f"Rows: labels; columns: answers of {run.id}. Its most frequent mistake is framed: "
            f"it reads a {label} as a {answer} {often} in {len(predictions):,} digits."
        )
    return _Card(matrix_picture(counts, cell, st.context.theme.type), words, link)


def _filters(run: Run) -> _Card | None:
    test = mnist.load(_SAMPLE).test
    index = int(np.flatnonzero(test.labels == _SEVEN)[0])
    picture = first_maps_picture(run, test.images[index], st.context.theme.type)
    if picture is None:
        return None
    words = f"A seven, as the strongest kernels of the first layer of {run.id} see it."
    return _Card(picture, words, {"index": str(index), "inside": "Feature maps"})
