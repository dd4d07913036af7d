"""The settings form: what is set is in the recipe at once, and no level loses anything."""

import pytest
from streamlit.testing.v1 import AppTest

from core.data.augmentation import Augmentation
from core.recipes.presets import PRESETS
from core.recipes.recipe import recipe_to_link
from tests.helpers import settings_form
from tests.helpers.settings_form import (
    EPOCHS,
    FAST_ON_SAMPLE,
    FILTERS,
    KERNEL,
    RATE,
    everything,
    got,
    in_link,
    opened,
)

no_own_runs, form = settings_form.no_own_runs, settings_form.form


def test_a_newcomer_finds_the_fast_network_on_the_sample(form: AppTest) -> None:
    opened(form)
    assert got(form) == FAST_ON_SAMPLE
    assert form.session_state["origin"] == "fast"
    assert form.pills(key="settings-preset").value == "fast"
    assert not form.warning
    assert not form.error
    assert "recipe" not in form.query_params  # an empty link means the same


def test_every_simple_setting_is_in_the_recipe_at_once(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(7).run()
    assert got(form) == FAST_ON_SAMPLE.changed(epochs=7) == in_link(form)
    form.select_slider(key=RATE).set_value(0.002).run()
    assert got(form).optimizer.learning_rate == 0.002
    form.slider(key=FILTERS).set_value(8).run()
    form.select_slider(key=KERNEL).set_value(3).run()
    sizes = [
        (layer.filters, layer.kernel_size)
        for layer in got(form).architecture.layers
        if layer.kind == "conv"
    ]
    assert sizes == [(8, 3), (24, 3), (48, 3)]
    form.toggle(key="settings-augment").set_value(True).run()
    assert got(form).augmentation == PRESETS["best"].recipe.augmentation
    form.radio(key="settings-dataset").set_value("mnist").run()
    assert got(form).dataset == "mnist"
    assert got(form).epochs == 7
    assert in_link(form) == got(form)


def test_two_changes_in_one_go_both_count(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(9)
    form.slider(key=FILTERS).set_value(20).run()
    assert got(form).epochs == 9
    assert got(form).architecture.layers[0].filters == 20  # type: ignore[union-attr]


def test_a_preset_resets_everything_but_the_dataset(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(30).run()
    form.pills(key="settings-preset").set_value("katariya").run()
    assert got(form) == PRESETS["katariya"].recipe.changed(dataset="mnist-sample")
    assert form.session_state["origin"] == "katariya"
    assert form.slider(key=EPOCHS).value == 5
    assert form.slider(key=FILTERS).value == 32
    assert form.select_slider(key=RATE).value == 0.001
    assert form.toggle(key="settings-augment").value is True
    assert PRESETS["katariya"].about in [caption.value for caption in form.caption]


def test_pressing_the_chosen_preset_again_brings_its_settings_back(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(30).run()
    form.pills(key="settings-preset").set_value(None).run()
    assert form.pills(key="settings-preset").value == "fast"
    assert got(form) == FAST_ON_SAMPLE
    assert form.slider(key=EPOCHS).value == FAST_ON_SAMPLE.epochs


def test_back_to_the_start_is_offered_once_something_differs(form: AppTest) -> None:
    opened(form)
    assert form.button(key="settings-restart").disabled
    form.radio(key="settings-dataset").set_value("mnist").run()
    assert form.button(key="settings-restart").disabled
    form.slider(key=EPOCHS).set_value(30).run()
    assert not form.button(key="settings-restart").disabled
    form.button(key="settings-restart").click().run()
    assert got(form) == PRESETS["fast"].recipe


def test_a_presets_epochs_on_another_dataset_stay_within_the_limits(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_EPOCHS", "5")  # of the ten that `fast` takes on the sample
    opened(form)
    epochs = [got(form).epochs]
    for dataset in ("mnist", "mnist-sample"):
        form.radio(key="settings-dataset").set_value(dataset).run()
        epochs.append(got(form).epochs)
    assert epochs == [5, 1, 5]


def test_levels_and_other_pages_lose_nothing(form: AppTest) -> None:
    opened(form, preset="best")
    everything(form)
    form.number_input(key=f"{RATE}-number").set_value(0.0035).run()
    form.slider(key="settings-label_smoothing").set_value(0.15).run()
    form.number_input(key="settings-seed-number").set_value(77).run()
    wanted = got(form)
    assert (wanted.optimizer.learning_rate, wanted.label_smoothing, wanted.seed) == (
        0.0035,
        0.15,
        77,
    )
    form.segmented_control(key="settings-level").set_value("Simple").run()
    # Not one of the slider's own 1, 2, 5, but it is shown.
    assert form.select_slider(key=RATE).value == 0.0035
    assert got(form) == wanted
    form.session_state["elsewhere"] = True
    form.run()
    del form.query_params["recipe"]
    form.session_state["elsewhere"] = False
    form.run()
    assert got(form) == wanted == in_link(form)
    assert form.select_slider(key=RATE).value == 0.0035


def test_every_setting_of_training_reaches_the_recipe(form: AppTest) -> None:
    everything(opened(form))
    form.selectbox(key="settings-optimizer.kind").set_value("sgd").run()
    form.number_input(key="settings-optimizer.momentum-number").set_value(0.9).run()
    form.slider(key="settings-optimizer.weight_decay").set_value(0.01).run()
    form.selectbox(key="settings-schedule.kind").set_value("constant").run()
    form.selectbox(key="settings-loss").set_value("categorical_crossentropy").run()
    form.slider(key="settings-label_smoothing").set_value(0.1).run()
    form.select_slider(key="settings-batch_size").set_value(64).run()
    form.selectbox(key="settings-scaling").set_value("divide-255").run()
    form.slider(key="settings-validation_split").set_value(0.2).run()
    form.slider(key="settings-early_stopping").set_value(3).run()
    form.toggle(key="settings-keep_best").set_value(True).run()
    form.radio(key="settings-dataset").set_value("mnist").run()
    form.toggle(key="settings-exclude_sample_test").set_value(False).run()
    form.slider(key="settings-augmentation.rotation").set_value(9.0).run()
    form.slider(key="settings-augmentation.zoom").set_value(0.1).run()
    assert got(form) == PRESETS["fast"].recipe.changed(
        optimizer={
            "kind": "sgd",
            "learning_rate": 0.02,
            "beta_2": 0.99,
            "momentum": 0.9,
            "weight_decay": 0.01,
        },
        schedule={"kind": "constant"},
        loss="categorical_crossentropy",
        label_smoothing=0.1,
        batch_size=64,
        scaling="divide-255",
        validation_split=0.2,
        early_stopping=3,
        keep_best=True,
        exclude_sample_test=False,
        augmentation=Augmentation(rotation=9, zoom=0.1),
    )
    assert form.slider(key="settings-schedule.warmup").disabled
    form.selectbox(key="settings-validation").set_value("none").run()
    assert form.slider(key="settings-early_stopping").disabled
    assert "validation" in form.slider(key="settings-early_stopping").help
    assert not got(form).validates


@pytest.mark.parametrize(
    ("key", "value"),
    [(f"{RATE}-number", 0.0035), ("settings-optimizer.beta_2-number", 0.95)],
)
def test_an_emptied_number_comes_back(form: AppTest, key: str, value: float) -> None:
    everything(opened(form))
    form.number_input(key=key).set_value(value).run()
    form.number_input(key="settings-seed-number").set_value(77).run()
    before = got(form)
    form.number_input(key=key).set_value(None).run()
    form.number_input(key="settings-seed-number").set_value(None).run()
    assert got(form) == before
    assert form.number_input(key=key).value == value
    assert form.number_input(key="settings-seed-number").value == 77


def test_nothing_is_shown_as_if_it_counted_that_does_not(form: AppTest) -> None:
    recipe = FAST_ON_SAMPLE.changed(
        validation_split=0.2, early_stopping=3, keep_best=True, exclude_sample_test=False
    )
    everything(opened(form, recipe=recipe_to_link(recipe)))
    split = "settings-validation_split"
    patience, best = "settings-early_stopping", "settings-keep_best"
    # The sample's test digits are never trained on.
    assert form.toggle(key="settings-exclude_sample_test").value is True
    assert got(form) == recipe
    form.selectbox(key="settings-validation").set_value("test").run()
    assert (form.slider(key=split).value, form.slider(key=split).disabled) == (0, True)
    assert (form.slider(key=patience).value, form.toggle(key=best).value) == (3, True)
    form.selectbox(key="settings-validation").set_value("none").run()
    assert (form.slider(key=split).value, form.slider(key=patience).value) == (0, 0)
    assert form.toggle(key=best).value is False
    form.selectbox(key="settings-schedule.kind").set_value("constant").run()
    assert form.slider(key="settings-schedule.warmup").value == 0
    # All of it comes back.
    form.selectbox(key="settings-schedule.kind").set_value("one-cycle").run()
    form.selectbox(key="settings-validation").set_value("split").run()
    assert (form.slider(key=split).value, form.slider(key=patience).value) == (0.2, 3)
    assert got(form) == recipe


def test_what_has_no_effect_is_shut_and_shows_none(form: AppTest) -> None:
    everything(opened(form, preset="best"))
    smoothing = "settings-label_smoothing"
    assert form.slider(key=smoothing).value == 0.05
    form.selectbox(key="settings-loss").set_value("sparse_categorical_crossentropy").run()
    assert (form.slider(key=smoothing).value, form.slider(key=smoothing).disabled) == (0, True)
    form.selectbox(key="settings-loss").set_value("categorical_crossentropy").run()
    assert form.slider(key=smoothing).value == 0.05
    assert form.toggle(key="settings-exclude_sample_test").disabled
    form.radio(key="settings-dataset").set_value("mnist").run()
    assert not form.toggle(key="settings-exclude_sample_test").disabled


def test_the_steps_of_numbers_fit_their_usual_values(form: AppTest) -> None:
    everything(opened(form, preset="yalcin"))
    rate = form.number_input(key=f"{RATE}-number")
    assert rate.min <= rate.value - rate.step  # one step down is possible
    beta = form.number_input(key="settings-optimizer.beta_2-number")
    assert beta.value - beta.step == pytest.approx(0.998)


def test_a_servers_limits_hold_for_sliders_presets_and_links(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_EPOCHS", "10")
    monkeypatch.setenv("DIGITSCOPE_DATASETS", "mnist-sample")
    opened(form, recipe=recipe_to_link(PRESETS["best"].recipe))
    assert "at most 10 epochs" in form.warning[0].value
    assert got(form) == PRESETS["best"].recipe.changed(epochs=10, dataset="mnist-sample")
    assert form.slider(key=EPOCHS).max == 10
    assert form.radio(key="settings-dataset").options == ["mnist-sample"]
    form.pills(key="settings-preset").set_value("yalcin").run()
    assert got(form).epochs == 10


def test_a_limit_of_one_epoch_leaves_nothing_to_slide(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_EPOCHS", "1")
    opened(form)
    assert got(form).epochs == 1


@pytest.mark.usefixtures("only_sample")
def test_a_dataset_that_is_not_here_says_what_it_costs(form: AppTest) -> None:
    opened(form)
    radio = form.radio(key="settings-dataset").proto
    sample, full = radio.captions
    assert "4,000" in sample
    assert "11 MB" not in sample
    assert "60,000" in full
    assert "11 MB" in full


@pytest.mark.parametrize("level", ["Simple", "Everything"])
def test_the_form_follows_a_slider(form: AppTest, level: str) -> None:
    opened(form, preset="best")
    form.segmented_control(key="settings-level").set_value(level).run()
    for epochs in range(1, 8):
        form.slider(key=EPOCHS).set_value(epochs).run()
        assert got(form).epochs == epochs
