"""The training page's first view: settings on the left, what they mean and Train on the right."""

import streamlit as st

from core import dispatch, jobs
from core.advice import warnings
from core.drawing import network_html
from core.errors import DigitscopeError
from core.estimate import Estimate, estimate, load_speed, size_on_disk
from core.export import notebook, script
from core.job_card import shown_name
from core.limits import Limits, check, in_words
from core.measuring import measure_in_background
from core.rates import digits_fitted
from core.recipes import Recipe
from pages.widgets.durations import about, megabytes
from pages.widgets.navigation import pages
from pages.widgets.settings import origin, settings
from pages.widgets.train_view import TRAINING, watch_next
from pages.widgets.words import plain


def set_up(token: str, allowed: Limits) -> None:
    """Draw the settings, the network that they describe, its cost, and the button that trains."""
    left, right = st.columns([6, 5], gap="large")
    with left:
        recipe = settings(allowed)
    with right:
        if recipe:
            _start(recipe, token, allowed)
            _others()
            _cautions(recipe)
            _take_away(recipe)
        st.caption(in_words(allowed))
    if recipe:
        st.subheader("The network", anchor=False)
        st.html(network_html(recipe.architecture))


def _start(recipe: Recipe, token: str, allowed: Limits) -> None:
    pressed = st.button(
        "Train",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=not _allowed(recipe, allowed),
        key="train",
    )
    st.markdown(_cost(recipe))
    if not pressed:
        return
    try:
        run = jobs.submit(recipe, token=token, preset=origin())
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    watch_next(run.id)
    st.rerun()


def _others() -> None:
    """A link to the training that this one would wait for."""
    for run in dispatch.running():
        st.page_link(
            pages()["train"],
            label=f"Watch what is being trained now: {plain(shown_name(run))}",
            icon=":material/show_chart:",
            query_params={TRAINING: run.id},
        )


def _allowed(recipe: Recipe, allowed: Limits) -> bool:
    try:
        check(recipe, allowed)
    except DigitscopeError:
        return False  # the settings say why
    return True


def _cost(recipe: Recipe) -> str:
    """Parameters, size and time, in one line."""
    parameters = f"**{recipe.architecture.parameters:,} parameters**"
    size = megabytes(size_on_disk(recipe))
    return f"{parameters}, {size} on disk. {_time(recipe)}"


def _time(recipe: Recipe) -> str:
    speed = load_speed()
    busy = bool(dispatch.running() or dispatch.queue())
    if not busy:
        measure_in_background()  # if it was not measured yet, or while others kept it busy
    if speed is None:
        if busy:
            return "How long it takes is measured when no training is running."
        return "How fast this machine is, is being measured: half a minute or more."
    found = estimate(recipe, speed)
    words = f"About **{about(found.total)}** on this machine{_parts(found)}."
    return f"{words} Another training is running: this one waits for it." if busy else words


def _parts(found: Estimate) -> str:
    if found.epochs == 1:
        return ""
    return f", {about(found.epoch)} an epoch"


def _cautions(recipe: Recipe) -> None:
    for caution in warnings(recipe, digits_fitted(recipe)):
        if caution.mild:
            st.caption(f":material/lightbulb: {plain(caution.sentence)}")
        else:
            st.warning(plain(caution.sentence), icon=":material/warning:")


def _take_away(recipe: Recipe) -> None:
    with st.expander("Take it away as code"):
        st.caption(
            "The same training in plain Keras, without Digitscope. A finished run is taken away "
            "with its weights and a proof that they answer as they do here."
        )
        with st.container(horizontal=True):
            st.download_button(
                "Python script",
                lambda: script(recipe),
                "train.py",
                "text/x-python",
                icon=":material/code:",
                on_click="ignore",
            )
            st.download_button(
                "Notebook",
                lambda: notebook(recipe),
                "train.ipynb",
                "application/x-ipynb+json",
                icon=":material/menu_book:",
                on_click="ignore",
            )
            st.download_button(
                "Recipe",
                recipe.to_json,
                "recipe.json",
                "application/json",
                icon=":material/data_object:",
                on_click="ignore",
            )
