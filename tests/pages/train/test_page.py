"""The training page's logic without a browser: what is submitted, shown, refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import scheduler, submission
from core.jobs.engine import LOCAL
from core.recipes.presets import FAST
from core.recipes.recipe import recipe_to_link
from core.runs import registry
from core.runs.messages import COMMANDS_FILE
from core.runs.permissions import JobCard, owner_of, write_card
from core.runs.run import Run
from pages.widgets.train.setup import TAKE
from tests.conftest import Trained, conv_recipe, dense_recipe

ME = "a-token-of-this-browser"
pytestmark = pytest.mark.usefixtures("only_sample")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A server on which nothing was trained, and which starts no process."""
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path / "runs"))
    started: list[str] = []
    monkeypatch.setattr(LOCAL, "start", lambda folder: started.append(folder.name) or 1)
    monkeypatch.setattr(LOCAL, "has_ended", lambda start: False)
    return tmp_path / "runs"


@pytest.fixture
def app(own: Path, app: AppTest) -> Iterator[AppTest]:
    """The app of a visitor whose token is known, not yet run."""
    app.session_state["visitor_token"] = ME
    yield app
    assert not app.exception


def opened(app: AppTest, **link: str) -> AppTest:
    """The training page by a link."""
    app.switch_page("pages/train.py")
    for name, value in link.items():
        app.query_params[name] = value
    return app.run()


def said(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info, app.success)
    words = [str(element.value) for kind in kinds for element in kind]
    for seen in shown_live(app):
        words += [*seen["verdict"], *seen["words"], seen["caption"]]
    return "\n".join(words).replace("\\", "")


def shown_live(app: AppTest) -> list[dict[str, Any]]:
    """What the component that follows a training was given to show."""
    components = [element.proto for element in app.get("bidi_component")]
    return [
        json.loads(component.json)["seen"]
        for component in components
        if component.component_name == "digitscope_live"
    ]


def put(own: Path, trained: Trained, name: str = "mine", token: str = ME, **changes: Any) -> Run:
    """The run that was really trained, as one of a visitor's, with other fields in its run.json."""
    shutil.copytree(trained.run.folder, own / name)
    fields = json.loads((own / name / "run.json").read_text())
    (own / name / "run.json").write_text(json.dumps({**fields, **changes}))
    write_card(own / name, JobCard(owner=owner_of(token), submitted=1.0))
    return registry.find_run(name)


def test_a_press_on_train_submits_what_is_set_and_shows_the_training(app: AppTest) -> None:
    opened(app, recipe=recipe_to_link(conv_recipe(epochs=7)))
    app.button(key="train").click().run()
    (run,) = scheduler.queue()
    assert run.info.recipe == conv_recipe(epochs=7)
    assert submission.job_state(run).name == "starting"
    assert app.query_params["training"] == run.id
    assert app.header[0].value == run.id
    assert [button.label for button in app.button if button.key == "watch-stop"] == ["Stop"]


def test_the_preset_that_a_training_came_from_is_kept(app: AppTest) -> None:
    opened(app)
    app.button(key="train").click().run()
    (run,) = scheduler.queue()
    assert (run.info.preset, run.info.recipe.architecture) == ("fast", FAST.recipe.architecture)


def test_code_is_made_only_for_who_wants_it(app: AppTest) -> None:
    assert not opened(app, preset="purawr").get("download_button")
    app.session_state[TAKE] = True
    app.run()
    names = [file.proto.label for file in app.get("download_button")]
    assert names == ["Python script", "Notebook", "Recipe"]


def test_the_second_training_waits_and_says_so(app: AppTest) -> None:
    submission.submit(dense_recipe(seed=8), token="somebody")
    opened(app)
    app.button(key="train").click().run()
    assert "it is next in the queue" in said(app)
    app.button(key="watch-close").click().run()
    assert [run.info.recipe.seed for run in scheduler.queue()] == [8]
    assert "Stopped by hand" in said(app)


def test_a_full_queue_is_told_and_the_settings_stay(app: AppTest) -> None:
    for seed in (1, 2, 3):
        submission.submit(dense_recipe(seed=seed), token=ME if seed > 1 else "somebody")
    opened(app, recipe=recipe_to_link(conv_recipe(epochs=7)))
    app.button(key="train").click().run()
    assert "2 of your trainings are in the queue" in said(app)
    assert app.slider(key=next(s.key for s in app.slider if s.label == "Epochs")).value == 7
    assert len(scheduler.queue()) == 3


def test_another_visitor_sees_a_training_without_its_controls(app: AppTest) -> None:
    run = submission.submit(dense_recipe(), token="somebody")
    opened(app, training=run.id)
    assert "the browser that started this training controls it" in said(app)
    assert not [b for b in app.button if b.key and b.key.startswith("watch-")]


def test_controls_send_commands(app: AppTest, own: Path) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    opened(app, training=run.id)
    for key in ("watch-pause", "watch-skip_next", "watch-fast_forward"):
        app.button(key=key).click().run()
    app.number_input(key=f"watch-rate-{run.id}").set_value(0.02).run()
    app.button(key="watch-rate-change").click().run()
    assert [toast.value for toast in app.toast] == ["From the next batch on: 0.02"]
    app.button(key="watch-stop").click().run()
    lines = [json.loads(line) for line in (own / run.id / COMMANDS_FILE).read_text().splitlines()]
    told = [line["order"] for line in lines]
    assert told == ["pause", "step", "epoch", "rate", "stop"]
    assert lines[3]["rate"] == 0.02


def test_a_finished_training_shows_its_result_and_what_comes_next(
    app: AppTest, own: Path, trained: Trained
) -> None:
    run = put(own, trained)
    opened(app, training="mine")
    metrics = run.info.metrics["mnist-sample"]
    assert f"**{metrics.wrong} wrong of 1,000" in said(app)
    assert "Finished: all epochs are done." in said(app)
    assert "Hard digits" in said(app)
    total = app.number_input(key="continue-mine-2")
    assert (total.min, total.max) == (3, 50)
    total.set_value(5).run()
    app.button(key="continue").click().run()
    assert (
        registry.find_run("mine").info.status,
        registry.find_run("mine").info.recipe.epochs,
    ) == ("queued", 5)


def test_only_its_own_browser_may_continue_a_run(app: AppTest, own: Path, trained: Trained) -> None:
    put(own, trained, token="somebody")
    opened(app, training="mine")
    assert "Finished" in said(app)
    assert not [button for button in app.button if button.key == "continue"]


def test_a_shipped_run_shows_how_it_learned(app: AppTest) -> None:
    opened(app, training="best")
    shipped = json.loads(
        (registry.find_run("best").folder / "run.json").read_text(encoding="utf-8")
    )
    assert f"**{shipped['metrics']['mnist']['wrong']} wrong of 10,000" in said(app)
    assert "What the first layer looks for" in said(app)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"status": "stopped", "ended_by": "time limit"}, "time limit"),
        ({"status": "finished", "ended_by": "early stopping"}, "early stopping"),
        ({"status": "stopped", "ended_by": "pause limit"}, "paused for too long"),
        ({"status": "finished", "ended_by": "last epoch", "best_epoch": 1}, "weights of epoch 1"),
        ({"status": "failed", "ended_by": "fault", "error": "The disk is full."}, "disk is full"),
        ({"status": "stopped", "ended_by": "diverged", "error": "It diverged."}, "Diverged"),
    ],
)
def test_why_a_training_ended_is_said(
    app: AppTest, own: Path, trained: Trained, changes: dict[str, Any], sentence: str
) -> None:
    put(own, trained, **changes)
    opened(app, training="mine")
    assert sentence in said(app)


def test_a_training_whose_process_died_says_so_without_a_traceback(
    app: AppTest, own: Path, trained: Trained
) -> None:
    put(own, trained, status="running")
    opened(app, training="mine")
    assert "Its process ended unexpectedly" in said(app)


def test_a_training_that_is_not_there_is_told(app: AppTest) -> None:
    opened(app, training="../../etc/passwd")
    assert "There is no run" in said(app)
    assert not app.header


def test_a_run_deleted_in_another_tab_is_told(app: AppTest, own: Path, trained: Trained) -> None:
    put(own, trained)
    opened(app, training="mine")
    shutil.rmtree(own / "mine")
    app.run()
    assert "There is no run" in said(app)
    app.button(key="watch-all-runs").click().run()
    assert "best" in list(app.dataframe[0].value["name"])
    app.segmented_control(key="train-view").set_value("Watch").run()
    assert "There is no run" not in said(app)
    assert "you have not trained a network yet" in said(app)


def test_nothing_trained_yet_says_what_to_do(app: AppTest) -> None:
    opened(app)
    app.segmented_control(key="train-view").set_value("Watch").run()
    assert "you have not trained a network yet" in said(app)


def test_a_server_setting_that_is_no_good_is_told(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "many")
    opened(app)
    assert "DIGITSCOPE_TRAININGS" in said(app)


def test_a_public_server_shows_its_limits_and_keeps_them(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_PUBLIC", "1")
    opened(app)
    assert "at most 10 epochs" in said(app)
    assert app.slider(key=next(s.key for s in app.slider if s.label == "Epochs")).max == 10


def test_a_recipe_with_nonsense_in_the_link_is_told_and_something_can_be_trained(
    app: AppTest,
) -> None:
    opened(app, recipe="🦈' OR 1=1")
    assert app.warning
    app.button(key="train").click().run()
    assert len(scheduler.queue()) == 1


def test_warnings_teach(app: AppTest) -> None:
    recipe = dense_recipe(optimizer={"kind": "sgd", "learning_rate": 1.0, "momentum": 0.99})
    opened(app, recipe=recipe_to_link(recipe))
    assert "learning rate" in "\n".join(warning.value for warning in app.warning)


def test_all_runs_are_listed_with_their_state(app: AppTest) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    submission.submit(dense_recipe(seed=2), token=ME)
    opened(app)
    app.segmented_control(key="train-view").set_value("All runs").run()
    table = app.dataframe[0].value
    states = dict(zip(table["name"], table["status"], strict=True))
    assert states[run.id] == "starting"
    assert "waiting" in states.values()
    assert "best" in states
