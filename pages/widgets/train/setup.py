"""The first view of the training page: settings, the network, its cost, and Train."""

from functools import lru_cache

import streamlit as st

from core.export.keras_script import keras_notebook, keras_script
from core.figures.html import network_html, partial_network_html
from core.jobs import scheduler, submission
from core.jobs.scheduler import start_benchmark
from core.jobs.time_estimate import TimeEstimate, estimate_time, load_speed, size_on_disk
from core.recipes.advice import recipe_warnings, training_digit_count
from core.recipes.recipe import Recipe
from core.runs.permissions import Limits, check_limits, describe_limits, shown_name
from core.utils.errors import DigitscopeError
from core.utils.text import duration, file_size
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.train.settings_form import origin, settings
from pages.widgets.train.settings_state import state
from pages.widgets.train.views import TRAINING, watch_next

_MEASURED_EVERY_S = 2.0
TAKE = "take-away"


def setup_view(token: str, limits: Limits) -> None:
    """Draw the settings, the network that they describe, its cost, and the button that trains.

    Args:
        token: the visitor's token.
        limits: the server's limits.
    """
    left, right = st.columns(2, gap="large")
    with left:
        recipe = settings(limits)
    with right:
        if recipe:
            _start(recipe, token, limits)
            _others()
            _cautions(recipe)
            st.html(network_html(recipe.architecture))
            _take_away(recipe)
        else:
            _train_button(possible=False)
            st.caption("This network cannot be trained: see the message.")
            st.html(partial_network_html(state().draft.layers))
        st.caption(describe_limits(limits))


def _start(recipe: Recipe, token: str, limits: Limits) -> None:
    pressed = _train_button(possible=_within_limits(recipe, limits))
    waiting = load_speed() is None
    st.fragment(_cost, run_every=_MEASURED_EVERY_S if waiting else None)(recipe, waiting=waiting)
    if not pressed:
        return
    try:
        run = submission.submit(recipe, token=token, preset=origin())
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    watch_next(run)
    st.rerun()


def _others() -> None:
    """Draw a link to each running training, for which a new one would wait."""
    for run in scheduler.running():
        st.page_link(
            pages()["train"],
            label=f"Watch the current training: {plain(shown_name(run))}",
            icon=":material/show_chart:",
            query_params={TRAINING: run.id},
        )


def _within_limits(recipe: Recipe, limits: Limits) -> bool:
    try:
        check_limits(recipe, limits)
    except DigitscopeError:
        return False  # the settings say why
    return True


def _train_button(*, possible: bool) -> bool:
    return st.button(
        "Train",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=not possible,
        key="train",
    )


def _cost(recipe: Recipe, *, waiting: bool) -> None:
    """Draw parameters, size and time; repeated until the machine's speed is measured."""
    parameters = f"**{recipe.architecture.parameters:,} parameters**"
    size = file_size(size_on_disk(recipe))
    st.markdown(f"{parameters}, {size} on disk. {_time(recipe)}")
    if waiting and load_speed():
        st.rerun()


def _time(recipe: Recipe) -> str:
    speed = load_speed()
    busy = bool(scheduler.running() or scheduler.queue())
    if not busy:
        start_benchmark()  # if it was not measured yet, or while others kept it busy
    if speed is None:
        if busy:
            return "How long it takes is measured while no training runs."
        return "Measuring how long it takes here: half a minute or more."
    estimate = estimate_time(recipe, speed, launches=not scheduler.has_worker_ready())
    roughly = "Roughly" if speed.is_disturbed() else "About"
    words = f"{roughly} **{duration(estimate.total)}** on this machine: {_parts(estimate)}."
    if speed.is_disturbed():
        words += " The machine was busy when its speed was measured, so it is measured again."
    return f"{words} Another training is running: this one waits for it." if busy else words


def _parts(estimate: TimeEstimate) -> str:
    epochs = "one epoch" if estimate.epochs == 1 else f"{estimate.epochs} epochs"
    per_epoch = "" if estimate.epochs == 1 else " each"
    overhead = duration(estimate.start + estimate.test)
    return f"{overhead} to start and test, {epochs} of {duration(estimate.epoch)}{per_epoch}"


def _cautions(recipe: Recipe) -> None:
    for caution in recipe_warnings(recipe, training_digit_count(recipe)):
        if caution.mild:
            st.caption(f":material/lightbulb: {plain(caution.sentence)}")
        else:
            st.warning(plain(caution.sentence), icon=":material/warning:")


def _take_away(recipe: Recipe) -> None:
    with st.expander("Export as code", key=TAKE, on_change="rerun") as opened:
        st.caption(
            "The same training in plain Keras, without Digitscope. A finished run is exported "
            "with its weights and a proof that they give the same answers. “Open a recipe” "
            "reads the recipe again."
        )
        if not opened.open:
            return
        with st.container(horizontal=True):
            for name, icon, file_name, mime, content in _files(recipe):
                download_button(
                    name,
                    content,
                    file_name,
                    mime,
                    icon=f":material/{icon}:",
                    key=f"take-{file_name}",
                )


@lru_cache(maxsize=16)
def _files(recipe: Recipe) -> list[tuple[str, str, str, str, bytes]]:
    code, book = keras_script(recipe).encode(), keras_notebook(recipe)
    return [
        ("Python script", "code", "train.py", "text/x-python", code),
        ("Notebook", "menu_book", "train.ipynb", "application/x-ipynb+json", book),
        ("Recipe", "data_object", "recipe.json", "application/json", recipe.to_json().encode()),
    ]
