"""The pictures of the reading benchmarks, and what counts as read right."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks._page_way import Answer
from benchmarks.brought_pictures import KINDS, cells_of, in_random_order
from benchmarks.real_pictures import Labeled, is_right, labeled_files
from benchmarks.synthetic_photos import sudoku_photo
from core.inference.reader import AnswerKind, AnswerVerdict, DigitReading
from core.preprocessing.mnist_format import PreparedDigit
from core.preprocessing.page.detection import FoundDigit
from tests.helpers.sample_digits import sample_digits


def answer(*digits: tuple[int, AnswerKind]) -> Answer:
    empty = PreparedDigit(np.zeros((28, 28), np.uint8), (), (0, 0, 1, 1))
    return Answer(
        tuple(
            DigitReading(
                FoundDigit(empty, 0, 0),
                np.zeros(10, np.float32),
                AnswerVerdict(kind, digit, 0, 0.9, 0.9),
            )
            for digit, kind in digits
        )
    )


def test_right_is_exactly_the_digits_of_the_label_in_their_order() -> None:
    read = answer((3, "sure"), (7, "unsure"), (5, "sure"))
    assert is_right(read, "375")
    assert is_right(read, "3.75")
    assert not is_right(read, "357")
    assert not is_right(answer((3, "sure"), (7, "not a digit"), (5, "sure")), "375")
    assert not is_right(Answer(refused="Nothing is drawn."), "3")


def test_a_picture_without_digits_is_right_if_nothing_is_sure() -> None:
    assert is_right(answer((1, "unsure")), "")
    assert is_right(Answer(refused="Nothing is drawn."), "")
    assert not is_right(answer((1, "sure")), "")


def test_a_folder_of_labeled_pictures_is_read_and_a_faulty_one_is_named(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    with pytest.raises(SystemExit, match=r"no labels\.csv"):
        list(labeled_files(tmp_path))
    table.write_text("name,digit\na.png,3\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="file and label"):
        list(labeled_files(tmp_path))
    table.write_text("file,label,set\na.png,3.7,forms\nb.png,,\n", encoding="utf-8")
    expected = [Labeled(tmp_path / "a.png", "3.7", "forms"), Labeled(tmp_path / "b.png", "", "all")]
    assert list(labeled_files(tmp_path)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_shows_ink_and_names_its_digits(kind: str) -> None:
    images, labels = sample_digits()
    rng = np.random.default_rng(3)
    digits = in_random_order(images, labels, rng)
    for _ in range(5):
        pixels, label = KINDS[kind](digits, rng)
        assert pixels.dtype == np.uint8
        assert len(label) == (5 if kind == "uneven row" else 1)
        tones = pixels[..., 3] if pixels.ndim == 3 else pixels
        assert int(tones.max()) - int(tones.min()) > 60


def test_the_filled_cells_of_a_sudoku_are_where_its_digits_lie() -> None:
    images, labels = sample_digits()
    rng = np.random.default_rng(4)
    digits = in_random_order(images[labels > 0], labels[labels > 0], rng)
    photo = sudoku_photo(digits, rng)
    assert len(photo.cells) == 81
    assert 25 <= sum(map(bool, cells_of(photo))) <= 60
    for written in photo.written:
        x, y, w, h = written.box
        corners = photo.cells[written.line]
        assert corners[:, 0].min() <= x + w / 2 <= corners[:, 0].max()
        assert corners[:, 1].min() <= y + h / 2 <= corners[:, 1].max()
