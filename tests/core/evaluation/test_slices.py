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
    answers = answered([1] * 20, predicted, images=strokes(widths), dataset="mine")
    value_bins = error_rate_bins(answers, "thickness", 5)
    assert [(value_bin.n, value_bin.wrong) for value_bin in value_bins] == [
        (4, 0),
        (4, 0),
        (4, 0),
        (4, 0),
        (4, 4),
    ]
    assert [value_bin.rate for value_bin in value_bins] == [0, 0, 0, 0, 1]
    assert all(left.end == right.start for left, right in pairwise(value_bins))
    wilson = binomtest(4, 4).proportion_ci(method="wilson")
    assert (value_bins[-1].low, value_bins[-1].high) == pytest.approx(
        (wilson.low, wilson.high), abs=1e-6
    )


def test_where_all_digits_are_alike_there_is_one_bin() -> None:
    answers = answered([1] * 5, [1, 1, 1, 1, 7], images=strokes([3] * 5), dataset="mine")
    (only,) = error_rate_bins(answers, "thickness", 5)
    assert (only.n, only.wrong, only.start) == (5, 1, only.end)


def test_ties_make_fewer_bins_and_none_is_empty() -> None:
    answers = answered([1] * 7, [1] * 7, images=strokes([2, 2, 2, 2, 2, 5, 5]), dataset="mine")
    assert [value_bin.n for value_bin in error_rate_bins(answers, "thickness", 5)] == [5, 2]
    few = answered([1] * 2, [1] * 2, images=strokes([2, 5]), dataset="mine")
    assert [value_bin.n for value_bin in error_rate_bins(few, "thickness", 5)] == [1, 1]


@pytest.mark.parametrize("trait", MEASURES)
def test_on_real_digits_the_bins_are_numpys_quantiles(trait: str) -> None:
    answers = load_predictions(registry.find_run("best"), "mnist-sample")
    value_bins = error_rate_bins(answers, trait, 5)
    values = morphometry(answers)[trait].astype(float)
    inner = [value_bin.end for value_bin in value_bins[:-1]]
    for fraction, edge in zip((0.2, 0.4, 0.6, 0.8), inner, strict=True):
        assert (values < edge).mean() == pytest.approx(fraction, abs=0.06)
    assert sum(value_bin.n for value_bin in value_bins) == 1000
    assert sum(value_bin.wrong for value_bin in value_bins) == int((~answers.correct).sum())
    assert (value_bins[0].start, value_bins[-1].end) == (values.min(), values.max())


def test_the_table_counts_labels_and_bins() -> None:
    widths = [2, 2, 8, 8, 8, 2]
    labels, predicted = [1, 1, 1, 7, 7, 7], [1, 7, 7, 7, 7, 1]
    answers = answered(labels, predicted, images=strokes(widths), dataset="mine")
    table = error_rates_by_label(answers, "thickness", 2)
    assert table.n[[1, 7]].tolist() == [[2, 1], [1, 2]]
    assert table.wrong[[1, 7]].tolist() == [[1, 1], [1, 0]]
    assert (table.n.sum(), table.wrong.sum()) == (6, 3)


def test_tables_of_real_digits_add_up_to_the_bins() -> None:
    answers = load_predictions(registry.find_run("soorya"), "mnist-sample")
    table = error_rates_by_label(answers, "slant", 3)
    assert table.n.sum(axis=1).tolist() == [100] * 10
    assert table.n.sum(axis=0).tolist() == [
        value_bin.n for value_bin in error_rate_bins(answers, "slant", 3)
    ]
    assert table.wrong.sum(axis=0).tolist() == [
        value_bin.wrong for value_bin in error_rate_bins(answers, "slant", 3)
    ]


def test_examples_lie_in_their_bins_from_the_lowest_value_to_the_highest() -> None:
    answers = load_predictions(registry.find_run("best"), "mnist-sample")
    values = morphometry(answers)["thickness"]
    for value_bin, chosen in zip(
        error_rate_bins(answers, "thickness"), slice_examples(answers, "thickness"), strict=True
    ):
        shown = values[chosen]
        assert len(set(chosen.tolist())) == 6
        assert (np.diff(shown) >= 0).all()
        assert shown.min() >= value_bin.start
        assert shown.max() <= value_bin.end


def test_a_bins_digits_come_wrong_ones_first() -> None:
    answers = load_predictions(registry.find_run("soorya"), "mnist-sample")
    members = bin_members(answers, "thickness", 4)
    right = answers.correct[members]
    assert len(members) == error_rate_bins(answers, "thickness")[4].n
    assert (np.diff(right.astype(int)) >= 0).all()
    assert (
        morphometry(answers)["thickness"][members] >= error_rate_bins(answers, "thickness")[4].start
    ).all()


def planted() -> tuple[Predictions, NDArray[np.bool_]]:
    """The sample's digits, of which only most thin, right-leaning nines are misread."""
    real = load_predictions(registry.find_run("best"), "mnist-sample")
    thin = bin_indices(real, "thickness", 3)[0] == 0
    leaning = bin_indices(real, "slant", 3)[0] == 2
    members = (real.labels == 9) & thin & leaning
    predicted = np.where(members, 4, real.labels)
    predicted[np.flatnonzero(members)[::4]] = 9  # a quarter of them is read rightly
    return answered(real.labels, predicted, images=real.images, dataset="mnist-sample"), members


def test_a_planted_slice_is_found_first_with_its_name_and_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, members = planted()
    assert members.sum() < slices.SMALLEST_SLICE
    monkeypatch.setattr(slices, "SMALLEST_SLICE", 5)
    search = worst_slices.__wrapped__(answers)
    first = search.slices[0]
    assert first.name == "thin, right-leaning nines"
    assert set(first.digits.tolist()) == set(np.flatnonzero(members).tolist())
    wrong = int((~answers.correct).sum())
    assert (first.n, first.wrong) == (members.sum(), wrong)
    assert (first.rest_n, first.rest_wrong) == (1000 - members.sum(), 0)
    assert not answers.correct[first.digits[:wrong]].any()
    assert search.more_than_chance(first)


def test_probability_and_interval_are_scipys() -> None:
    answers = load_predictions(registry.find_run("soorya"), "mnist-sample")
    for weak_slice in worst_slices(answers).slices:
        table = [
            [weak_slice.wrong, weak_slice.n - weak_slice.wrong],
            [weak_slice.rest_wrong, weak_slice.rest_n - weak_slice.rest_wrong],
        ]
        fisher = fisher_exact(table, alternative="greater").pvalue
        assert weak_slice.probability == pytest.approx(fisher, rel=1e-6)
        wilson = binomtest(weak_slice.wrong, weak_slice.n).proportion_ci(method="wilson")
        assert weak_slice.low == pytest.approx(wilson.low, abs=1e-6)


def test_a_slice_holds_what_its_name_says() -> None:
    answers = load_predictions(registry.find_run("soorya"), "mnist-sample")
    for weak_slice in worst_slices(answers).slices:
        inside = (
            np.ones(len(answers), bool)
            if weak_slice.label is None
            else answers.labels == weak_slice.label
        )
        for trait, third in weak_slice.thirds:
            inside &= bin_indices(answers, trait, 3)[0] == third
        assert set(weak_slice.digits.tolist()) == set(np.flatnonzero(inside).tolist())
        assert (weak_slice.n, weak_slice.wrong) == (inside.sum(), (inside & ~answers.correct).sum())


def test_no_slice_has_most_of_its_mistakes_in_one_listed_above() -> None:
    real = load_predictions(registry.find_run("best"), "mnist-sample")
    places = {trait: bin_indices(real, trait, 3)[0] for trait in MEASURES}
    missed = (real.labels == 9) & (places["rarity"] == 2)
    missed |= (real.labels == 4) & (places["thickness"] == 0)
    missed |= (real.labels == 7) & (places["width"] == 2)
    predicted = np.where(missed, (real.labels + 1) % 10, real.labels)
    answers = answered(real.labels, predicted, images=real.images, dataset="mnist-sample")
    worst = worst_slices(answers).slices
    names = {weak_slice.name for weak_slice in worst}
    assert {"rare-style nines", "thin fours", "wide sevens"} <= names
    wrong = [set(weak_slice.digits[: weak_slice.wrong].tolist()) for weak_slice in worst]
    for k, mine in enumerate(wrong):
        assert all(2 * len(mine & above) <= len(mine) for above in wrong[:k])


def test_surer_ones_come_first_and_small_ones_do_not_count() -> None:
    search = worst_slices(load_predictions(registry.find_run("soorya"), "mnist-sample"))
    told = [search.more_than_chance(weak_slice) for weak_slice in search.slices]
    assert told == sorted(told, reverse=True)
    assert all(weak_slice.n >= 20 for weak_slice in search.slices)
    lows = [
        weak_slice.low for weak_slice, sure in zip(search.slices, told, strict=True) if not sure
    ]
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
        called += any(search.more_than_chance(weak_slice) for weak_slice in search.slices)
    assert called <= 2


@pytest.mark.parametrize("wrong", [False, True])
def test_without_mistakes_or_with_nothing_else_no_slice_is_worse(wrong: bool) -> None:
    real = load_predictions(registry.find_run("best"), "mnist-sample")
    predicted = (real.labels + 1) % 10 if wrong else real.labels
    answers = answered(real.labels, predicted, images=real.images, dataset="mnist-sample")
    assert worst_slices(answers).slices == ()


def test_a_handful_of_own_digits_has_no_slices_but_bins() -> None:
    answers = answered([1, 1, 7], [1, 7, 7], images=strokes([2, 3, 4]), dataset="mine")
    assert (worst_slices(answers).slices, worst_slices(answers).searched) == ((), 0)
    assert sum(value_bin.n for value_bin in error_rate_bins(answers, "thickness")) == 3


def test_the_effect_size_is_slice_finders() -> None:
    # 10 of 100 against 9 of 900: sqrt(2) * 0.09 / sqrt(0.1 * 0.9 + 0.01 * 0.99).
    threes = Slice((), 3, 100, 10, 900, 9, 0.05, 0.01, np.arange(100))
    assert threes.effect == pytest.approx(np.sqrt(2) * 0.09 / np.sqrt(0.09 + 0.0099))
    assert threes.name == "threes"
