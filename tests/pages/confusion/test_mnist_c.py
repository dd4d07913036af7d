"""The table of MNIST-C in the stress view: what is kept is shown, what is not is offered."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data.mnist_c import MNIST_C
from core.evaluation.mnist_c import MNIST_C_FILE, load_mnist_c
from core.runs import registry
from tests.helpers.views import said


def page() -> None:
    import streamlit as st

    from core.runs.predictions import load_predictions
    from core.runs.registry import find_run
    from pages.widgets.confusion.mnist_c import mnist_c_table

    runs = st.session_state.get("runs", ["best"])
    mnist_c_table([load_predictions(find_run(name), "mnist-sample") for name in runs])


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def test_each_corruption_has_its_accuracy_and_the_mean_comes_last(view: AppTest) -> None:
    view.session_state["runs"] = ["best", "sturdy"]
    (table,) = view.run().dataframe
    rows = table.value
    assert list(rows.columns) == ["Corruption", "Examples", "best", "sturdy"]
    assert list(rows["Corruption"])[:2] == ["Shot noise", "Impulse noise"]
    assert len(rows) == 16
    for name in ("best", "sturdy"):
        results = load_mnist_c(registry.find_run(name))
        assert results is not None
        for row, corruption in enumerate(MNIST_C):
            right = 1000 - results.wrong[corruption.name]
            assert rows[name][row] == f"{right / 10:.1f} %"
        assert rows[name][15] == f"{100 * results.mean_accuracy:.1f} %"
    assert rows["Examples"][:15].str.startswith("data:image/png;base64,").all()
    assert "on the sample's 1,000 test digits" in said(view)


def test_a_run_that_was_not_measured_is_offered(
    view: AppTest, run_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree("models/purawr", run_folders[0] / "purawr")
    (run_folders[0] / "purawr" / MNIST_C_FILE).unlink()
    view.session_state["runs"] = ["purawr"]
    view.run()
    assert not view.dataframe
    assert "was not measured on MNIST-C yet" in said(view)
    assert [button.label for button in view.button] == ["Measure purawr on MNIST-C"]
