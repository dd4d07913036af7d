"""The training page's second view without a browser: the queue, pauses, what changes meanwhile."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import submission
from core.runs import registry
from core.runs.locks import worker_lock
from core.runs.messages import Paused, Started
from core.runs.permissions import JobCard, owner_of, write_card
from pages.widgets.train.watch_predictions import epoch_results
from tests.conftest import Trained, dense_recipe
from tests.helpers.made_events import STARTED, lines, progress
from tests.pages.train import test_page
from tests.pages.train.test_page import ME, opened, put, said

pytestmark = pytest.mark.usefixtures("only_sample")
# The same server and the same visitor.
own, app = test_page.own, test_page.app


def test_a_run_that_is_deleted_while_it_is_drawn_is_told(
    app: AppTest, own: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(own, trained)

    def draw_and_lose(*args: Any, **named: Any) -> None:
        epoch_results(*args, **named)
        shutil.rmtree(own / "mine", ignore_errors=True)

    monkeypatch.setattr("pages.widgets.train.watch.epoch_results", draw_and_lose)
    opened(app, training="mine")
    assert "There is no run" in said(app)


def test_a_continuation_made_in_another_tab_is_noticed(
    app: AppTest, own: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(own, trained)

    def draw_and_continue(*args: Any, **named: Any) -> None:
        epoch_results(*args, **named)
        if registry.find_run("mine").info.status == "finished":
            submission.resume_training(registry.find_run("mine"), token=ME, epochs=4)

    monkeypatch.setattr("pages.widgets.train.watch.epoch_results", draw_and_continue)
    opened(app, training="mine")
    assert "Finished" not in said(app)
    assert [button.label for button in app.button if button.key == "watch-stop"] == ["Stop"]


def test_who_waits_sees_the_queue(app: AppTest) -> None:
    submission.submit(dense_recipe(seed=1), token="somebody")
    submission.submit(dense_recipe(seed=2), token="another", title="Theirs")
    mine = submission.submit(dense_recipe(seed=3), token=ME, title="*Mine*")
    opened(app, training=mine.id)
    rows = app.table[0].value.to_dict("records")
    assert [(row["place"], row["training"], row["whose"]) for row in rows] == [
        (1, "Theirs", "another's"),
        (2, r"\*Mine\*", "yours"),
    ]
    # How to draw curves that are not there yet is not asked.
    assert [toggle.key for toggle in app.toggle] == ["present"]
    assert not app.multiselect


def test_who_trains_sees_how_many_wait(app: AppTest) -> None:
    run = submission.submit(dense_recipe(seed=1), token=ME)
    opened(app, training=run.id)
    assert not app.expander
    submission.submit(dense_recipe(seed=2), token="another")
    app.run()
    (folded,) = app.expander
    assert folded.label == "1 waiting"
    assert folded.table[0].value["whose"].tolist() == ["another's"]


def test_a_paused_training_says_when_it_ends_and_that_others_wait_for_it(
    app: AppTest, own: Path, trained: Trained
) -> None:
    put(own, trained, status="running")
    write_card(own / "mine", JobCard(owner=owner_of(ME), submitted=1.0, max_pause_seconds=180))
    started = next(event for event in trained.events if isinstance(event, Started))
    told = [started, progress(1, 1), Paused(1000.0, 1, 1)]
    (own / "mine" / "events.jsonl").write_text(lines(*told))
    with worker_lock(own / "mine"):
        waits = submission.submit(dense_recipe(seed=2), token=ME)
        opened(app, training="mine")
        assert "After 3 min of pause it ends by itself" in said(app)
        assert "The queue waits" in said(app)
        app.query_params["training"] = waits.id
        app.run()
        assert "ends by itself after 3 min of pause" in said(app)


def test_the_caption_says_how_many_batches_a_point_stands_for(
    app: AppTest, own: Path, trained: Trained
) -> None:
    put(own, trained)
    # 500 groups of two are more than 200 points: they are joined by fours.
    started = replace(STARTED, steps=1000, n_train=32_000)
    groups = [progress(1, step) for step in range(2, 1001, 2)]
    (own / "mine" / "events.jsonl").write_text(lines(started, *groups))
    opened(app, training="mine")
    assert "averaged over groups of about 8 batches. Dots" in said(app)
    app.toggle(key="watch-smooth").set_value(True).run()
    assert "about 8 batches, smoothed. Dots" in said(app)


def test_what_a_run_reads_that_begins_again_is_of_its_last_epoch(
    app: AppTest, own: Path, trained: Trained
) -> None:
    put(own, trained)
    submission.resume_training(registry.find_run("mine"), token=ME, epochs=4)
    opened(app, training="mine")
    assert submission.job_state(registry.find_run("mine")).name == "starting"
    assert "what it reads after epoch 2" in said(app)


def test_a_run_that_diverged_says_so_once_and_offers_no_use(
    app: AppTest, own: Path, trained: Trained
) -> None:
    changes = {"status": "stopped", "ended_by": "diverged", "error": "It diverged."}
    put(own, trained, **changes, metrics={})
    opened(app, training="mine")
    assert said(app).count("iverged") == 1
    assert "It was not tested." in said(app)
    assert not [link for link in app.get("page_link") if link.proto.label == "Draw a digit for it"]


@pytest.mark.parametrize(
    ("token", "changes", "in_use"),
    [
        (ME, {}, "mine"),
        ("another", {}, "best"),
        (ME, {"status": "failed", "model_sha256": "", "metrics": {}}, "best"),
    ],
)
def test_a_run_that_was_just_trained_is_the_one_in_use(
    app: AppTest, own: Path, trained: Trained, token: str, changes: dict[str, Any], in_use: str
) -> None:
    put(own, trained, token=token, status="running", model_sha256="", metrics={})
    with worker_lock(own / "mine"):
        opened(app, training="mine")
        assert app.session_state["run"] == "best"
    shutil.rmtree(own / "mine")
    put(own, trained, token=token, **changes)
    app.run()
    assert app.session_state["run"] == in_use
    assert ("This is now the run in use" in said(app)) == (in_use == "mine")
    app.session_state["run"] = "fast"  # the visitor's own choice stays
    app.run()
    assert app.session_state["run"] == "fast"


def test_a_run_that_was_trained_before_leaves_the_one_in_use(
    app: AppTest, own: Path, trained: Trained
) -> None:
    put(own, trained)
    opened(app, training="mine")
    assert app.session_state["run"] == "best"
