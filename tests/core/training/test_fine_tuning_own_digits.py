"""Own digits in a run's folder: divided, kept, recognized again."""

from pathlib import Path

import numpy as np
import pytest

from core.data import mnist
from core.data.mnist import Split
from core.recipes.recipe import Recipe
from core.runs.run import FineTuned, Metrics, Provenance, Run, RunInfo
from core.runs.writer import utc_now
from core.training import fine_tuning
from core.training.fine_tuning import (
    UserDigitSet,
    digit_hashes,
    digits_seen_by,
    has_seen_any,
    split_user_digits,
)
from core.utils.errors import RunError
from tests.conftest import dense_recipe, provenance

SAMPLE = mnist.load("mnist-sample").test


def of_labels(*wanted: int) -> Split:
    """Digits with these labels, all different."""
    places: list[int] = []
    for label in wanted:
        of_it = np.flatnonzero(SAMPLE.labels == label)
        places.append(next(int(k) for k in of_it if k not in places))
    return SAMPLE.take(np.array(places, np.intp))


def held_back(own: UserDigitSet) -> list[int]:
    return sorted(own.held_out_digits.labels.tolist())


def test_a_quarter_of_each_label_is_kept_back() -> None:
    own = split_user_digits(of_labels(*[3] * 8, *[7] * 4, *[9] * 4))
    assert held_back(own) == [3, 3, 7, 9]
    assert len(own.trained_on) == 12
    parts = [*digit_hashes(own.trained_on.images), *digit_hashes(own.held_out_digits.images)]
    assert sorted(parts) == sorted(digit_hashes(own.digits.images))


@pytest.mark.parametrize(
    ("labels", "kept"),
    [([5], 0), ([5, 5], 1), ([1, 2], 1), ([1, 2, 3, 4, 5, 6, 7, 8], 2), ([1, 1, 1, 2], 1)],
)
def test_with_few_digits_at_least_one_is_kept_back_and_one_trained_on(
    labels: list[int], kept: int
) -> None:
    own = split_user_digits(of_labels(*labels))
    assert int(own.held_out.sum()) == kept
    assert len(own.trained_on) >= 1


def test_where_labels_have_too_few_the_one_with_most_gives() -> None:
    assert held_back(split_user_digits(of_labels(1, 1, 1, 2))) == [1]


def test_the_order_in_which_they_came_does_not_matter() -> None:
    digits = of_labels(*[3] * 8, *[7] * 5)
    turned = split_user_digits(digits.take(np.arange(len(digits))[::-1]))
    assert set(digit_hashes(turned.held_out_digits.images)) == set(
        digit_hashes(split_user_digits(digits).held_out_digits.images)
    )


def test_what_the_network_saw_before_is_not_kept_back() -> None:
    digits = of_labels(*[3] * 8)
    first = split_user_digits(digits)
    seen = digit_hashes(first.held_out_digits.images)
    again = split_user_digits(digits, seen)
    assert set(seen).isdisjoint(digit_hashes(again.held_out_digits.images))
    assert held_back(again) == [3, 3]
    assert held_back(split_user_digits(digits, digit_hashes(digits.images))) == []


def test_no_digits_cannot_be_divided() -> None:
    with pytest.raises(ValueError, match="no digits"):
        split_user_digits(SAMPLE.take(slice(0)))


def kept_in(folder: Path, own: UserDigitSet, recipe: Recipe | None = None) -> Run:
    """A run of these digits."""
    recipe = recipe or dense_recipe()
    tuned = FineTuned(
        parent="tiny",
        parent_sha256="0" * 64,
        parent_metrics={"mnist-sample": Metrics(n=1000, wrong=9, loss=0.1, held_out=True)},
        base_recipe=recipe,
        rehearsed=100,
        own_trained=len(own.trained_on),
        own_held_out=len(own.held_out_digits),
        own_per_epoch=50,
        own_sha256=own.sha256,
    )
    fine_tuning.save_user_digits(folder, own)
    source = Provenance.model_validate(provenance().model_dump() | {"fine_tuned": tuned})
    info = RunInfo(id="run", status="queued", recipe=recipe, provenance=source, created=utc_now())
    return Run(folder, info)


def test_they_come_back_as_they_were_and_are_recognized(tmp_path: Path) -> None:
    digits = of_labels(*[3] * 8)
    own = split_user_digits(digits, [b"x" * 32])
    run = kept_in(tmp_path, own)
    loaded = fine_tuning.load_user_digits(run)
    assert loaded.sha256 == own.sha256
    assert np.array_equal(loaded.held_out_digits.images, own.held_out_digits.images)
    assert digits_seen_by(run) == {b"x" * 32, *digit_hashes(own.trained_on.images)}
    assert has_seen_any(run, digits.images)
    assert not has_seen_any(run, own.held_out_digits.images)


def test_lost_or_changed_digits_are_told_and_count_as_seen(tmp_path: Path) -> None:
    digits = of_labels(*[3] * 8)
    run = kept_in(tmp_path, split_user_digits(digits))
    fine_tuning.save_user_digits(tmp_path, split_user_digits(of_labels(*[4] * 8)))
    with pytest.raises(RunError, match="missing or damaged"):
        fine_tuning.load_user_digits(run)
    (tmp_path / fine_tuning.USER_DIGITS_FILE).write_bytes(b"PK")
    with pytest.raises(RunError, match="missing or damaged"):
        fine_tuning.load_user_digits(run)
    assert has_seen_any(run, digits.images)


def test_a_run_that_was_not_fine_tuned_has_seen_none(tmp_path: Path) -> None:
    plain = RunInfo(
        id="run", status="queued", recipe=dense_recipe(), provenance=provenance(), created=utc_now()
    )
    assert not has_seen_any(Run(tmp_path, plain), SAMPLE.images)
