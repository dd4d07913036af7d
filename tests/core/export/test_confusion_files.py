"""What is taken away from the confusions page: read back by other programs' readers."""

import csv
import importlib
import io
import re
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import classification_report, confusion_matrix

from core.evaluation.confusion_matrix import CellStyle
from core.evaluation.examples import find_label_issues
from core.export.confusion_files import (
    file_stem,
    matrix_caption,
    matrix_csv,
    matrix_html,
    matrix_png,
    matrix_svg,
    matrix_title,
    predictions_csv,
    report_csv,
    wrong_digits_zip,
)
from core.runs import registry
from core.runs.predictions import Predictions, load_predictions
from tests.helpers.made_answers import answered

EVIL = '=1+1"<script>alert(1)</script>&$x_2$'


@pytest.fixture
def best() -> Predictions:
    return load_predictions(registry.find_run("best"), "mnist-sample")


@pytest.fixture
def few() -> Predictions:
    """Five digits of which the second and the last are read wrongly."""
    images = np.arange(5 * 784, dtype=np.uint32).astype(np.uint8).reshape(5, 28, 28)
    return answered([0, 9, 2, 3, 7], [0, 4, 2, 3, 1], sure=0.8349, images=images, dataset="mine")


def table(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content))


def test_the_report_holds_scikit_learns_numbers(best: Predictions) -> None:
    frame = table(report_csv(best)).set_index("class")
    expected = classification_report(best.labels, best.predicted, output_dict=True)
    columns = ["precision", "recall", "f1-score", "support"]
    for digit in range(10):
        row = frame.loc[str(digit), ["precision", "recall", "f1", "support"]].astype(float)
        assert row.tolist() == pytest.approx([expected[str(digit)][name] for name in columns])
    for name, theirs in (("macro average", "macro avg"), ("weighted average", "weighted avg")):
        row = frame.loc[name, ["precision", "recall", "f1", "support"]].astype(float)
        assert row.tolist() == pytest.approx([expected[theirs][key] for key in columns])
    assert frame.loc["accuracy", "f1"] == pytest.approx(expected["accuracy"])
    assert set(frame["run"]) == {"best"}


def test_the_predictions_are_the_stored_ones_to_the_last_bit(best: Predictions) -> None:
    frame = table(predictions_csv(best))
    assert frame["index"].tolist() == list(range(1000))
    assert (frame["label"] == best.labels).all()
    assert (frame["predicted"] == best.predicted).all()
    assert frame["right"].sum() == best.correct.sum()
    probabilities = frame[[f"p{digit}" for digit in range(10)]].to_numpy(np.float32)
    assert np.array_equal(probabilities, best.probabilities)
    assert np.array_equal(frame["confidence"].to_numpy(np.float32), best.confidence)
    suspects = {issue.index for issue in find_label_issues("mnist-sample")}
    assert suspects
    assert set(frame["index"][frame["label_suspect"] == 1]) == suspects
    assert (frame["dataset"].unique(), frame["run"].unique()) == (["mnist-sample"], ["best"])
    assert frame["epoch"].isna().all()


def test_of_own_digits_nobody_says_that_a_label_is_suspect(few: Predictions) -> None:
    assert table(predictions_csv(few))["label_suspect"].isna().all()


def test_without_shipped_runs_the_predictions_come_without_marks(
    best: Predictions, run_folders: tuple[Path, Path]
) -> None:
    frame = table(predictions_csv(best))
    assert len(frame) == 1000
    assert frame["label_suspect"].isna().all()


def test_an_epoch_is_named(few: Predictions) -> None:
    early = answered([1], [1], epoch=3, run="fast", dataset="mnist-sample")
    assert file_stem(early) == "fast-epoch-3-mnist-sample"
    assert file_stem(few) == "tiny-mine"
    assert table(report_csv(early))["epoch"].unique().tolist() == [3]


def test_the_matrix_as_a_table_is_scikit_learns(best: Predictions) -> None:
    frame = table(matrix_csv(best))
    assert frame.columns.tolist() == ["label", *(f"read as {digit}" for digit in range(10))]
    expected = confusion_matrix(best.labels, best.predicted, labels=range(10))
    assert np.array_equal(frame.to_numpy()[:, 1:], expected)


def test_no_cell_of_a_table_begins_like_a_formula() -> None:
    answers = answered([1, 2], [1, 7], run=EVIL, dataset="mine")
    for content in (report_csv(answers), predictions_csv(answers)):
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        assert {row["run"] for row in rows} == {f"'{EVIL}"}
        cells = [cell for row in rows for cell in row.values()]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_the_wrong_digits_are_pictures_with_their_story_in_the_name(few: Predictions) -> None:
    with zipfile.ZipFile(io.BytesIO(wrong_digits_zip(few))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "0001_label9_read4_83pct.png",
            "0004_label7_read1_83pct.png",
            "index.csv",
        ]
        for name, index in zip(archive.namelist(), (1, 4), strict=False):
            picture = np.asarray(Image.open(io.BytesIO(archive.read(name))))
            assert np.array_equal(picture, few.images[index])
        lines = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode())))
    assert [line["file"] for line in lines] == [
        "0001_label9_read4_83pct.png",
        "0004_label7_read1_83pct.png",
    ]
    assert [(line["index"], line["label"], line["read"]) for line in lines] == [
        ("1", "9", "4"),
        ("4", "7", "1"),
    ]


def test_the_zip_holds_every_wrong_digit_and_is_the_same_each_time() -> None:
    answers = load_predictions(registry.find_run("soorya"), "mnist-sample")
    content = wrong_digits_zip(answers)
    assert content == wrong_digits_zip(answers)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        indices = [int(name[:4]) for name in archive.namelist() if name.endswith(".png")]
    assert indices == np.flatnonzero(answers.predicted != answers.labels).tolist()


def test_without_mistakes_the_zip_holds_an_empty_list() -> None:
    with zipfile.ZipFile(io.BytesIO(wrong_digits_zip(answered([1], [1])))) as archive:
        assert archive.namelist() == ["index.csv"]
        assert archive.read("index.csv").decode().splitlines() == [
            "file,index,label,read,confidence"
        ]


def test_title_and_caption_name_run_digits_and_accuracy() -> None:
    answers = answered(
        [1] * 500, [1] * 490 + [7] * 10, dataset="mnist-sample", epoch=3, held_out=False
    )
    assert matrix_title(answers) == "tiny (epoch 3) on the sample's test digits"
    words = " ".join(matrix_caption(answers, CellStyle(values="row", diagonal=False)))
    # SciPy's binomtest(490, 500).proportion_ci(method="wilson"): 0.96358, 0.98910
    assert "490 of 500 digits read rightly: 98.00 % (95 % interval 96.36 to 98.91 %)." in words
    assert "Some of these digits were trained on: this is no test score." in words
    assert "Per cent of each label" in words
    assert "The diagonal, the right answers, is left out." in words


def test_the_png_is_a_picture_with_color_on_the_diagonal(best: Predictions) -> None:
    with Image.open(io.BytesIO(matrix_png(best, CellStyle()))) as picture:
        assert (picture.format, picture.size) == ("PNG", (1400, 1500))
        blue, white = picture.convert("RGB").getpixel((190, 190)), picture.getpixel((5, 5))
    assert blue[2] > blue[0] + 80  # in the corner of the first cell: zeros read as zeros
    assert white[:3] == (255, 255, 255)


def test_the_svg_is_valid_and_holds_no_script_and_no_address_from_outside(
    best: Predictions,
) -> None:
    content = matrix_svg(best, CellStyle())
    tree = ET.fromstring(content)
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    references = [
        value
        for element in tree.iter()
        for name, value in element.attrib.items()
        if name.endswith("href")
    ]
    assert references
    assert all(value.startswith("#") for value in references)
    assert not list(tree.iter("{http://www.w3.org/2000/svg}script"))


class Table(HTMLParser):
    """The cells of a page's table, row by row, and every tag and attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.titles: list[str] = []
        self.tags: set[str] = set()
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onerror"}
        self._inside = tag
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in {"td", "th"}:
            self.rows[-1][-1] += data
        if self._inside in {"title", "caption"}:
            self.titles.append(data)


def test_the_page_holds_the_numbers_and_needs_nothing_else(best: Predictions) -> None:
    text = matrix_html(best, CellStyle()).decode()
    page = Table(text)
    counts = confusion_matrix(best.labels, best.predicted, labels=range(10))
    expected = [[str(k), *(str(count) if count else "" for count in counts[k])] for k in range(10)]
    assert page.rows[-10:] == expected
    assert not page.tags & {"script", "img", "link", "iframe"}
    assert "url(" not in text
    assert page.titles == ["best on the sample's test digits"] * 2


def test_hidden_numbers_and_another_order_are_those_of_the_look(few: Predictions) -> None:
    page = Table(matrix_html(few, CellStyle(diagonal=False, order="similarity")).decode())
    numbers = [cell for row in page.rows[-10:] for cell in row[1:]]
    assert sorted(filter(None, numbers)) == ["1", "1"]
    heads = [row[0] for row in page.rows[-10:]]
    assert sorted(heads) == [str(k) for k in range(10)]
    down, across = heads.index("9"), page.rows[-11][1:].index("4")
    assert page.rows[-10:][down][1 + across] == "1"


def test_no_name_of_a_run_breaks_a_picture() -> None:
    answers = answered([1, 2], [1, 7], run=EVIL, dataset="mine")
    text = matrix_html(answers, CellStyle()).decode()
    assert "<script" not in text
    assert Table(text).titles[0].startswith(EVIL)
    svg = matrix_svg(answers, CellStyle())
    assert b"<script" not in svg
    assert ET.fromstring(svg) is not None
    with Image.open(io.BytesIO(matrix_png(answers, CellStyle()))) as picture:
        assert picture.size == (1400, 1500)


def test_pictures_can_be_drawn_at_the_same_time(best: Predictions) -> None:
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: matrix_png(best, CellStyle()), range(4)))
    assert len(set(drawn)) == 1


def test_what_was_drawn_leaves_no_figure_behind(best: Predictions) -> None:
    matrix_png(best, CellStyle())
    pyplot = pytest.importorskip("matplotlib.pyplot")
    assert pyplot.get_fignums() == []


def test_nothing_in_a_file_tells_when_it_was_made(best: Predictions) -> None:
    svg = matrix_svg(best, CellStyle()).decode()
    assert not re.search(r"<dc:date>", svg)
    assert matrix_html(best, CellStyle()) == matrix_html(best, CellStyle())


def test_the_matrix_is_drawn_while_another_thread_imports_ipython(
    best: Predictions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Keras imports IPython, if it is there, and matplotlib asks for its version.
    (tmp_path / "IPython.py").write_text("import time; time.sleep(1); version_info = (9, 0)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "IPython", None)  # so that what was there comes back
    del sys.modules["IPython"]
    # As in a process in which no figure was made before: matplotlib asks once for each class.
    bases = importlib.import_module("matplotlib.backend_bases")
    bases.FigureCanvasBase._fix_ipython_backend2gui.__func__.cache_clear()
    with ThreadPoolExecutor(1) as pool:
        imported = pool.submit(importlib.import_module, "IPython")
        while "IPython" not in sys.modules:
            time.sleep(0.01)
        assert matrix_png(best, CellStyle()).startswith(b"\x89PNG")
        imported.result()
