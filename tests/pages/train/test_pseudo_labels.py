"""Pseudo-labels as a visitor asks for them: the offer, its honest words, the result."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import live_view, scheduler, submission
from core.jobs.time_estimate import MachineSpeed, estimate_time
from core.runs import registry
from core.runs.run import Run
from core.runs.writer import ResumedWriter
from core.training.pseudo_labels import PseudoLabelSettings
from core.training.trainer import resume_training
from tests.conftest import Trained, conv_recipe
from tests.core.jobs import test_time_estimate
from tests.pages.train import test_page
from tests.pages.train.test_page import ME, opened, put, said

pytestmark = pytest.mark.usefixtures("only_sample")
own, app, speed = test_page.own, test_page.app, test_time_estimate.speed
UNFOLDED = "pseudo-label-tiny"


@pytest.fixture
def tiny(own: Path, trained: Trained) -> Run:
    own.mkdir(exist_ok=True)
    return put(own, trained, "tiny")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture
def pseudo_labeled(tiny: Run, finished: Path) -> Run:
    """A finished training with pseudo-labels; trained once."""
    run = submission.pseudo_label(tiny, PseudoLabelSettings(epochs=1), token=ME)
    if finished.exists():
        shutil.copytree(finished, run.folder, dirs_exist_ok=True)
        return registry.read_run(run.folder)
    done = resume_training(ResumedWriter(run))
    shutil.copytree(done.folder, finished)
    return done


def test_the_offer_says_what_the_result_is_worth_and_submits_it(app: AppTest, tiny: Run) -> None:
    opened(app, training="tiny")
    app.session_state[UNFOLDED] = True
    app.run()
    words = said(app)
    assert "one quarter of 1,000 test digits without labels" in words
    assert "its result is no test of how well it reads new digits" in words
    app.number_input(key="pseudo-label-epochs").set_value(3).run()
    app.button(key="pseudo-label").click().run()
    (run,) = scheduler.queue()
    assert run.info.recipe.epochs == 3
    assert run.info.provenance.pseudo_labeled.parent == "tiny"
    assert app.query_params["training"] == run.id


def test_a_run_on_few_digits_is_offered_those_that_it_left_out(app: AppTest, tiny: Run) -> None:
    recipe = conv_recipe(train_size=500).model_dump(mode="json")
    fields = tiny.info.model_dump(mode="json") | {"recipe": recipe}
    (tiny.folder / "run.json").write_text(type(tiny.info).model_validate(fields).model_dump_json())
    opened(app, training="tiny")
    app.session_state[UNFOLDED] = True
    app.run()
    words = said(app)
    assert "500 labeled digits and one quarter of 3,500 withheld training digits" in words
    assert "the result is a fair test" in words


def test_its_end_is_shown_with_before_and_after(app: AppTest, pseudo_labeled: Run) -> None:
    opened(app, training=pseudo_labeled.id)
    table = next(t.value for t in app.dataframe if "Wrong before" in t.value.columns)
    before = registry.find_run("tiny").info.metrics["mnist-sample"].wrong
    after = pseudo_labeled.info.metrics["mnist-sample"].wrong
    assert list(table.iloc[0])[1:] == [f"{before} of 1,000", f"{after} of 1,000"]
    words = said(app)
    assert "read rightly by tiny alone" in words
    assert f"Of the pseudo-labels, {before} wrong of 1,000" in words
    assert "never as a reported accuracy" in words
    assert "some of these digits were trained on" in words


def test_to_train_it_again_is_to_train_what_it_came_from(app: AppTest, pseudo_labeled: Run) -> None:
    opened(app, **{"from": pseudo_labeled.id})
    assert app.session_state["settings"].valid == conv_recipe() != pseudo_labeled.info.recipe
    assert f"The run {pseudo_labeled.id} went on with pseudo-labels" in said(app)


def test_who_waits_for_it_waits_for_all_its_digits(
    tiny: Run, speed: MachineSpeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submission.pseudo_label(tiny, PseudoLabelSettings(epochs=2), token=ME)
    monkeypatch.setattr(live_view, "load_speed", lambda: speed)
    seconds = live_view.queue_seconds(registry.find_run(run.id))
    assert seconds is not None
    assert seconds > estimate_time(run.info.recipe, speed, launches=False).total
