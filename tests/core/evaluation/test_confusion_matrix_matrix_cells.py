"""The cells of a drawn confusion matrix: texts, heats and sentences, of counts made by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.evaluation.confusion_matrix import (
    CellStyle,
    MatrixCell,
    cell_values,
    class_order,
    matrix_cells,
    matrix_totals,
)


def some_counts() -> NDArray[np.intp]:
    """100 of each digit, right but for 4 nines read as fours, 1 seven as a one; no eights."""
    counts = np.diag(np.full(10, 100)).astype(np.intp)
    counts[9, 9], counts[9, 4] = 96, 4
    counts[7, 7], counts[7, 1] = 99, 1
    counts[8, 8] = 0
    return counts


def at(cells: list[list[MatrixCell]], true: int, read: int) -> MatrixCell:
    return next(cell for row in cells for cell in row if (cell.true, cell.read) == (true, read))


def test_counts_stand_in_the_cells_and_nothing_for_zero() -> None:
    cells = matrix_cells(some_counts(), CellStyle())
    assert at(cells, 9, 4).text == "4"
    assert at(cells, 9, 9).text == "96"
    assert at(cells, 4, 9).text == ""
    assert "4 of 100 nines read as fours" in at(cells, 9, 4).sentence
    assert [row[0].true for row in cells] == list(range(10))
    assert [cell.read for cell in cells[0]] == list(range(10))


def test_percent_of_labels_and_of_answers() -> None:
    rows = matrix_cells(some_counts(), CellStyle("row"))
    columns = matrix_cells(some_counts(), CellStyle("column"))
    assert at(rows, 9, 4).text == "4.0"
    assert at(columns, 9, 4).text == "3.8"  # 4 of 104 answers "4"
    assert at(rows, 3, 3).text == "100"
    assert at(rows, 8, 8).text == ""  # no eights: nothing, and no warning


def test_a_share_too_small_to_write_is_not_written_as_nothing() -> None:
    counts = some_counts()
    counts[0, 0], counts[0, 6] = 5000, 2
    assert at(matrix_cells(counts, CellStyle("row")), 0, 6).text == "<.1"


def test_without_the_diagonal_the_colors_are_the_mistakes() -> None:
    with_it = matrix_cells(some_counts(), CellStyle(log=False))
    without = matrix_cells(some_counts(), CellStyle(diagonal=False, log=False))
    assert at(with_it, 9, 4).heat == pytest.approx(0.04)
    assert at(without, 9, 4).heat == 1
    assert at(without, 7, 1).heat == pytest.approx(0.25)
    assert at(without, 9, 9).text == ""
    assert at(without, 9, 9).heat == 0
    assert np.isnan(cell_values(some_counts(), CellStyle(diagonal=False))[5, 5])


def test_a_logarithmic_scale_lets_a_single_mistake_be_seen() -> None:
    linear = at(matrix_cells(some_counts(), CellStyle(log=False)), 7, 1).heat
    log = at(matrix_cells(some_counts(), CellStyle()), 7, 1).heat
    assert linear == pytest.approx(0.01)
    assert log == pytest.approx(np.log(2) / np.log(101))  # 1 of 100 at most


def test_mistakes_are_bad_and_right_answers_good() -> None:
    cells = matrix_cells(some_counts(), CellStyle())
    assert at(cells, 9, 9).good
    assert not at(cells, 9, 4).good


def test_a_difference_has_signs_and_says_what_is_better() -> None:
    other = some_counts()
    other[9, 9], other[9, 4], other[3, 3], other[3, 5] = 98, 2, 95, 5
    cells = matrix_cells(some_counts(), CellStyle(), other)
    assert at(cells, 9, 4).text == "+2"
    assert not at(cells, 9, 4).good
    assert at(cells, 9, 9).text == "\u22122"
    assert not at(cells, 9, 9).good
    assert at(cells, 3, 5).text == "\u22125"
    assert at(cells, 3, 5).good
    assert at(cells, 7, 1).text == ""
    assert "by the other run 2" in at(cells, 9, 4).sentence


def test_no_digits_at_all_give_an_empty_matrix() -> None:
    cells = matrix_cells(np.zeros((10, 10), np.intp), CellStyle())
    assert {(cell.text, cell.heat) for row in cells for cell in row} == {("", 0.0)}


def test_the_confused_stand_side_by_side_and_totals_follow_the_order() -> None:
    order = class_order(some_counts(), CellStyle(order="similarity"))
    assert sorted(order) == list(range(10))
    assert abs(order.index(9) - order.index(4)) == 1
    down, across = matrix_totals(some_counts(), order)
    assert down[order.index(8)] == 0
    assert down[order.index(9)] == 100
    assert across[order.index(4)] == 104
    cells = matrix_cells(some_counts(), CellStyle(order="similarity"))
    assert tuple(row[0].true for row in cells) == order
