"""Verdicts: each rule on a history made by hand, and the near miss on which it must be silent."""

import pytest

from core.recipes.recipe import Schedule
from tests.helpers.made_histories import AUGMENTED, FALLING, NAN, UNVALIDATED, history, recipe, said

# --- memorizing and overfitting

RISING = [0.30, 0.20, 0.15, 0.16, 0.17, 0.18]


def test_memorizing_counts_the_epochs_and_names_the_best():
    diagnosis = said(history(RISING))
    assert diagnosis.kind == "memorizing"
    assert "risen for 3 epochs" in diagnosis.headline
    assert "best was epoch 3, at 0.150" in diagnosis.headline
    assert "risen for 4 epochs" in said(history([*RISING, 0.19])).headline


def test_two_rises_are_not_yet_memorizing():
    assert said(history(RISING[:-1])).kind != "memorizing"


def test_rising_together_with_the_training_loss_is_not_memorizing():
    both = history(RISING, loss=[0.5, 0.3, 0.20, 0.21, 0.22, 0.23])
    assert said(both).kind != "memorizing"


@pytest.mark.parametrize(
    ("wanted", "try_"),
    [
        (recipe(), "Try dropout before the last layer, or augmentation"),
        (recipe("dropout of nothing"), "Try dropout before the last layer, or augmentation"),
        (recipe("dropout"), "try augmentation"),
        (recipe(augmentation=AUGMENTED), "try dropout"),
        (recipe("dropout", augmentation=AUGMENTED), "train on the full MNIST"),
        (recipe("dropout", augmentation=AUGMENTED, dataset="mnist"), "keep the best epoch"),
        (
            recipe("dropout", augmentation=AUGMENTED, dataset="mnist", keep_best=True),
            "fewer filters or units",
        ),
    ],
)
def test_only_what_the_recipe_lacks_is_advised(wanted, try_):
    assert try_ in said(history(RISING), wanted).advice


def test_overfitting_by_a_loss_that_left_its_best():
    # Up, up, down a little: never three in a row, but far above the best.
    diagnosis = said(history([0.30, 0.20, 0.16, 0.20, 0.19, 0.195]))
    assert diagnosis.kind == "overfitting"
    assert "best was epoch 3, at 0.160" in diagnosis.headline


def test_a_loss_within_a_tenth_of_its_best_is_not_overfitting():
    assert said(history([0.30, 0.20, 0.16, 0.17, 0.165, 0.17])).kind == "levelled off"


def test_overfitting_by_the_gap_in_accuracy():
    flat = [0.30, 0.20, 0.16, 0.165, 0.161]
    diagnosis = said(history(flat, accuracy=0.995, val_accuracy=0.96))
    assert diagnosis.kind == "overfitting"
    assert "99.5 % of the training digits" in diagnosis.headline
    assert "96.0 % of the others" in diagnosis.headline
    assert said(history(flat, accuracy=0.975, val_accuracy=0.96)).kind == "wavering"
    # Only one epoch after the best it may still come back.
    assert said(history(flat[:-1], accuracy=0.995, val_accuracy=0.96)).kind == "wavering"


def test_a_gap_while_validation_still_improves_is_not_held_against_it():
    assert said(history(FALLING, accuracy=0.995, val_accuracy=0.96)).kind == "improving"


# --- jumps, standstill, progress


def test_jumps_are_a_high_learning_rate():
    diagnosis = said(history([0.20, 0.10, 0.16, 0.09, 0.15]))
    assert diagnosis.kind == "jumping"
    assert "between 0.0900 and 0.200" in diagnosis.headline
    assert "to 0.001 say" in diagnosis.advice
    assert "one-cycle" in said(history([0.20, 0.10, 0.16, 0.09, 0.15]), ended_by="by hand").advice


def test_one_jump_is_an_accident():
    assert said(history([0.20, 0.10, 0.16, 0.09, 0.08])).kind == "improving"


def test_one_cycle_may_be_restless_while_its_rate_is_high():
    # Warm-up 0.25 of 20 epochs: half of the peak is reached at epoch 12.5.
    cycle = recipe(schedule=Schedule(kind="one-cycle"))
    diagnosis = said(history(RISING), cycle)
    assert diagnosis.kind == "jumping"
    assert "one-cycle's learning rate is high" in diagnosis.headline
    assert said(history(RISING), cycle.changed(epochs=8)).kind == "memorizing"
    assert "continue it" in said(history(RISING), cycle, ended_by="by hand").advice
    # The first epochs of the preset `best`: two rises, far above the best, are no overfitting.
    assert said(history([0.366, 0.383, 0.413]), cycle).kind == "wavering"


LEVEL = [0.30, 0.20, 0.150, 0.152, 0.151, 0.153]


def test_levelled_off_after_three_epochs_without_a_better_one():
    diagnosis = said(history(LEVEL))
    assert diagnosis.kind == "levelled off"
    assert "no lower validation loss for 3 epochs" in diagnosis.headline
    assert "Lower the learning rate" in diagnosis.advice
    assert said(history(LEVEL[:-1])).kind == "wavering"


def test_a_standstill_under_one_cycle_asks_for_more_of_a_network():
    late = recipe(schedule=Schedule(kind="one-cycle"), epochs=6)
    assert "batch normalization" in said(history(LEVEL), late, ended_by="last epoch").advice
    normed = recipe("batch norm", schedule=Schedule(kind="one-cycle"), epochs=6, batch_size=8)
    assert "more filters" in said(history(LEVEL), normed, ended_by="last epoch").advice
    assert "Let it end" in said(history(LEVEL), late).advice


def test_early_stopping_is_named_as_the_end():
    diagnosis = said(history(LEVEL[:-1]), recipe(early_stopping=2), ended_by="early stopping")
    assert diagnosis.kind == "levelled off"
    assert "Early stopping ended it" in diagnosis.headline


def test_still_improving():
    diagnosis = said(history(FALLING[:4]))
    assert diagnosis.kind == "improving"
    assert diagnosis.headline.startswith("Still improving: epoch 4 is the best so far")
    assert "0.150" in diagnosis.headline


@pytest.mark.parametrize(
    ("ended_by", "how"),
    [
        ("last epoch", "Finished while still improving"),
        ("by hand", "Stopped by hand while still improving"),
        ("time limit", "Stopped by the time limit while still improving"),
    ],
)
def test_what_ended_while_improving_wants_more_epochs(ended_by, how):
    diagnosis = said(history(FALLING[:4]), ended_by=ended_by)
    assert diagnosis.kind == "improving"
    assert how in diagnosis.headline
    assert "Continue it: more epochs would help" in diagnosis.advice


def test_one_cycle_that_is_through_is_trained_again_not_continued():
    cycle = recipe(schedule=Schedule(kind="one-cycle"), epochs=4)
    assert "Train it again" in said(history(FALLING[:4]), cycle, ended_by="last epoch").advice
    assert "Continue it" in said(history(FALLING[:4]), cycle, ended_by="by hand").advice


def test_a_hair_better_is_not_still_improving():
    assert said(history([0.30, 0.20, 0.199])).kind == "wavering"
    ended = said(history([0.30, 0.20, 0.199]), ended_by="last epoch")
    assert "little was left to gain" in ended.headline


def test_one_worse_epoch_says_little_until_it_is_the_last():
    diagnosis = said(history([0.30, 0.20, 0.25]))
    assert diagnosis.kind == "wavering"
    assert "0.250, no better than before. The best was epoch 2, at 0.200" in diagnosis.headline
    assert "wait" in diagnosis.advice
    ended = said(history([0.30, 0.20, 0.25]), ended_by="last epoch")
    assert "ended off its best" in ended.headline
    assert "one-cycle" in ended.advice


def test_smoothed_labels_have_a_floor_that_progress_is_measured_from():
    # At a smoothing of 0.05 perfect answers cost 0.282: from 0.300 to 0.296 is a fifth of the rest.
    smooth = recipe(loss="categorical_crossentropy", label_smoothing=0.05)
    losses = [0.36, 0.300, 0.296]
    assert said(history(losses), smooth).kind == "improving"
    assert said(history(losses)).kind == "wavering"


# --- what is added to a verdict


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (recipe("dropout"), "dropout made training harder"),
        (recipe("dropout", augmentation=AUGMENTED), "dropout and augmentation made"),
        (recipe(), "averaged over the epoch"),
    ],
)
def test_validation_that_looks_better_is_explained(wanted, why):
    better = history([0.3, 0.2, 0.1], accuracy=0.95, val_accuracy=0.97)
    assert why in said(better, wanted).advice
    worse = history([0.55, 0.35, 0.25], accuracy=0.97, val_accuracy=0.95)
    assert "no fault" not in said(worse, wanted).advice
    mixed = history([0.55, 0.35, 0.25], accuracy=0.95, val_accuracy=0.97)
    assert "no fault" not in said(mixed, wanted).advice


def test_the_epoch_that_is_kept_is_named():
    assert "keeps the weights of epoch 3" in said(history(RISING), recipe(keep_best=True)).advice
    assert "keeps the weights" not in said(history(RISING)).advice


def test_early_stopping_counts_down():
    patient = recipe(early_stopping=5)
    assert "ends it after 2 more epochs without" in said(history(LEVEL), patient).advice
    assert "Early stopping" not in said(history(FALLING), patient).advice
    assert "Early stopping" not in said(history(LEVEL), patient, ended_by="by hand").advice


@pytest.mark.parametrize(
    ("losses", "kind"),
    [
        (FALLING, "improving"),
        ([0.3, 0.2, 0.15, 0.151, 0.152, 0.150], "levelled off"),
        ([0.20, 0.10, 0.16, 0.09, 0.15], "jumping"),
        ([0.4, 0.2, NAN], "diverged"),
    ],
)
def test_without_validation_the_training_loss_speaks(losses, kind):
    diagnosis = said(history(loss=losses), recipe(**UNVALIDATED))
    assert diagnosis.kind == kind
    assert "alidation" not in diagnosis.headline
    assert ("memorizing cannot be seen" in diagnosis.advice) == (kind != "diverged")


def test_without_validation_a_falling_loss_is_no_reason_for_more_epochs():
    diagnosis = said(history(loss=FALLING), recipe(**UNVALIDATED), ended_by="last epoch")
    assert "on the digits that it is trained on" in diagnosis.headline
    assert "cannot be told" in diagnosis.advice
    assert "more epochs would help." not in diagnosis.advice


def test_without_validation_a_rise_is_not_called_memorizing():
    rising = history(loss=[0.3, 0.2, 0.15, 0.16, 0.17, 0.18])
    assert said(rising, recipe(**UNVALIDATED)).kind == "levelled off"
