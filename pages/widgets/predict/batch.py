"""Several pictures at once: all are read, one after the other, and one of them is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from core.inference.reader import group_lines, read_digits
from core.inference.turning import turn_picture
from core.preprocessing.image_files import decode_image
from core.preprocessing.page.detection import Explanation, find_page
from core.utils.errors import PictureError
from core.utils.files import csv_bytes, without_formulas
from core.utils.text import percent
from pages.widgets.predict.choices import explanation_of, turn_of
from pages.widgets.predict.files import Item
from pages.widgets.predict.source import Source, source_key, turned
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.upload import keep_opened
from pages.widgets.shared.warm_up import ReadyNetwork

_CHOICE = "predict-file"
_READ = "predict_many_read"
_OPEN = "predict_open"
_MOST_KEPT: Final = 2_000
_TABLE_PX: Final = 320
_COLUMNS: Final = ("file", "reads", "digits", "least_confidence", "problem")


@dataclass(frozen=True)
class Summary:
    """The result of reading a picture; small, however large the picture was.

    Attributes:
        name: Name of its file.
        text: The digits and signs read, with " / " between lines.
        digits: Number of digits found.
        least: Lowest confidence of its digits, 0 to 1.
        problem: The sentence for the visitor if it could not be read; otherwise empty.
    """

    name: str
    text: str = ""
    digits: int = 0
    least: float = 0.0
    problem: str = ""


def choose_source(items: Sequence[Item], ready: ReadyNetwork) -> Source | None:
    """Draw what was read in each picture, and the choice of the one that is shown.

    Args:
        items: The picture files, at least one.
        ready: The network that reads them.

    Returns:
        The chosen picture; None if no picture can be read. The page shows a sentence for each that
        cannot.

    Raises:
        RunError: The network cannot predict.
    """
    if len(items) == 1:
        return _opened(items[0])
    summaries = _all_read(items, ready)
    readable = [item for item in items if not summaries[item.key].problem]
    _refused([summaries[item.key] for item in items if summaries[item.key].problem])
    if not readable:
        return None
    keys = [item.key for item in readable]
    if st.session_state.get(_CHOICE) not in keys:
        st.session_state[_CHOICE] = keys[0]
    places = {key: place for place, key in enumerate(keys)}
    chosen = st.selectbox(
        f"{len(readable)} pictures were read",
        keys,
        format_func=lambda key: f"{places[key] + 1}. {_reads(summaries[key])}",
        key=_CHOICE,
    )
    _table([summaries[item.key] for item in items])
    return _opened(readable[places[chosen]])


def _opened(item: Item) -> Source | None:
    """Decode and turn a picture; None, after a sentence on the page, if it cannot be read."""
    source: Source | None = st.session_state.get(_OPEN)
    if source is None or source.file != item.key:
        try:
            pixels = decode_image(item.data(), item.name).pixels
        except PictureError as error:
            st.error(plain(str(error)), icon=":material/broken_image:")
            return None
        source = Source(item.key, item.key, item.name, pixels, file=item.key)
    turn = turn_of(item.key)
    if source.turn != turn:
        source = turned(source, turn)
    st.session_state[_OPEN] = source
    keep_opened(source.name, source.pixels)
    return source


def _all_read(items: Sequence[Item], ready: ReadyNetwork) -> dict[str, Summary]:
    """Return a summary of each item by its key; items read before are not read again."""
    kept: dict[object, Summary] = st.session_state.setdefault(_READ, {})
    subjects = {item.key: (ready.network, item.key, *_choices(item)) for item in items}
    unread = [item for item in items if subjects[item.key] not in kept]
    if unread:
        bar = st.progress(0.0, "Reading …")
        for done, item in enumerate(unread):
            bar.progress(done / len(unread), f"Reading {done + 1} of {len(unread)} …")
            kept[subjects[item.key]] = _read(item, ready)
        bar.empty()
    while len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]
    return {key: kept[subject] for key, subject in subjects.items()}


def _choices(item: Item) -> tuple[int, Explanation | None]:
    """The visitor's turn of a picture, and what they take it for."""
    turn = turn_of(item.key)
    return turn, explanation_of(source_key(item.key, turn))


def _read(item: Item, ready: ReadyNetwork) -> Summary:
    """Read one picture; its pixels are not kept."""
    turn, explanation = _choices(item)
    try:
        pixels = turn_picture(decode_image(item.data(), item.name).pixels, turn)
        page = find_page(pixels, explanation=explanation)
    except PictureError as error:
        if turn or explanation:  # it stays in the list, where the visitor can undo the choice
            return Summary(item.name)
        message = str(error)
        return Summary(
            item.name, problem=message if item.name in message else f"{item.name}: {message}"
        )
    readings = read_digits(page.digits, ready.ask, ready.temperature)
    least = min(reading.verdict.confidence for reading in readings)
    text = " / ".join(group_lines(readings, page.signs))
    return Summary(item.name, text, len(readings), float(least))


def _reads(summary: Summary) -> str:
    return f"{summary.name}: {summary.text or 'no digit'}"


def _refused(refused: Sequence[Summary]) -> None:
    if not refused:
        return
    count = len(refused)
    title = f"{count} {'picture' if count == 1 else 'pictures'} could not be read"
    room = st.expander(title, expanded=True, icon=":material/broken_image:")
    with room.container(height=200 if count > 4 else "content", border=False):
        st.markdown("\n".join(f"- {plain(summary.problem)}" for summary in refused))


def _table(summaries: Sequence[Summary]) -> None:
    with st.expander("All answers as a table", icon=":material/table:", on_change="rerun") as all_:
        if not all_.open:
            return
        st.dataframe(
            _table_columns(summaries),
            hide_index=True,
            height=_TABLE_PX if len(summaries) > 8 else "auto",
        )
        download_button("Answers as CSV", _csv(summaries), "answers.csv", "text/csv")


def _table_columns(summaries: Sequence[Summary]) -> dict[str, list[object]]:
    """Return the table's columns by their heads; Streamlit offers the table as CSV, too."""
    return {
        "File": [without_formulas(summary.name) for summary in summaries],
        "Reads": [summary.text or "could not be read" for summary in summaries],
        "Digits": [summary.digits for summary in summaries],
        "Least sure": [percent(summary.least) if summary.digits else "" for summary in summaries],
    }


def _csv(summaries: Sequence[Summary]) -> bytes:
    """Return a CSV row for each picture; a spreadsheet takes no file name for a formula.

    The sentence of a problem may begin with the file's name, too.
    """
    rows: list[Sequence[object]] = [_COLUMNS]
    for summary in summaries:
        least = f"{summary.least:.4f}" if summary.digits else ""
        name, problem = without_formulas(summary.name), without_formulas(summary.problem)
        rows.append((name, summary.text, summary.digits, least, problem))
    return csv_bytes(rows)
