"""A fine-tuned run elsewhere: watched, trained again, reported, exported, waited for."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.data.mnist import Split
from core.export.keras_script import keras_script
from core.export.run_report import run_report
from core.jobs import live_view, submission
from core.jobs.time_estimate import MachineSpeed, estimate_time
from core.runs import registry
from core.runs.run import Run
from core.runs.writer import ResumedWriter
from core.training.fine_tuning import FineTuneSettings
from core.training.trainer import resume_training
from pages.widgets.train.settings_state import State
from tests.conftest import Trained, conv_recipe
from tests.core.jobs import test_time_estimate
from tests.pages.train import test_page
from tests.pages.train.test_page import ME, opened, put, said

pytestmark = pytest.mark.usefixtures("only_sample")
own, app, speed = test_page.own, test_page.app, test_time_estimate.speed


@pytest.fixture
def waits(own: Path, trained: Trained) -> Run:
    """A fine-tuning that waits."""
    put(own, trained, "tiny")
    train = mnist.load("mnist-sample").train
    digits = Split(np.ascontiguousarray(train.images[:8, :, ::-1]), train.labels[:8])
    return submission.fine_tune(
        registry.find_run("tiny"), digits, FineTuneSettings(epochs=1), token=ME
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of the finished fine-tuning are kept, once there are any."""
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture
def tuned(waits: Run, finished: Path) -> Run:
    """The same, finished; trained once."""
    if finished.exists():
        shutil.copytree(finished, waits.folder, dirs_exist_ok=True)
        return registry.read_run(waits.folder)
    run = resume_training(ResumedWriter(waits))
    shutil.copytree(run.folder, finished)
    return run


def test_its_end_is_shown_with_before_and_after(app: AppTest, tuned: Run) -> None:
    opened(app, training=tuned.id)
    assert "tiny + my digits" in app.header[0].value
    tables = [table.value for table in app.dataframe if "Wrong before" in table.value.columns]
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
    told = run_report(tuned)
    assert "Fine-tuned: it began with the network of the run `tiny`" in told
    assert "Fine-tuned, on your digits, held out: " in told
    code = keras_script(tuned.info.recipe, tuned)
    words = " ".join(code.split('"""')[1].split())
    assert "was shown digits of a visitor's own, neither of which is part of this code" in words
    assert "training loss of the first epoch; that of" not in code
    assert "that of Digitscope's run" not in code


def test_who_waits_for_it_waits_for_what_it_shows(
    waits: Run, speed: MachineSpeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_view, "load_speed", lambda: speed)
    whole = estimate_time(waits.info.recipe, speed, launches=False).total
    seconds = live_view.queue_seconds(registry.find_run(waits.id))
    assert seconds is not None
    assert seconds > whole  # 4,000 digits of the sample, and 300 times one of six
