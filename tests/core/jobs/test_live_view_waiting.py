"""How long a training that waits has to wait, judged by hand-made times."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from core.jobs import submission
from core.jobs.live_view import queue_seconds, seconds_until_start
from core.jobs.time_estimate import LayerWorkKind, MachineSpeed, save_speed, this_machine
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.locks import worker_lock
from core.runs.messages import Paused, Resumed
from core.runs.run import Run
from tests.conftest import Trained, dense_recipe
from tests.helpers.made_events import STARTED, append, lines, progress
from tests.pages.train import test_page
from tests.pages.train.test_page import put

pytestmark = pytest.mark.usefixtures("only_sample")
own = test_page.own


@pytest.fixture
def measured(own: Path) -> None:
    """A machine on which a process takes 5 s to start, an epoch 2 s, and the rest nothing."""
    nothing = dict.fromkeys(["trace", "trace_layer", "epoch_weight", "test_layer"], 0.0)
    costs = dict.fromkeys(get_args(LayerWorkKind), 0.0)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    speed = {"machine": this_machine(), "measured": now, "costs": costs, "answer": 0.5}
    save_speed(MachineSpeed(**speed, **nothing, launch=5.0, epoch=2.0, company=0.0))


def submit(*, epochs: int, seed: int) -> Run:
    recipe: Recipe = dense_recipe(epochs=epochs, seed=seed)
    return submission.submit(recipe, token=f"visitor {seed}")


@pytest.mark.usefixtures("measured")
def test_who_waits_waits_for_all_before_it() -> None:
    submit(epochs=10, seed=1)  # starts at once, and its process trains the others, too
    second, third = submit(epochs=3, seed=2), submit(epochs=1, seed=3)
    assert seconds_until_start(second) == pytest.approx(10 * 2)
    assert seconds_until_start(third) == pytest.approx(20 + 3 * 2)


@pytest.mark.usefixtures("measured")
def test_two_trainings_at_once_halve_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "2")
    for seed in (1, 2):
        submit(epochs=10, seed=seed)
    assert seconds_until_start(submit(epochs=1, seed=3)) == pytest.approx(20)


@pytest.mark.usefixtures("measured")
def test_on_a_cluster_each_training_has_a_process_of_its_own(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(epochs=10, seed=1)
    waits = submit(epochs=3, seed=2)
    monkeypatch.setenv("DIGITSCOPE_ENGINE", "ray")
    assert queue_seconds(waits) == pytest.approx(5 + 3 * 2)


@pytest.mark.usefixtures("measured")
def test_of_a_run_that_goes_on_only_what_is_left_counts(own: Path, trained: Trained) -> None:
    put(own, trained)  # two epochs of it are done
    submit(epochs=10, seed=1)
    submission.resume_training(registry.find_run("mine"), token=test_page.ME, epochs=6)
    assert queue_seconds(registry.find_run("mine")) == pytest.approx(4 * 2)


def test_before_the_machine_was_measured_only_the_next_one_knows(
    own: Path, trained: Trained
) -> None:
    put(own, trained, status="running")
    told = [STARTED, progress(1, 1), progress(1, 10, time=1010.0)]
    (own / "mine" / "events.jsonl").write_text(lines(*told))
    with worker_lock(own / "mine"):
        second, third = submit(epochs=3, seed=2), submit(epochs=1, seed=3)
        # 20 batches at 2 a second are left, with a little for validation.
        assert seconds_until_start(second) == pytest.approx(10, rel=0.1)
        assert seconds_until_start(third) is None


@pytest.mark.usefixtures("measured")
def test_nobody_knows_how_long_a_pause_is(own: Path, trained: Trained) -> None:
    put(own, trained, status="running")
    told = [STARTED, progress(1, 1), progress(1, 10, time=1010.0), Paused(1010.0, 1, 10)]
    (own / "mine" / "events.jsonl").write_text(lines(*told))
    with worker_lock(own / "mine"):
        waits = submit(epochs=3, seed=2)
        assert seconds_until_start(waits) is None
        append(own / "mine", lines(Resumed(1500.0, 1, 10)))
        assert seconds_until_start(waits) == pytest.approx(10, rel=0.1)


@pytest.mark.usefixtures("measured")
def test_a_measurement_of_another_machine_tells_nothing(own: Path) -> None:
    file = own / ".machine" / "machine.json"
    fields = json.loads(file.read_text())
    file.write_text(json.dumps(fields | {"machine": {**fields["machine"], "cores": "96"}}))
    submit(epochs=10, seed=1)
    assert seconds_until_start(submit(epochs=3, seed=2)) is None
