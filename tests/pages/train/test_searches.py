"""Searches on the training page: the form, and what one has found."""

import pytest
from streamlit.testing.v1 import AppTest

from core.experiments.experiment import Experiment
from core.experiments.links import plan_from_link, plan_to_link
from core.experiments.plan import Plan
from core.experiments.search import Search, make_dimension, make_search
from core.recipes.presets import FAST
from tests.helpers.made_experiments import RATE_BOUNDS, experiment, finish, small_search
from tests.pages.train import test_page
from tests.pages.train.test_experiments import only, press, shown
from tests.pages.train.test_page import said

pytestmark = pytest.mark.usefixtures("only_sample")
own, app = test_page.own, test_page.app
VALUES = ((0.001,), (0.01,), (0.05,))


def form(app: AppTest) -> AppTest:
    shown(app)
    return app.segmented_control(key="experiment-kind").set_value("Search for good values").run()


def done(count: int = 3) -> Experiment:
    made = experiment(small_search(), proposals=VALUES)
    for number, wrong in enumerate([50, 20, 52][:count]):
        made = finish(made, number, wrong, val_loss=wrong / 100)
    return made


def test_a_search_is_started_from_the_form(app: AppTest) -> None:
    form(app)
    assert "A search of 2 settings with 20 trainings" in said(app)
    app.multiselect(key="search-settings").set_value(["optimizer.learning_rate"]).run()
    app.text_input(key="search-high-optimizer.learning_rate").set_value("0.05").run()
    app.number_input(key="search-runs").set_value(8).run()
    app.selectbox(key="search-pruning").set_value("Hyperband").run()
    assert "A search of 1 setting with 8 trainings" in said(app)
    press(app, "Start the experiment")
    recipe = FAST.on("mnist-sample")
    own = recipe.optimizer.learning_rate
    rates = make_dimension("optimizer.learning_rate", [own / 10, 0.05])
    assert only().plan == make_search(recipe, [rates], runs=8, pruning="Hyperband")
    assert "No training is finished yet." in said(app)
    assert "0 of 8 trainings have ended" in app.get("progress")[0].proto.text


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ("", "0.1", "write a number"),
        ("0.1", "0.01", "0.1 is not below the upper one 0.01"),
        ("fast", "0.1", "write a number"),
        ("0.1", "7", "from 1e-06 to 1"),
    ],
)
def test_bounds_that_cannot_be_are_named_and_nothing_starts(
    app: AppTest, low: str, high: str, words: str
) -> None:
    form(app)
    app.text_input(key="search-low-optimizer.learning_rate").set_value(low).run()
    app.text_input(key="search-high-optimizer.learning_rate").set_value(high).run()
    assert words in said(app)
    assert app.button(key="experiment-start").disabled
    app.multiselect(key="search-settings").set_value([]).run()
    assert "A search has 1 to 6 settings" in said(app)


def test_a_link_to_a_search_fills_the_form(app: AppTest) -> None:
    kinds = make_dimension("optimizer.kind", ["adam", "sgd"])
    search = small_search(dimensions=[RATE_BOUNDS, kinds], minutes=5, pruning="none", parallel=2)
    shown(app, plan=plan_to_link(search))
    assert app.multiselect(key="search-choices-optimizer.kind").value == ["adam", "sgd"]
    assert "A search of 2 settings with 6 trainings within 5 minutes" in said(app)
    press(app, "Start the experiment")
    assert only().plan == search


def test_the_best_is_shown_first_and_repeated_with_other_seeds(app: AppTest) -> None:
    made = done()
    shown(app, experiment=made.id)
    assert "The best by validation loss**: Learning rate 0.01" in said(app)
    best = app.dataframe[0].value
    assert list(best["Validation loss"]) == [0.2, 0.5, 0.52]
    assert list(best["Training"]) == [2, 1, 3]
    assert "partly luck" in said(app)
    press(app, "Repeat the best one with 5 other seeds")
    assert "One recipe × 5 seeds = 5 trainings" in said(app)
    plan = plan_from_link(app.query_params["plan"])
    assert isinstance(plan, Plan)
    assert plan.recipe == made.trial(1).recipe.changed(seed=8)  # not the seed it was chosen by


def test_pruned_trainings_are_counted_and_only_finished_ones_ranked(app: AppTest) -> None:
    made = done(2)
    made = finish(made, 2, 5, val_loss=0.01, status="stopped", ended_by="pruning")
    shown(app, experiment=made.id)
    assert "1 of them was pruned" in said(app)
    assert list(app.dataframe[0].value["Training"]) == [2, 1]
    runs = app.dataframe[-1].value
    assert list(runs["status"]) == ["finished", "finished", "pruned"]


def test_more_trainings_are_added(app: AppTest) -> None:
    made = done()
    shown(app, experiment=made.id)
    app.number_input(key="experiment-more").set_value(4).run()
    press(app, "Add them")
    assert isinstance(only().plan, Search)
    assert only().plan.runs == 10
