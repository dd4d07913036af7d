"""Slices: counted by hand on made-up answers, and judged by SciPy's tests."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest, fisher_exact

from core.evaluation import slices
from core.evaluation.slices import (
    MEASURES,
    Slice,
    bin_indices,
    bin_members,
    error_rate_bins,
    error_rates_by_label,
    morphometry,
    slice_examples,
    worst_slices,
)
from core.runs import registry
from core.runs.predictions import Predictions, load_predictions
from tests.helpers.made_answers import answered


def strokes(widths: list[int], lean: int = 0) -> NDArray[np.uint8]:
    """Upright strokes of whole widths, their upper half moved `lean` pixels to the right."""
    images = np.zeros((len(widths), 28, 28), np.uint8)
    for image, width in zip(images, widths, strict=True):
        image[4:14, 10 + lean : 10 + lean + width] = 255
        image[14:24, 10 : 10 + width] = 255
    return images


def test_bins_are_equally_filled_and_counted_by_hand() -> None:
    # Widths 1 to 10, twice each; the thickest four are read wrongly.
    widths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] * 2
    predicted = [1 if width < 9 else 7 for width in widths]
    this = answered([1] * 20, predicted, images=strokes(widths), dataset="mine")
    found = error_rate_bins(this, "thickness", 5)
    assert [(one.n, one.wrong) for one in found] == [(4, 0), (4, 0), (4, 0), (4, 0), (4, 4)]
    assert [one.rate for one in found] == [0, 0, 0, 0, 1]
    assert all(left.end == right.start for left, right in pairwise(found))
    wilson = binomtest(4, 4).proportion_ci(method="wilson")
    assert (found[-1].low, found[-1].high) == pytest.approx((wilson.low, wilson.high), abs=1e-6)


def test_where_all_digits_are_alike_there_is_one_bin() -> None:
    this = answered([1] * 5, [1, 1, 1, 1, 7], images=strokes([3] * 5), dataset="mine")
    (only,) = error_rate_bins(this, "thickness", 5)
    assert (only.n, only.wrong, only.start) == (5, 1, only.end)


def test_ties_make_fewer_bins_and_none_is_empty() -> None:
    this = answered([1] * 7, [1] * 7, images=strokes([2, 2, 2, 2, 2, 5, 5]), dataset="mine")
    assert [one.n for one in error_rate_bins(this, "thickness", 5)] == [5, 2]
    few = answered([1] * 2, [1] * 2, images=strokes([2, 5]), dataset="mine")
    assert [one.n for one in error_rate_bins(few, "thickness", 5)] == [1, 1]


@pytest.mark.parametrize("trait", MEASURES)
def test_on_real_digits_the_bins_are_numpys_quantiles(trait: str) -> None:
    this = load_predictions(registry.find_run("best"), "mnist-sample")
    found = error_rate_bins(this, trait, 5)
    values = morphometry(this)[trait].astype(float)
    inner = [one.end for one in found[:-1]]
    for fraction, edge in zip((0.2, 0.4, 0.6, 0.8), inner, strict=True):
        assert (values < edge).mean() == pytest.approx(fraction, abs=0.06)
    assert sum(one.n for one in found) == 1000
    assert sum(one.wrong for one in found) == int((~this.correct).sum())
    assert (found[0].start, found[-1].end) == (values.min(), values.max())


def test_the_table_counts_labels_and_bins() -> None:
    widths = [2, 2, 8, 8, 8, 2]
    labels, predicted = [1, 1, 1, 7, 7, 7], [1, 7, 7, 7, 7, 1]
    this = answered(labels, predicted, images=strokes(widths), dataset="mine")
    table = error_rates_by_label(this, "thickness", 2)
    assert table.n[[1, 7]].tolist() == [[2, 1], [1, 2]]
    assert table.wrong[[1, 7]].tolist() == [[1, 1], [1, 0]]
    assert (table.n.sum(), table.wrong.sum()) == (6, 3)


def test_tables_of_real_digits_add_up_to_the_bins() -> None:
    this = load_predictions(registry.find_run("soorya"), "mnist-sample")
    table = error_rates_by_label(this, "slant", 3)
    assert table.n.sum(axis=1).tolist() == [100] * 10
    assert table.n.sum(axis=0).tolist() == [one.n for one in error_rate_bins(this, "slant", 3)]
    assert table.wrong.sum(axis=0).tolist() == [
        one.wrong for one in error_rate_bins(this, "slant", 3)
    ]


def test_examples_lie_in_their_bins_from_the_lowest_value_to_the_highest() -> None:
    this = load_predictions(registry.find_run("best"), "mnist-sample")
    values = morphometry(this)["thickness"]
    for one, chosen in zip(
        error_rate_bins(this, "thickness"), slice_examples(this, "thickness"), strict=True
    ):
        shown = values[chosen]
        assert len(set(chosen.tolist())) == 6
        assert (np.diff(shown) >= 0).all()
        assert shown.min() >= one.start
        assert shown.max() <= one.end


def test_a_bins_digits_come_wrong_ones_first() -> None:
    this = load_predictions(registry.find_run("soorya"), "mnist-sample")
    found = bin_members(this, "thickness", 4)
    right = this.correct[found]
    assert len(found) == error_rate_bins(this, "thickness")[4].n
    assert (np.diff(right.astype(int)) >= 0).all()
    assert (
        morphometry(this)["thickness"][found] >= error_rate_bins(this, "thickness")[4].start
    ).all()


def planted() -> tuple[Predictions, NDArray[np.bool_]]:
    """The sample's digits, of which only most thin, right-leaning nines are misread."""
    real = load_predictions(registry.find_run("best"), "mnist-sample")
    thin = bin_indices(real, "thickness", 3)[0] == 0
    leaning = bin_indices(real, "slant", 3)[0] == 2
    here = (real.labels == 9) & thin & leaning
    predicted = np.where(here, 4, real.labels)
    predicted[np.flatnonzero(here)[::4]] = 9  # a quarter of them is read rightly
    return answered(real.labels, predicted, images=real.images, dataset="mnist-sample"), here


def test_a_planted_slice_is_found_first_with_its_name_and_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    this, here = planted()
    assert here.sum() < slices.SMALLEST_SLICE
    monkeypatch.setattr(slices, "SMALLEST_SLICE", 5)
    search = worst_slices.__wrapped__(this)
    first = search.slices[0]
    assert first.name == "thin, right-leaning nines"
    assert set(first.digits.tolist()) == set(np.flatnonzero(here).tolist())
    wrong = int((~this.correct).sum())
    assert (first.n, first.wrong) == (here.sum(), wrong)
    assert (first.rest_n, first.rest_wrong) == (1000 - here.sum(), 0)
    assert not this.correct[first.digits[:wrong]].any()
    assert search.more_than_chance(first)


def test_probability_and_interval_are_scipys() -> None:
    this = load_predictions(registry.find_run("soorya"), "mnist-sample")
    for one in worst_slices(this).slices:
        table = [
            [one.wrong, one.n - one.wrong],
            [one.rest_wrong, one.rest_n - one.rest_wrong],
        ]
        fisher = fisher_exact(table, alternative="greater").pvalue
        assert one.probability == pytest.approx(fisher, rel=1e-6)
        wilson = binomtest(one.wrong, one.n).proportion_ci(method="wilson")
        assert one.low == pytest.approx(wilson.low, abs=1e-6)


def test_a_slice_holds_what_its_name_says() -> None:
    this = load_predictions(registry.find_run("soorya"), "mnist-sample")
    for one in worst_slices(this).slices:
        inside = np.ones(len(this), bool) if one.label is None else this.labels == one.label
        for trait, third in one.thirds:
            inside &= bin_indices(this, trait, 3)[0] == third
        assert set(one.digits.tolist()) == set(np.flatnonzero(inside).tolist())
        assert (one.n, one.wrong) == (inside.sum(), (inside & ~this.correct).sum())


def test_no_slice_has_most_of_its_mistakes_in_one_listed_above() -> None:
    real = load_predictions(registry.find_run("best"), "mnist-sample")
    places = {trait: bin_indices(real, trait, 3)[0] for trait in MEASURES}
    missed = (real.labels == 9) & (places["rarity"] == 2)
    missed |= (real.labels == 4) & (places["thickness"] == 0)
    missed |= (real.labels == 7) & (places["width"] == 2)
    predicted = np.where(missed, (real.labels + 1) % 10, real.labels)
    this = answered(real.labels, predicted, images=real.images, dataset="mnist-sample")
    found = worst_slices(this).slices
    names = {one.name for one in found}
    assert {"rare-style nines", "thin fours", "wide sevens"} <= names
    wrong = [set(one.digits[: one.wrong].tolist()) for one in found]
    for k, mine in enumerate(wrong):
        assert all(2 * len(mine & above) <= len(mine) for above in wrong[:k])


def test_surer_ones_come_first_and_small_ones_do_not_count() -> None:
    search = worst_slices(load_predictions(registry.find_run("soorya"), "mnist-sample"))
    told = [search.more_than_chance(one) for one in search.slices]
    assert told == sorted(told, reverse=True)
    assert all(one.n >= 20 for one in search.slices)
    lows = [one.low for one, sure in zip(search.slices, told, strict=True) if not sure]
    assert lows == sorted(lows, reverse=True)
    # Ten labels alone, 18 thirds, 180 of these with a label, 135 pairs of thirds, 1,350 with a
    # label: those that have fewer than 20 digits are not searched.
    assert 10 + 18 < search.searched < 10 + 18 + 180 + 135 + 1350


def test_errors_by_mere_chance_are_rarely_called_more() -> None:
    # Were each slice held to 5 %, some 25 of 500 would be called so in every single trial.
    real, generator = (
        load_predictions(registry.find_run("best"), "mnist-sample"),
        np.random.default_rng(1),
    )
    called = 0
    for _ in range(20):
        wrong = generator.permutation(1000) < 30
        predicted = np.where(wrong, (real.labels + 1) % 10, real.labels)
        search = worst_slices.__wrapped__(
            answered(real.labels, predicted, images=real.images, dataset="mnist-sample")
        )
        called += any(search.more_than_chance(one) for one in search.slices)
    assert called <= 2


@pytest.mark.parametrize("wrong", [False, True])
def test_without_mistakes_or_with_nothing_else_no_slice_is_worse(wrong: bool) -> None:
    real = load_predictions(registry.find_run("best"), "mnist-sample")
    predicted = (real.labels + 1) % 10 if wrong else real.labels
    this = answered(real.labels, predicted, images=real.images, dataset="mnist-sample")
    assert worst_slices(this).slices == ()


def test_a_handful_of_own_digits_has_no_slices_but_bins() -> None:
    this = answered([1, 1, 7], [1, 7, 7], images=strokes([2, 3, 4]), dataset="mine")
    assert (worst_slices(this).slices, worst_slices(this).searched) == ((), 0)
    assert sum(one.n for one in error_rate_bins(this, "thickness")) == 3


def test_the_effect_size_is_slice_finders() -> None:
    # 10 of 100 against 9 of 900: sqrt(2) * 0.09 / sqrt(0.1 * 0.9 + 0.01 * 0.99).
    one = Slice((), 3, 100, 10, 900, 9, 0.05, 0.01, np.arange(100))
    assert one.effect == pytest.approx(np.sqrt(2) * 0.09 / np.sqrt(0.09 + 0.0099))
    assert one.name == "threes"
