"""Runs side by side: what differs, the same digits for all, and how much is luck."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from core.data.augmentation import Augmentation
from core.evaluation.comparison import (
    CONFIDENCE_LEVEL,
    accuracy_differences,
    accuracy_intervals,
    common_test_dataset,
    differing_settings,
    mcnemar_p_value,
)
from core.figures.comparison_charts import accuracy_intervals_chart, learning_curves
from core.recipes.architecture import Architecture, Conv, Dense, Dropout, Flatten, Pool
from core.recipes.descriptions import describe_settings
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.runs.run import Metrics, Run, RunInfo, StoredPredictions
from tests.conftest import conv_recipe, dense_recipe, provenance


def rows(*recipes: Recipe) -> dict[str, tuple[str, ...]]:
    return {row.name: row.values for row in differing_settings(recipes)}


def test_equal_recipes_differ_in_nothing() -> None:
    assert rows(conv_recipe(), conv_recipe(), conv_recipe()) == {}


def test_only_what_differs_is_listed_with_its_values_in_order() -> None:
    first = dense_recipe(batch_size=64)
    second = dense_recipe(batch_size=128, augmentation=Augmentation(width_shift=0.07))
    assert rows(first, second, first) == {
        "Batch size": ("64", "128", "64"),
        "Horizontal shift": ("none", "± 7 % of the width", "none"),
    }


def test_layers_are_laid_side_by_side_by_their_place() -> None:
    head = (Flatten(), Dense(units=10, activation="softmax"))
    plain = Architecture(layers=(Conv(filters=8), Pool(), *head))
    longer = Architecture(layers=(Conv(filters=8, padding="same"), Pool(), Dropout(), *head))
    differing = rows(conv_recipe(architecture=plain), conv_recipe(architecture=longer))
    # 3·3·8 + 8 in the convolution; 13·13·8 or 14·14·8 inputs to ten units, and ten biases.
    assert differing["Parameters"] == (f"{80 + 13520 + 10:,}", f"{80 + 15680 + 10:,}")
    assert differing["Layer 1"] == (
        "Conv2D 8 kernels 3×3, relu",
        "Conv2D 8 kernels 3×3, relu, padded to the same size",
    )
    assert "Layer 2" not in differing
    assert differing["Layer 3"] == ("Flatten", "Dropout 0.2")
    assert differing["Layer 5"] == ("–", "Dense 10, softmax")


def test_a_setting_without_effect_is_no_difference() -> None:
    first = dense_recipe(optimizer=Optimizer(kind="sgd", beta_2=0.9), schedule=Schedule(warmup=0.1))
    second = dense_recipe(
        optimizer=Optimizer(kind="sgd", beta_2=0.99), schedule=Schedule(warmup=0.2)
    )
    assert rows(first, second) == {}


def everything_on(kind: str) -> Recipe:
    """A recipe in which each setting has an effect."""
    return conv_recipe(
        dataset="mnist",
        optimizer=Optimizer.model_validate({"kind": kind}),
        schedule=Schedule(kind="one-cycle"),
        loss="categorical_crossentropy",
    )


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "architecture":
                yield from leaves(inner, (*path, key))
    else:
        yield path, value


# For every setting a value that `everything_on` does not have; a new setting has to be put here.
OTHER = {
    "dataset": "mnist-sample",
    "exclude_sample_test": False,
    "train_size": 500,
    "scaling": "standardise",
    "optimizer.kind": "rmsprop",
    "optimizer.learning_rate": 0.0010000001,
    "optimizer.beta_2": 0.95,
    "optimizer.momentum": 0.5,
    "optimizer.weight_decay": 0.01,
    "schedule.kind": "constant",
    "schedule.warmup": 0.3,
    "loss": "sparse_categorical_crossentropy",
    "label_smoothing": 0.1,
    "batch_size": 65,
    "drop_remainder": True,
    "epochs": 3,
    "validation_split": 0.2,
    "augmentation.rotation": 1.0,
    "augmentation.width_shift": 0.01,
    "augmentation.height_shift": 0.01,
    "augmentation.shear": 1.0,
    "augmentation.zoom": 0.01,
    "augmentation.warp": 20.0,
    "augmentation.pens": 0.5,
    "augmentation.corruptions": 0.3,
    "augmentation.adversarial": 0.2,
    "early_stopping": 3,
    "keep_best": True,
    "seed": 2,
}


@pytest.mark.parametrize(("kind", "unused"), [("adam", "momentum"), ("sgd", "beta_2")])
def test_no_setting_of_a_recipe_is_forgotten(kind: str, unused: str) -> None:
    recipe = everything_on(kind)
    for path, _ in leaves(recipe.model_dump()):
        if path[-1] in {unused, "validate_on_test"}:
            continue
        fields = recipe.model_dump()
        part = fields
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = OTHER[".".join(path)]
        assert rows(recipe, Recipe.model_validate(fields)), path


def test_what_a_run_is_validated_on_is_one_setting() -> None:
    on_test = conv_recipe(validation_split=0, validate_on_test=True)
    assert rows(conv_recipe(), on_test) == {
        "Validation": ("on 10 % of the training digits", "on the test digits")
    }


def test_settings_are_named_once_and_none_is_empty() -> None:
    words = describe_settings(everything_on("adam"))
    assert all(value.strip() for value in words.values())
    assert words["Momentum"] == "–"


def made_run(tmp_path: Any, **metrics: Metrics) -> Run:
    info = RunInfo(
        id="made",
        status="finished",
        recipe=dense_recipe(),
        provenance=provenance(),
        created="2026-01-01T00:00:00Z",
        metrics={name.replace("_", "-"): each for name, each in metrics.items()},
    )
    return Run(tmp_path, info)


def counted(n: int, wrong: int) -> Metrics:
    return Metrics(n=n, wrong=wrong, loss=0.1, held_out=True)


def test_runs_are_compared_on_the_largest_test_that_all_have(tmp_path: Any) -> None:
    both = made_run(tmp_path, mnist=counted(10_000, 81), mnist_sample=counted(1000, 6))
    small = made_run(tmp_path, mnist_sample=counted(1000, 24))
    assert common_test_dataset([both, both]) == "mnist"
    assert common_test_dataset([both, small]) == "mnist-sample"
    assert common_test_dataset([both, made_run(tmp_path)]) is None


def test_intervals_are_wilsons(tmp_path: Any) -> None:
    run = made_run(tmp_path, mnist_sample=counted(1000, 24))
    (interval,) = accuracy_intervals([run], "mnist-sample")
    judge = binomtest(976, 1000).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((judge.low, judge.high), abs=1e-6)


@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (1, 0), (5, 5), (3, 9), (12, 65), (229, 34), (0, 40), (700, 900)]
)
def test_mcnemars_exact_test_is_a_sign_test(first: int, second: int) -> None:
    judge = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar_p_value(first, second) == pytest.approx(judge, rel=1e-9)


def test_mcnemar_by_hand() -> None:
    # One of six: 2 · (1 + 6) / 64.
    assert mcnemar_p_value(1, 5) == mcnemar_p_value(5, 1) == 14 / 64


def answers(right: list[bool], labels: list[int] | None = None) -> StoredPredictions:
    """Answers to the digits 0, 1, 2 ..., right or one too high."""
    truth = np.array(labels or [k % 10 for k in range(len(right))], np.uint8)
    said = (truth + np.array([0 if good else 1 for good in right])) % 10
    return StoredPredictions(truth, np.eye(10, dtype=np.float32)[said])


def test_only_digits_on_which_two_runs_differ_speak() -> None:
    first = answers([True] * 90 + [True] * 9 + [False])
    second = answers([True] * 90 + [False] * 9 + [True])
    (difference,) = accuracy_differences([first, second])
    assert (difference.only_first, difference.only_second) == (9, 1)
    assert difference.probability == pytest.approx(22 / 1024)  # 2 · (1 + 10) / 2¹⁰
    assert difference.more_than_chance
    assert difference.sentence(["A", "B"]) == (
        "9 of the digits are read rightly by A alone, 1 by B alone. Were both equally good, chance "
        "would split them so unevenly in 2.1 % of cases: the difference is more than chance."
    )


def test_the_more_pairs_the_stricter() -> None:
    first = answers([True] * 90 + [True] * 9 + [False])
    second = answers([True] * 90 + [False] * 9 + [True])
    differences = accuracy_differences([first, second, second])
    assert [(pair.first, pair.second) for pair in differences] == [(0, 1), (0, 2), (1, 2)]
    assert differences[0].level == CONFIDENCE_LEVEL / 3
    assert not differences[0].more_than_chance  # 2.1 % is not below 1.67 %
    assert "perhaps only chance" in differences[0].sentence("ABC")
    assert differences[2].sentence("ABC") == "B and C are wrong on the very same digits."


def test_answers_to_other_digits_are_not_compared() -> None:
    ten = answers([True] * 10)
    with pytest.raises(ValueError, match="different digits"):
        accuracy_differences([ten, answers([True] * 9)])
    with pytest.raises(ValueError, match="different digits"):
        accuracy_differences([ten, answers([True] * 10, labels=[*range(9), 8])])


def history(*accuracies: float) -> pd.DataFrame:
    epochs = range(1, len(accuracies) + 1)
    return pd.DataFrame(
        {"epoch": epochs, "val_loss": [1 / k for k in epochs], "val_accuracy": accuracies}
    )


def test_four_curves_are_told_apart_without_color() -> None:
    figure = learning_curves({name: history(0.9, 0.95) for name in "ABCD"})
    loss = [line for line in figure.data if line.yaxis == "y"]
    accuracy = [line for line in figure.data if line.yaxis == "y2"]
    assert [list(line.y) for line in loss] == [[1, 0.5]] * 4
    assert list(accuracy[0].y) == [90, 95]
    assert [line.name for line in figure.data if line.showlegend] == list("ABCD")
    assert len({line.line.dash for line in loss}) == 4
    assert len({line.marker.symbol for line in loss}) == 4
    assert len({line.line.color for line in loss}) == 4
    # The same run looks the same in both panels.
    assert [line.line.dash for line in loss] == [line.line.dash for line in accuracy]


def test_the_epoch_axis_counts_whole_epochs() -> None:
    assert learning_curves({"A": history(0.9, 0.95)}).layout.xaxis.dtick == 1
    assert learning_curves({"A": history(*[0.9] * 50)}).layout.xaxis.dtick == 5


def test_intervals_reach_from_their_low_to_their_high_end() -> None:
    figure = accuracy_intervals_chart({"A": (0.97, 0.96, 0.975), "B": (0.99, 0.98, 0.995)})
    first = figure.data[0]
    assert (list(first.x), list(first.y)) == ([97], ["A"])
    assert first.x[0] - first.error_x.arrayminus[0] == pytest.approx(96)
    assert first.x[0] + first.error_x.array[0] == pytest.approx(97.5)
    assert figure.layout.yaxis.autorange == "reversed"


def test_a_strangers_tags_stay_words_in_a_chart() -> None:
    figure = learning_curves({"<b>A</b> & co": history(0.9)})
    assert figure.data[0].name == "&lt;b&gt;A&lt;/b&gt; &amp; co"


def test_a_fifth_run_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 4"):
        learning_curves({name: history(0.9) for name in "ABCDE"})
