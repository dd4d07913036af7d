"""What a browser is told of a training that it watches, and the address where it asks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.jobs import submission
from core.jobs.live_view import ChartOptions, live_view
from core.runs import registry
from core.runs.locks import worker_lock
from core.runs.messages import Downloading, Paused, Started
from core.runs.permissions import JobCard, write_card
from core.runs.run import Run
from pages.widgets.components.live_chart import source_of
from pages.widgets.shared.live_endpoint import ROUTES
from tests.conftest import Trained, dense_recipe
from tests.helpers.asking import get
from tests.helpers.made_events import append, epoch_ended, epoch_evaluated, lines, progress
from tests.pages.train import test_page
from tests.pages.train.test_page import put

pytestmark = pytest.mark.usefixtures("only_sample")
own = test_page.own
PLAIN = ChartOptions()


@pytest.fixture
def training(own: Path, trained: Trained) -> Run:
    """A run that is being trained as far as its folder tells, but for its lock."""
    started = next(event for event in trained.events if isinstance(event, Started))
    put(own, trained, status="running")
    write_card(own / "mine", JobCard(submitted=1.0, max_pause_seconds=180))
    told = [started, progress(1, 1), progress(1, 2, learning_rate=0.00125)]
    (own / "mine" / "events.jsonl").write_text(lines(*told))
    return registry.find_run("mine")


def test_a_training_tells_where_it_is(training: Run) -> None:
    with worker_lock(training.folder):
        now = live_view(training, PLAIN)
    steps, epochs = 57, training.info.recipe.epochs  # 3,600 digits in batches of 64
    assert now["alive"]
    assert now["words"][0] == f"Epoch 1 of {epochs}, step 2 of {steps}"
    assert "64 images per second" in now["words"][1]
    assert "learning rate 0.00125" in now["words"][1]
    assert now["progress"] == pytest.approx(2 / (steps * epochs))
    assert [chart["title"] for chart in now["charts"]] == ["Loss", "Accuracy, %"]
    assert now["verdict"]


def test_only_what_the_component_does_not_draw_itself_asks_the_page_to_redraw(
    training: Run,
) -> None:
    with worker_lock(training.folder):
        first = live_view(training, PLAIN)
        append(training.folder, lines(progress(1, 9)))
        later = live_view(training, PLAIN)
        assert later["words"] != first["words"]
        assert (later["now"], later["soon"]) == (first["now"], first["soon"])
        append(training.folder, lines(epoch_ended(1)))
        over = live_view(training, PLAIN)
        assert (over["now"] == first["now"], over["soon"] == first["soon"]) == (True, False)
        append(training.folder, lines(epoch_evaluated(1)))
        assert live_view(training, PLAIN)["soon"] != over["soon"]
        append(training.folder, lines(Paused(1000.0, 2, 1)))
        paused = live_view(training, PLAIN)
        assert paused["now"] != first["now"]
        assert paused["words"][0].startswith("Paused in epoch 2")
        assert paused["words"][-1].startswith("After 3 min of pause it ends by itself")


def test_an_order_that_was_just_given_changes_the_buttons_at_once(training: Run) -> None:
    with worker_lock(training.folder):
        before = live_view(training, PLAIN)["now"]
        (training.folder / "orders.jsonl").write_text('{"order": "pause"}\n')
        assert live_view(training, PLAIN)["now"] != before


def test_who_joins_the_queue_shows(training: Run) -> None:
    with worker_lock(training.folder):
        before = live_view(training, PLAIN)["soon"]
        waits = submission.submit(dense_recipe(seed=2), token="somebody")
        assert live_view(training, PLAIN)["soon"] != before
        told = live_view(waits, PLAIN)
    assert told["alive"]
    assert (told["progress"], told["charts"], told["words"]) == (None, [], [])


def test_before_the_first_batch_it_tells_what_it_waits_for(training: Run) -> None:
    write_card(training.folder, JobCard(submitted=1.0, started=9e9))  # a process starts it anew
    with worker_lock(training.folder):
        assert live_view(training, PLAIN)["words"] == ["Starting: TensorFlow takes a few seconds"]
        append(training.folder, lines(Downloading(9e9, 3_000_000, 12_000_000)))
        assert live_view(training, PLAIN)["words"] == ["Downloading MNIST: 25 %"]


def test_a_run_that_is_over_has_curves_and_no_bar() -> None:
    over = live_view(registry.find_run("best"), PLAIN)
    assert not over["alive"]
    assert (over["progress"], over["words"]) == (None, [])
    assert len(over["charts"]) == 2


def asked(address: str) -> tuple[int, dict[str, Any]]:
    """What the server answers to a GET."""
    status, kind, body = get(ROUTES, address)
    assert kind == "application/json"
    return status, json.loads(body)


def test_the_address_answers_for_the_run_and_as_the_visitor_wants_it_drawn() -> None:
    options = ChartOptions(
        log=True,
        zoom_top=True,
        compare=(registry.find_run("katariya"), registry.find_run("purawr")),
    )
    address = source_of(registry.find_run("fast"), options)
    assert parse_qs(urlsplit(address).query)["with"] == ["katariya", "purawr"]
    status, news = asked(address)
    assert status == 200
    loss, accuracy = news["charts"]
    assert loss["y"]["log"]
    assert accuracy["y"]["low"] > 0
    named = [line["name"].split(",")[0] for line in loss["lines"]]
    assert named[:2] == ["katariya", "purawr"]
    assert asked(source_of(registry.find_run("fast"), PLAIN))[1]["charts"][0]["y"]["log"] is False


def test_smooth_curves_are_asked_for_too() -> None:
    raw, smooth = (
        asked(source_of(registry.find_run("best"), replace(PLAIN, smooth=wanted)))[1]["charts"][0]
        for wanted in (False, True)
    )
    assert raw["lines"][0]["points"] != smooth["lines"][0]["points"]
    assert raw["lines"][1:] == smooth["lines"][1:]


@pytest.mark.parametrize("name", ["nothing", "..", "%2e%2e%2fmodels%2fbest", "a" * 5000, "bést"])
def test_an_address_without_a_run_says_so_in_a_sentence(name: str) -> None:
    status, news = asked(f"live/{name}")
    assert status == 404
    assert "run" in news["error"]


def test_a_comparison_with_runs_that_are_not_there_is_left_out() -> None:
    status, news = asked("live/fast?with=gone&with=best&with=katariya")
    assert status == 200
    names = [line["name"] for line in news["charts"][0]["lines"]]
    assert not [name for name in names if name.startswith(("gone", "katariya"))]
    assert any(name.startswith("best") for name in names)


def test_the_news_of_a_long_training_are_small() -> None:
    assert len(json.dumps(live_view(registry.find_run("best"), PLAIN))) < 20_000
