"""Experiments on the training page: a new one, and what one has found."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.experiments.experiment import Experiment, find_experiment, list_experiments
from core.experiments.links import plan_from_link, plan_to_link
from core.experiments.plan import make_factor, make_plan
from core.jobs import scheduler
from core.recipes.presets import FAST
from core.recipes.recipe import recipe_to_link
from core.runs.permissions import owner_of
from core.runs.run import StoredPredictions
from core.runs.writer import store_predictions
from tests.conftest import conv_recipe
from tests.helpers.made_experiments import RATES, experiment, finish, small_plan
from tests.pages.train import test_page
from tests.pages.train.test_page import ME, opened, said

pytestmark = pytest.mark.usefixtures("only_sample")
own, app = test_page.own, test_page.app


def shown(app: AppTest, **link: str) -> AppTest:
    opened(app, **link)
    app.session_state["train-view"] = "Experiments"
    return app.run()


def only() -> Experiment:
    (made,) = list_experiments()
    assert isinstance(made, Experiment)
    return made


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [each for each in app.button if each.label == label]
    return button.click().run()


def table(app: AppTest) -> dict[str, list[str]]:
    frames = [frame.value for frame in app.dataframe if "Against the best" in frame.value.columns]
    return {name: list(frames[0][name]) for name in frames[0].columns}


def done(**fields: object) -> Experiment:
    made = experiment(**fields)
    for number, wrong in enumerate([50, 20, 52, 23, 55, 18]):
        made = finish(made, number, wrong, val_loss=wrong / 100)
    return made


def test_the_recipe_of_set_up_is_repeated_over_seeds(app: AppTest) -> None:
    opened(app, recipe=recipe_to_link(conv_recipe(epochs=7)))
    app.session_state["train-view"] = "Experiments"
    app.run()
    assert "your own settings on mnist-sample, 7 epochs" in said(app)
    assert "One recipe × 3 seeds = 3 trainings" in said(app)
    app.number_input(key="experiment-seeds").set_value(2).run()
    app.text_input(key="experiment-title").set_value("Luck").run()
    press(app, "Start the experiment")
    assert only().plan == make_plan(conv_recipe(epochs=7), seeds=2)
    assert only().owner == owner_of(ME)
    assert [run.info.recipe for run in scheduler.queue()] == [conv_recipe(epochs=7)]
    assert app.header[0].value == "Luck"
    assert app.query_params["experiment"] == only().id
    assert "No training is finished yet." in said(app)


def test_settings_are_varied_by_their_values(app: AppTest) -> None:
    shown(app)
    assert "fast on mnist-sample, 10 epochs" in said(app)
    settings = app.multiselect(key="experiment-settings")
    settings.set_value(["optimizer.learning_rate", "optimizer.kind"]).run()
    assert "9 combinations × 3 seeds = 27 trainings" in said(app)
    rates = app.text_input(key="experiment-values-optimizer.learning_rate")
    rates.set_value("0.001, 0.01").run()
    kinds = app.multiselect(key="experiment-values-optimizer.kind")
    kinds.set_value(["adam", "sgd"]).run()
    assert "4 combinations × 3 seeds = 12 trainings" in said(app)
    plan = plan_from_link(app.query_params["plan"])
    assert [factor.values for factor in plan.factors] == [(0.001, 0.01), ("adam", "sgd")]
    assert plan.recipe == FAST.on("mnist-sample")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("", "no values to try"),
        ("fast", "write a number"),
        ("0.001, 5", "from 1e-06 to 1"),
        ("0.001; 0.002", "write a number"),
    ],
)
def test_values_that_cannot_be_are_named_and_nothing_starts(
    app: AppTest, values: str, words: str
) -> None:
    shown(app)
    app.multiselect(key="experiment-settings").set_value(["optimizer.learning_rate"]).run()
    app.text_input(key="experiment-values-optimizer.learning_rate").set_value(values).run()
    assert words in said(app)
    assert app.button(key="experiment-start").disabled
    app.multiselect(key="experiment-settings").set_value(
        ["optimizer.learning_rate", "epochs"]
    ).run()
    # The field of the other setting is there all the same.
    assert app.text_input(key="experiment-values-epochs").value == "5, 10, 15"


def test_a_changed_preset_is_called_so(app: AppTest) -> None:
    opened(app)
    app.slider(key="settings-epochs").set_value(3).run()
    app.session_state["train-view"] = "Experiments"
    app.run()
    assert "fast, changed on mnist-sample, 3 epochs" in said(app)


def test_a_link_to_a_plan_fills_the_form(app: AppTest) -> None:
    factors = [make_factor("conv.filters", [8, 24]), make_factor("optimizer.kind", ["sgd"])]
    plan = make_plan(conv_recipe(epochs=4), factors, seeds=5)
    shown(app, plan=plan_to_link(plan))
    assert "2 combinations × 5 seeds = 10 trainings" in said(app)
    press(app, "Start the experiment")
    assert only().plan == plan


def test_a_damaged_link_says_so(app: AppTest) -> None:
    shown(app, plan="1abc")
    assert "The experiment in the link cannot be read" in said(app)
    assert "One recipe × 3 seeds" in said(app)
    app.number_input(key="experiment-seeds").set_value(4).run()
    assert "cannot be read" not in said(app)


def test_results_say_what_is_more_than_chance(app: AppTest, own: Path) -> None:
    made = done(title="Rates")
    shown(app, experiment=made.id)
    assert app.header[0].value == "Rates"
    rows = table(app)
    assert rows["Setting"] == ["Learning rate 0.001", "Learning rate 0.01"]
    assert rows["Mean"] == ["0.5233", "0.2033"]  # validation loss, the lower one is better
    assert rows["Against the best"][1] == "best mean"
    assert rows["Against the best"][0].startswith("worse, more than chance")
    assert "is 0.32 lower than that of Learning rate 0.001" in said(app)
    app.selectbox(key="experiment-measure").set_value("test accuracy").run()
    assert table(app)["Mean"] == ["94.77 %", "97.97 %"]
    assert table(app)["Standard deviation"] == ["0.25 %", "0.25 %"]
    assert "Test digits: those of mnist-sample" in said(app)


def test_one_value_alone_shows_no_spread(app: AppTest, own: Path) -> None:
    made = finish(experiment(), 0)
    shown(app, experiment=made.id)
    assert table(app)["Standard deviation"] == ["–", "–"]
    assert table(app)["Against the best"] == ["best mean", "no finished run yet"]


def test_a_grid_of_two_settings_has_a_map(app: AppTest, own: Path) -> None:
    epochs = make_factor("epochs", [2, 3])
    made = experiment(make_plan(small_plan().recipe, [RATES, epochs], 2))
    for number in range(3):
        made = finish(made, number, 20 + number)
    shown(app, experiment=made.id)
    assert any(chart.proto.id.endswith("experiment-grid") for chart in app.get("plotly_chart"))


def test_the_owner_pauses_goes_on_extends_and_deletes(app: AppTest, own: Path) -> None:
    made = finish(experiment(owner=owner_of(ME)), 0)
    shown(app, experiment=made.id)
    press(app, "Pause")
    assert find_experiment(made.id).state == "paused"
    assert "paused" in said(app)
    press(app, "Go on")
    assert find_experiment(made.id).state == "going on"
    app.number_input(key="experiment-more").set_value(4).run()
    press(app, "Add them")
    assert find_experiment(made.id).plan.seeds == 7
    finish(find_experiment(made.id), 1)
    press(app, "Stop")
    press(app, "Delete it")
    assert not list_experiments()
    assert "Settings that vary" in [each.label for each in app.multiselect]


def test_another_visitor_has_no_buttons(app: AppTest, own: Path) -> None:
    made = finish(experiment(owner=owner_of("somebody else")), 0)
    shown(app, experiment=made.id)
    labels = {button.label for button in app.button}
    assert not labels & {"Pause", "Go on", "Stop", "Add them", "Delete it"}


def test_an_experiment_that_is_gone_leads_to_a_new_one(app: AppTest) -> None:
    shown(app, experiment="experiment-of-yesterday")
    assert "There is no experiment 'experiment-of-yesterday'" in said(app)
    press(app, "New experiment")
    assert "One recipe × 3 seeds" in said(app)


def test_the_list_of_runs_can_leave_experiments_out(app: AppTest, own: Path) -> None:
    def names() -> set[str]:
        return set(app.dataframe(key="runs_table").value["name"])

    opened(app)
    app.session_state["train-view"] = "All runs"
    app.run()
    assert "Experiment" not in [each.label for each in app.selectbox]
    shipped = names()
    made = done(title="Rates")
    app.run()
    assert len(names() - shipped) == 6
    choice = app.selectbox(key="runs_experiment")
    assert choice.options == ["all", "none", "Rates"]
    choice.set_value("–").run()
    assert names() == shipped
    app.selectbox(key="runs_experiment").set_value(made.id).run()
    assert len(names()) == 6
    assert not names() & shipped


def test_two_settings_are_compared_digit_by_digit(app: AppTest) -> None:
    made = done()
    answers = StoredPredictions(np.arange(1000) % 10, np.eye(10)[np.arange(1000) % 10])
    worse = StoredPredictions(answers.labels, np.roll(answers.probabilities, 1, axis=1))
    for number in range(6):
        kept = {"mnist-sample": answers if number % 2 else worse}
        store_predictions(made.run_folder(number), kept)
    shown(app, experiment=made.id)
    app.toggle(key="experiment-by-digit").set_value(True).run()
    (table_shown,) = [
        frame.value for frame in app.dataframe if "right by the first only" in frame.value.columns
    ]
    assert list(table_shown["seed"]) == [0, 1, 2]
    assert list(table_shown["right by the second only"]) == [1000] * 3
    assert set(table_shown[""]) == {"more than chance"}


def test_an_experiment_is_deleted_with_its_runs_if_asked(app: AppTest) -> None:
    made = done()
    shown(app, experiment=made.id)
    app.checkbox(key="experiment-delete-runs").check().run()
    press(app, "Delete it")
    assert list_experiments() == []
    assert not made.run_folder(0).exists()
