"""The form of a new experiment: the recipe of “Set up”, and what of it varies or is searched."""

from typing import Any

import streamlit as st

from core.experiments.links import plan_from_link, plan_to_link
from core.experiments.plan import MAX_FACTORS, MAX_SEEDS, Plan, make_factor, make_plan
from core.experiments.search import AnyPlan, Search
from core.experiments.settings import VARIABLE_SETTINGS, VariableSetting, suggested_values
from core.jobs import experiments, scheduler
from core.jobs.scheduler import start_benchmark
from core.jobs.time_estimate import load_speed
from core.recipes.descriptions import GLOSSARY
from core.recipes.presets import PRESETS
from core.recipes.recipe import Recipe
from core.runs.permissions import MAX_TITLE, Limits
from core.utils.errors import DigitscopeError, RecipeError
from core.utils.text import duration
from pages.widgets.shared.markdown import plain
from pages.widgets.train.search_form import follow_search, search_fields
from pages.widgets.train.settings_state import follow_link, recipe_of, start_from, state
from pages.widgets.train.views import choose_experiment, show_set_up

PLAN = "plan"
"""The parameter of the page's link that holds the plan of a new experiment."""
_SEEDS, _SETTINGS, _TITLE = "experiment-seeds", "experiment-settings", "experiment-title"
_PROBLEM, _FOLLOWED = "experiment-problem", "experiment-plan-followed"
_PROBLEM_OF = "experiment-problem-of"
"""The plan that was on the form when the problem arose."""
_VALUES = "experiment-values-{}"
_KIND = "experiment-kind"
_GRID, _SEARCH = "Seeds and given values", "Search for good values"
_DEFAULT_SEEDS = 3
_MEASURED_EVERY_S = 2.0
_WHY = (
    "A single training cannot tell whether 98.9 % is better than 98.7 %. With another seed, "
    "which sets the first weights and the order of the digits, the same settings give a "
    "different result. An experiment trains each setting with several seeds and shows the "
    "spread."
)


def new_experiment(token: str, limits: Limits) -> None:
    """Draw the form, and write its plan into the page's link.

    Args:
        token: the visitor's token.
        limits: the server's limits.
    """
    follow_link(limits, was_shown=False)
    _follow_plan()
    st.write(_WHY)
    recipe = _recipe()
    message = st.container()
    if recipe is None:
        return
    kind = st.segmented_control(
        "What to try",
        [_GRID, _SEARCH],
        default=None if _KIND in st.session_state else _GRID,
        required=True,
        key=_KIND,
        persist_state="session",
        help="A search proposes new values based on the results so far.",
    )
    plan = search_fields(recipe, limits) if kind == _SEARCH else _plan(recipe)
    _write_link(plan)
    with message:
        _problem(plan)
    _start(plan, token, limits)


def _recipe() -> Recipe | None:
    """Draw which recipe is trained, and return it; None if “Set up” has none that works."""
    try:
        recipe = state().draft.recipe()
    except RecipeError as error:
        st.error(plain(str(error)), icon=":material/block:")
        st.button("Correct it in “Set up”", icon=":material/tune:", on_click=show_set_up)
        return None
    name = _recipe_name(recipe)
    epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**The recipe of “Set up”**: {plain(name)} on {recipe.dataset}, {epochs}, "
            f"{recipe.architecture.parameters:,} parameters",
            width="content",
        )
        st.button("Change it", icon=":material/tune:", on_click=show_set_up, key="experiment-setup")
    if not recipe.validates:
        st.caption(
            ":material/lightbulb: This recipe has no validation digits. Choosing settings by "
            "the test digits would make the test result too good. Set a validation split in "
            "“Set up”."
        )
    return recipe


def _recipe_name(recipe: Recipe) -> str:
    """The preset or run that the settings came from, and whether they were changed since."""
    origin = state().origin
    if not origin:
        return "your own settings"
    try:
        began = PRESETS[origin].on(recipe.dataset) if origin in PRESETS else recipe_of(origin)
    except DigitscopeError:  # the run was deleted meanwhile
        return origin
    return origin if began == recipe else f"{origin}, changed"


def _plan(recipe: Recipe) -> Plan | None:
    """Draw the seeds and the settings that vary, and return the plan; None if there is none."""
    left, right = st.columns([1, 2])
    with left:
        st.number_input(
            "Seeds",
            1,
            MAX_SEEDS,
            st.session_state.get(_SEEDS, _DEFAULT_SEEDS),
            key=_SEEDS,
            persist_state="session",
            help="How often each setting is trained, each time with another seed. "
            + GLOSSARY["seed"],
        )
    with right:
        names = st.multiselect(
            "Settings that vary",
            list(VARIABLE_SETTINGS),
            format_func=lambda name: VARIABLE_SETTINGS[name].label,
            max_selections=MAX_FACTORS,
            key=_SETTINGS,
            persist_state="session",
            placeholder="None: repeat the recipe. Up to three",
            help="Each combination of their values is trained with each seed.",
        )
    # All fields are drawn before any value is judged: a wrong one must not take the others away.
    drawn = [(name, _values(VARIABLE_SETTINGS[name], recipe)) for name in names]
    try:
        factors = [make_factor(name, values) for name, values in drawn]
        return make_plan(recipe, factors, st.session_state[_SEEDS] or _DEFAULT_SEEDS)
    except RecipeError as error:
        st.warning(plain(str(error)), icon=":material/block:")
        return None


def _values(setting: VariableSetting, recipe: Recipe) -> list[Any]:
    """Draw the field for the values of a setting, and return what it holds."""
    key = _VALUES.format(setting.name)
    help_text = GLOSSARY[setting.name]
    if setting.choices:
        chosen: list[Any] = st.multiselect(
            setting.label,
            setting.choices,
            default=None if key in st.session_state else list(setting.choices),
            format_func=setting.text,
            key=key,
            persist_state="session",
            help=help_text,
        )
        return chosen
    st.session_state.setdefault(
        key, ", ".join(map(setting.text, suggested_values(setting, recipe)))
    )
    text = st.text_input(
        f"{setting.label}: values, with commas between",
        key=key,
        persist_state="session",
        help=f"{help_text} From {setting.low:.10g} to {setting.high:.10g}.",
    )
    return [part.strip() for part in text.split(",") if part.strip()]


def _start(plan: AnyPlan | None, token: str, limits: Limits) -> None:
    st.text_input(
        "Name",
        max_chars=MAX_TITLE,
        key=_TITLE,
        placeholder="Optional: the question of this experiment",
        width=420,
    )
    st.button(
        "Start the experiment",
        type="primary",
        icon=":material/play_arrow:",
        disabled=plan is None,
        on_click=_submit,
        args=(plan, token),
        key="experiment-start",
    )
    if plan:
        waiting = load_speed() is None
        st.fragment(_cost, run_every=_MEASURED_EVERY_S if waiting else None)(
            plan, limits, waiting=waiting
        )
    st.caption(_limits_text(limits))


def _cost(plan: AnyPlan, limits: Limits, *, waiting: bool) -> None:
    """Draw how many trainings it is and how long they take; repeated until that is measured."""
    words = plan.describe()
    st.markdown(f"**{words[:1].upper()}{words[1:]}**. {_time(plan, limits)}")
    if waiting and load_speed():
        st.rerun()


def _time(plan: AnyPlan, limits: Limits) -> str:
    speed = load_speed()
    if speed is None:
        if scheduler.running() or scheduler.queue():
            return "How long they take is measured while no training runs."
        start_benchmark()
        return "Measuring how long they take here: half a minute or more."
    seconds = experiments.estimated_seconds(plan, speed, limits)
    about = "At most about" if isinstance(plan, Search) else "About"
    return f"{about} **{duration(seconds)}** on this machine, if no other training runs."


def _limits_text(limits: Limits) -> str:
    parts = [f"at most {limits.experiment_runs:,} trainings an experiment"]
    if limits.experiment_minutes:
        parts.append(f"{limits.experiment_minutes:g} minutes of training in all")
    going_on = "1 experiment" if limits.experiments == 1 else f"{limits.experiments} experiments"
    parts.append(f"{going_on} of yours going on at a time")
    return (
        f"This server: {', '.join(parts)}. Trainings run one after the other. Other visitors "
        "who press Train get their turn in between."
    )


def _submit(plan: AnyPlan, token: str) -> None:
    title = st.session_state.get(_TITLE) or ""
    try:
        experiment = experiments.start_experiment(
            plan, token=token, title=title, preset=state().origin
        )
    except DigitscopeError as error:
        _report(str(error))
        return
    _report("")
    st.session_state[_TITLE] = ""
    choose_experiment(experiment.id)


def _problem(plan: AnyPlan | None) -> None:
    """Draw what was wrong with the link or the last start, until the plan is another one."""
    session = st.session_state
    if not session.get(_PROBLEM):
        return
    if session.setdefault(_PROBLEM_OF, plan) == plan:
        st.error(plain(session[_PROBLEM]), icon=":material/block:")
    else:
        _report("")


def _report(problem: str) -> None:
    st.session_state[_PROBLEM] = problem
    st.session_state.pop(_PROBLEM_OF, None)


def _follow_plan() -> None:
    """Take the plan of the link over, once."""
    link = st.query_params.get(PLAN, "")
    if not link or link == st.session_state.get(_FOLLOWED):
        return
    st.session_state[_FOLLOWED] = link
    try:
        plan = plan_from_link(link)
    except RecipeError as error:
        _report(str(error))
        return
    start_from(plan.recipe, "")
    if isinstance(plan, Search):
        st.session_state[_KIND] = _SEARCH
        follow_search(plan)
        return
    st.session_state[_KIND] = _GRID
    st.session_state[_SEEDS] = plan.seeds
    st.session_state[_SETTINGS] = [factor.setting for factor in plan.factors]
    for factor in plan.factors:
        setting = factor.variable
        st.session_state[_VALUES.format(factor.setting)] = (
            list(factor.values)
            if setting.choices
            else ", ".join(setting.text(value) for value in factor.values)
        )


def _write_link(plan: AnyPlan | None) -> None:
    """Put the plan into the page's link, so that copying the address shares it."""
    if plan is None:
        return
    link = plan_to_link(plan)
    st.session_state[_FOLLOWED] = link
    if st.query_params.get(PLAN) != link:
        st.query_params[PLAN] = link
