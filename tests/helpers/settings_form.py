"""The settings form by itself, without a browser: opened, set, and what it returned."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.recipes.presets import PRESETS
from core.recipes.recipe import Recipe, recipe_from_link
from core.runs import registry

FAST_ON_SAMPLE = PRESETS["fast"].on("mnist-sample")
EPOCHS, FILTERS, KERNEL = "settings-epochs", "settings-filters", "settings-kernel-size"
RATE = "settings-optimizer.learning_rate"


def page() -> None:
    import streamlit as st

    from core.runs.permissions import limits
    from pages.widgets.train.settings_form import origin, settings

    # A link between pages leaves this key alone: it stands for a look at another page.
    if not st.session_state.get("elsewhere"):
        recipe = settings(limits())
        st.session_state["got"] = recipe.to_json() if recipe else None
        st.session_state["origin"] = origin()


@pytest.fixture(autouse=True)
def no_own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    # A link that was just replaced is taken for the browser's lag: tests are faster than people.
    monkeypatch.setattr("pages.widgets.train.settings_state._LAG_S", 0.0)
    return tmp_path


@pytest.fixture
def form() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def opened(form: AppTest, **link: str) -> AppTest:
    for name, value in link.items():
        form.query_params[name] = value
    form.run()
    assert not form.exception
    return form


def got(form: AppTest) -> Recipe:
    assert not form.exception
    return Recipe.from_json(form.session_state["got"])


def in_address(form: AppTest, name: str) -> str:
    values = form.query_params[name]
    return values if isinstance(values, str) else values[0]


def in_link(form: AppTest) -> Recipe:
    return recipe_from_link(in_address(form, "recipe"))


def everything(form: AppTest) -> AppTest:
    form.segmented_control(key="settings-level").set_value("Everything").run()
    return form


def chosen_block(form: AppTest, number: int) -> AppTest:
    form.radio(key="settings-block").set_value(number).run()
    return form


def listed_blocks(form: AppTest) -> list[str]:
    return [option.split("· ")[1] for option in form.radio(key="settings-block").options]


def keep_run(folder: Path, name: str, recipe: Recipe) -> Recipe:
    """A run of that recipe among the visitor's own."""
    shutil.copytree(registry.SHIPPED_FOLDER / "purawr", folder / name)
    info = registry.read_run(folder / name).info.model_copy(update={"recipe": recipe})
    (folder / name / "run.json").write_text(info.model_dump_json())
    return recipe
