"""Verdicts before a direction can be seen: first batches, divergence, guessing, batch norm."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recipes.recipe import Optimizer, Schedule
from tests.helpers.made_histories import EMPTY, LEARNING, NAN, history, recipe, said

# --- before the first epoch has ended


@pytest.mark.parametrize(
    ("batches", "kind", "words"),
    [
        ([], "early", "Too early to say."),
        ([2.4, 2.2, 1.9, 1.5, 1.2], "early", "Too early to say."),  # five groups: too few
        ([2.4, 2.2, 1.9, 1.5, 1.2, 1.0], "improving", "fell from 2.30 to 1.10"),
        (
            [2.31, 2.30, 2.30, 2.31, 2.30, 2.30],
            "guessing",
            "the loss is 2.30, and guessing costs 2.30",
        ),
        ([1.0, 1.0, 1.1, 1.2, 1.3, 1.4], "jumping", "climbing, from 1.00 to 1.35"),
        ([2.4, 4.0, 9.0, 30.0, 80.0, 99.0], "diverged", "about to diverge"),
        ([2.4, 2.2, NAN], "diverged", "no longer a number"),
        ([2.4, 2.2, math.inf], "diverged", "no longer a number"),
        ([0.50, 0.49, 0.50, 0.49, 0.48, 0.48], "early", "the loss is at 0.480"),
        # A bad start that is being mended is no divergence.
        (
            [90.0, 60.0, 30.0, 12.0, 10.0, 8.0],
            "guessing",
            "the loss is 9.00, and guessing costs 2.30",
        ),
    ],
)
def test_the_first_epoch_is_judged_by_its_batches(batches, kind, words):
    diagnosis = said(EMPTY, batches=batches)
    assert diagnosis.kind == kind
    assert words in diagnosis.headline


def test_a_training_that_ended_before_an_epoch_says_so():
    assert "before an epoch was done" in said(EMPTY, ended_by="by hand").headline


def test_one_epoch_is_no_direction():
    diagnosis = said(history([0.2], val_accuracy=0.941))
    assert diagnosis.kind == "early"
    assert "One epoch is done, 94.1 % right" in diagnosis.headline
    assert "Continue" in said(history([0.2]), ended_by="last epoch").advice


# --- what does not learn


@pytest.mark.parametrize(
    "table",
    [
        history([0.4, 0.3, NAN]),
        history([0.4, 0.3, math.inf]),
        history([0.4, 0.3, 0.3], loss=[0.5, 0.4, NAN]),
        history([0.4, 0.3, 60.0], loss=[0.5, 0.4, 80.0]),
        history([90.0], loss=[70.0]),
        history([70.0, 50.0], loss=[90.0, 60.0]),
    ],
    ids=["NaN", "infinite", "training NaN", "exploded", "exploded at once", "stays exploded"],
)
def test_numbers_that_blew_up_are_a_divergence(table):
    diagnosis = said(table, recipe(optimizer=Optimizer(learning_rate=0.3)), ended_by="last epoch")
    assert diagnosis.kind == "diverged"
    assert "learning rate is too high" in diagnosis.headline
    assert "0.001 say, instead of 0.3" in diagnosis.advice


def test_a_run_that_ended_as_diverged_is_one_whatever_its_last_epoch():
    assert said(LEARNING, ended_by="diverged").kind == "diverged"
    assert said(LEARNING, ended_by="by hand").kind == "improving"


def test_a_rate_that_looked_right_is_told_to_be_a_tenth():
    low = recipe(optimizer=Optimizer(learning_rate=0.0005))
    assert "5e-05 say" in said(history([NAN]), low).advice


def test_going_back_to_guessing_is_a_divergence():
    fallen = history([0.4, 0.3, 2.31], loss=[0.5, 0.4, 2.30])
    fallen["accuracy"] = [0.85, 0.9, 0.11]
    fallen["val_accuracy"] = [0.87, 0.9, 0.10]
    assert said(fallen).kind == "diverged"
    assert "back to guessing" in said(fallen).headline


def test_batches_of_a_later_epoch_are_heard_too():
    assert said(LEARNING, batches=[0.2, NAN]).kind == "diverged"
    assert said(LEARNING, batches=[0.2, 0.5, 2.3, 2.3, 2.3, 2.3]).kind == "diverged"
    assert said(LEARNING, batches=[0.2, 0.5, 0.6, 0.4, 0.3, 0.2]).kind == "improving"


def test_a_validation_loss_alone_that_is_far_off_is_no_divergence():
    # Batch norm does this in its first epochs, with the training going well.
    assert said(history([9.0], loss=[0.5])).kind == "early"


def test_a_bad_start_that_recovers_is_no_divergence():
    assert said(history([20.0, 8.0], loss=[90.0, 15.0])).kind != "diverged"


GUESSING = history([2.30, 2.30], loss=[2.31, 2.30], accuracy=0.11, val_accuracy=0.10)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (recipe(optimizer=Optimizer(learning_rate=0.5)), "0.5 is too high"),
        (recipe(optimizer=Optimizer(learning_rate=1e-6)), "1e-06 is too low"),
        (recipe("sigmoid"), r"Layer 1 \(Conv2D 8 kernels 3×3, sigmoid\) .*relu"),
        (recipe(), "Try a lower learning rate, 0.0003 say"),
    ],
    ids=["rate too high", "rate too low", "hidden sigmoid", "unknown"],
)
def test_guessing_gets_the_likeliest_reason(wanted, why):
    diagnosis = said(GUESSING, wanted)
    assert diagnosis.kind == "guessing"
    assert "11.0 % right and a loss of 2.30" in diagnosis.headline
    assert re.search(why, diagnosis.advice)


def test_guessing_that_slowly_falls_wants_a_higher_rate():
    slow = history([2.29, 2.27, 2.25], loss=[2.30, 2.28, 2.26], accuracy=0.15, val_accuracy=0.18)
    assert "higher learning rate, 0.009" in said(slow).advice


def test_a_quarter_right_is_more_than_guessing():
    assert (
        said(history([2.2, 2.1], [2.25, 2.2], accuracy=0.25, val_accuracy=0.3)).kind != "guessing"
    )
    # Much dropout keeps training near guessing, while the network itself reads well.
    assert (
        said(history([0.9, 0.8], [2.25, 2.2], accuracy=0.15, val_accuracy=0.9)).kind != "guessing"
    )


# --- batch norm's first steps


def test_batch_norm_that_has_not_settled_is_explained():
    lagging = history([4.0, 3.0], loss=[0.4, 0.2], accuracy=0.95, val_accuracy=0.3)
    diagnosis = said(lagging, recipe("batch norm"))
    assert diagnosis.kind == "settling"
    assert "batch norm's running averages" in diagnosis.headline
    assert said(lagging, recipe("plain")).kind != "settling"
    # 3,600 digits in batches of 8: 450 steps an epoch, time enough to settle.
    assert said(lagging, recipe("batch norm", batch_size=8)).kind != "settling"
    close = history([0.5, 0.4], loss=[0.4, 0.2], accuracy=0.95, val_accuracy=0.9)
    assert said(close, recipe("batch norm")).kind != "settling"


LOSSES = st.floats(0, 1e6) | st.just(NAN) | st.just(math.inf)


@given(
    rows=st.lists(st.tuples(LOSSES, LOSSES, st.floats(0, 1), st.floats(0, 1)), max_size=12),
    batches=st.lists(LOSSES, max_size=9),
    wanted=st.sampled_from(
        [
            recipe(),
            recipe(validation_split=0),
            recipe("batch norm", schedule=Schedule(kind="one-cycle"), keep_best=True),
            recipe(early_stopping=3, loss="categorical_crossentropy", label_smoothing=0.3),
        ]
    ),
    ended_by=st.sampled_from(["", "last epoch", "by hand", "early stopping", "fault"]),
)
def test_any_history_gets_a_whole_sentence(rows, batches, wanted, ended_by):
    table = history([row[0] for row in rows], [row[1] for row in rows])
    table["accuracy"] = [row[2] for row in rows]
    table["val_accuracy"] = [row[3] for row in rows]
    diagnosis = said(table, wanted, ended_by=ended_by, batches=batches)
    assert diagnosis.headline.endswith(".")
    assert diagnosis.advice.endswith(".")
    assert "nan" not in diagnosis.headline + diagnosis.advice
