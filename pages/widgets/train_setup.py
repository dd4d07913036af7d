"""The training page's first view: settings on the left, what they mean and Train on the right."""

from functools import lru_cache

import streamlit as st

from core import dispatch, jobs
from core.advice import warnings
from core.drawing import network_html, unfinished_html
from core.errors import DigitscopeError
from core.estimate import Estimate, estimate, load_speed, size_on_disk
from core.export import notebook, script
from core.job_card import shown_name
from core.limits import Limits, check, in_words
from core.measuring import measure_in_background
from core.rates import digits_fitted
from core.recipes import Recipe
from core.text import duration, file_size
from pages.widgets.download import download_button
from pages.widgets.navigation import pages
from pages.widgets.settings import origin, settings
from pages.widgets.settings_state import state
from pages.widgets.train_view import TRAINING, watch_next
from pages.widgets.words import plain

MEASURED_EVERY_S = 2.0
TAKE = "take-away"


def set_up(token: str, allowed: Limits) -> None:
    """Draw the settings, the network that they describe, its cost, and the button that trains."""
    left, right = st.columns(2, gap="large")
    with left:
        recipe = settings(allowed)
    with right:
        if recipe:
            _start(recipe, token, allowed)
            _others()
            _cautions(recipe)
            st.html(network_html(recipe.architecture))
            _take_away(recipe)
        else:
            _train_button(possible=False)
            st.caption("This network cannot be trained as it is: the message says why.")
            st.html(unfinished_html(state().draft.layers))
        st.caption(in_words(allowed))


def _start(recipe: Recipe, token: str, allowed: Limits) -> None:
    pressed = _train_button(possible=_allowed(recipe, allowed))
    waiting = load_speed() is None
    st.fragment(_cost, run_every=MEASURED_EVERY_S if waiting else None)(recipe, waiting=waiting)
    if not pressed:
        return
    try:
        run = jobs.submit(recipe, token=token, preset=origin())
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    watch_next(run)
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
    """Parameters, size and time. It draws itself anew until the machine's speed is known."""
    parameters = f"**{recipe.architecture.parameters:,} parameters**"
    size = file_size(size_on_disk(recipe))
    st.markdown(f"{parameters}, {size} on disk. {_time(recipe)}")
    if waiting and load_speed():
        st.rerun()


def _time(recipe: Recipe) -> str:
    speed = load_speed()
    busy = bool(dispatch.running() or dispatch.queue())
    if not busy:
        measure_in_background()  # if it was not measured yet, or while others kept it busy
    if speed is None:
        if busy:
            return "How long it takes is measured when no training is running."
        return "How long it takes here is being measured: half a minute or more."
    found = estimate(recipe, speed)
    roughly = "Roughly" if speed.is_disturbed() else "About"
    words = f"{roughly} **{duration(found.total)}** on this machine: {_parts(found)}."
    if speed.is_disturbed():
        words += " The machine was busy when its speed was measured; that is done again."
    return f"{words} Another training runs now: this one waits for it." if busy else words


def _parts(found: Estimate) -> str:
    epochs = "one epoch" if found.epochs == 1 else f"{found.epochs} epochs"
    each = "" if found.epochs == 1 else " each"
    around = duration(found.start + found.test)
    return f"{around} to start and test, {epochs} of {duration(found.epoch)}{each}"


def _cautions(recipe: Recipe) -> None:
    for caution in warnings(recipe, digits_fitted(recipe)):
        if caution.mild:
            st.caption(f":material/lightbulb: {plain(caution.sentence)}")
        else:
            st.warning(plain(caution.sentence), icon=":material/warning:")


def _take_away(recipe: Recipe) -> None:
    with st.expander("Take it away as code", key=TAKE, on_change="rerun") as opened:
        st.caption(
            "The same training in plain Keras, without Digitscope. A finished run is taken away "
            "with its weights and a proof that they answer as they do here. “Open a recipe” brings "
            "the recipe back."
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
    code, book = script(recipe).encode(), notebook(recipe)
    return [
        ("Python script", "code", "train.py", "text/x-python", code),
        ("Notebook", "menu_book", "train.ipynb", "application/x-ipynb+json", book),
        ("Recipe", "data_object", "recipe.json", "application/json", recipe.to_json().encode()),
    ]
