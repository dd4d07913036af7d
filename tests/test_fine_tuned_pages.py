"""A fine-tuned run elsewhere: watched, trained again, reported, exported, waited for."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import datasets, jobs, runs, waiting
from core.datasets import Split
from core.estimate import Speed, estimate
from core.export import script
from core.fine_tuning import Settings
from core.run_report import report
from core.run_writer import ResumedWriter
from core.runs import Run
from core.training import go_on
from pages.widgets.settings_state import State
from tests import test_estimate, test_train_page
from tests.conftest import Trained, conv_recipe
from tests.test_train_page import ME, opened, put, said

pytestmark = pytest.mark.usefixtures("only_sample")
own, app, speed = test_train_page.own, test_train_page.app, test_estimate.speed


@pytest.fixture
def waits(own: Path, trained: Trained) -> Run:
    """A fine-tuning that waits."""
    put(own, trained, "tiny")
    train = datasets.load("mnist-sample").train
    digits = Split(np.ascontiguousarray(train.images[:8, :, ::-1]), train.labels[:8])
    return jobs.fine_tune(runs.find("tiny"), digits, Settings(epochs=1), token=ME)


@pytest.fixture
def tuned(waits: Run) -> Run:
    """The same, finished."""
    return go_on(ResumedWriter(waits))


def test_its_end_is_shown_with_before_and_after(app: AppTest, tuned: Run) -> None:
    opened(app, training=tuned.id)
    assert "tiny + my digits" in app.subheader[0].value
    tables = [one.value for one in app.dataframe if "Wrong before" in one.value.columns]
    assert [row[0] for row in tables[0].to_numpy()] == [
        "the sample's test digits",
        "your digits, trained on",
        "your digits, held out",
    ]


def test_to_train_it_again_is_to_train_what_it_came_from(app: AppTest, tuned: Run) -> None:
    opened(app, **{"from": tuned.id})
    settings: State = app.session_state["settings"]
    assert settings.valid == conv_recipe() != tuned.info.recipe
    assert f"The run {tuned.id} was fine-tuned on digits of a visitor's own" in said(app)
    assert "by which tiny was trained from nothing" in said(app)


def test_its_report_and_its_code_say_what_they_cannot_hold(tuned: Run) -> None:
    told = report(tuned)
    assert "Fine-tuned: it began with the network of the run `tiny`" in told
    assert "Fine-tuned, on your digits, held out: " in told
    code = script(tuned.info.recipe, tuned)
    words = " ".join(code.split('"""')[1].split())
    assert "was shown digits of a visitor's own, neither of which is part of this code" in words
    assert "training loss of the first epoch; that of" not in code
    assert "that of Digitscope's run" not in code


def test_who_waits_for_it_waits_for_what_it_shows(
    waits: Run, speed: Speed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "load_speed", lambda: speed)
    whole = estimate(waits.info.recipe, speed).total
    found = waiting.seconds_of(runs.find(waits.id))
    assert found is not None
    assert found > whole  # 4,000 digits of the sample, and 300 times one of six
