"""Many pictures at once: each is read and put away again, and one of them is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from core.inference.reader import group_lines, read_digits
from core.preprocessing.image_files import decode_image
from core.preprocessing.page.detection import find_digits
from core.utils.errors import PictureError
from core.utils.files import csv_bytes, without_formulas
from core.utils.text import percent
from pages.widgets.predict.files import Item
from pages.widgets.predict.source import Source
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.warm_up import ReadyNetwork

CHOICE = "predict-file"
_READ = "predict_many_read"
_OPEN = "predict_open"
_MOST_KEPT: Final = 2_000
_TABLE_PX: Final = 320
_COLUMNS: Final = ("file", "reads", "digits", "least_confidence", "problem")


@dataclass(frozen=True)
class Summary:
    """What is kept of a picture that was read: little, however large it was.

    Attributes:
        name: of its file.
        text: what stands in it, lines parted by " / ".
        digits: how many were found.
        least: the lowest confidence of its digits.
        problem: the sentence, if it could not be read.
    """

    name: str
    text: str = ""
    digits: int = 0
    least: float = 0.0
    problem: str = ""


def choose_source(items: Sequence[Item], ready: ReadyNetwork) -> Source | None:
    """Draw what was read in each picture, and give the one that is looked at.

    None, if none can be opened; the sentence of each that cannot stands there. Raises RunError if
    the network cannot be asked.
    """
    if len(items) == 1:
        return _opened(items[0])
    read = _all_read(items, ready)
    good = [item for item in items if not read[item.key].problem]
    _refused([read[item.key] for item in items if read[item.key].problem])
    if not good:
        return None
    keys = [item.key for item in good]
    if st.session_state.get(CHOICE) not in keys:
        st.session_state[CHOICE] = keys[0]
    places = {key: place for place, key in enumerate(keys)}
    chosen = st.selectbox(
        f"{len(good)} pictures were read",
        keys,
        format_func=lambda key: f"{places[key] + 1}. {read[key].name}: {read[key].text}",
        key=CHOICE,
    )
    _table([read[item.key] for item in items])
    return _opened(good[places[chosen]])


def _opened(item: Item) -> Source | None:
    """The picture itself; None, and its sentence, if it cannot be read."""
    kept = st.session_state.get(_OPEN)
    if kept is not None and kept.key == item.key:
        before: Source = kept
        return before
    try:
        source = Source(item.key, item.key, item.name, decode_image(item.data(), item.name).pixels)
    except PictureError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return None
    st.session_state[_OPEN] = source
    return source


def _all_read(items: Sequence[Item], ready: ReadyNetwork) -> dict[str, Summary]:
    """A summary for each item, by its key; those that were read before are not read again."""
    kept: dict[object, Summary] = st.session_state.setdefault(_READ, {})
    missing = [item for item in items if (item.key, ready.network) not in kept]
    if missing:
        bar = st.progress(0.0, "Reading …")
        for done, item in enumerate(missing):
            bar.progress(done / len(missing), f"Reading {done + 1} of {len(missing)} …")
            kept[item.key, ready.network] = _read(item, ready)
        bar.empty()
    while len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]
    return {item.key: kept[item.key, ready.network] for item in items}


def _read(item: Item, ready: ReadyNetwork) -> Summary:
    """Read one picture; its pixels are gone again when this ends."""
    try:
        pixels = decode_image(item.data(), item.name).pixels
        found = find_digits(pixels, predict=ready.ask)
    except PictureError as error:
        words = str(error)
        return Summary(item.name, problem=words if item.name in words else f"{item.name}: {words}")
    readings = read_digits(found, ready.ask, ready.temperature)
    least = min(one.verdict.confidence for one in readings)
    return Summary(item.name, " / ".join(group_lines(readings)), len(readings), float(least))


def _refused(refused: Sequence[Summary]) -> None:
    if not refused:
        return
    count = len(refused)
    said = f"{count} {'picture' if count == 1 else 'pictures'} could not be read"
    room = st.expander(said, expanded=True, icon=":material/broken_image:")
    with room.container(height=200 if count > 4 else "content", border=False):
        st.markdown("\n".join(f"- {plain(one.problem)}" for one in refused))


def _table(read: Sequence[Summary]) -> None:
    with st.expander("All answers as a table", icon=":material/table:", on_change="rerun") as all_:
        if not all_.open:
            return
        st.dataframe(
            {
                "File": [one.name for one in read],
                "Reads": [one.text or "could not be read" for one in read],
                "Digits": [one.digits for one in read],
                "Least sure": [percent(one.least) if one.digits else "" for one in read],
            },
            hide_index=True,
            height=_TABLE_PX if len(read) > 8 else "auto",
        )
        download_button("Answers as CSV", _csv(read), "answers.csv", "text/csv")


def _csv(read: Sequence[Summary]) -> bytes:
    """A line for each picture. A name cannot become a formula where a table program opens it."""
    rows: list[Sequence[object]] = [_COLUMNS]
    for one in read:
        least = f"{one.least:.4f}" if one.digits else ""
        rows.append((without_formulas(one.name), one.text, one.digits, least, one.problem))
    return csv_bytes(rows)
