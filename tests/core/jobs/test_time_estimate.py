"""The estimate of a training's time and of its network's size, and the measurement behind it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from core import ROOT
from core.data import mnist
from core.data.augmentation import Augmentation
from core.jobs import scheduler
from core.jobs.scheduler import start_benchmark, stop_benchmark
from core.jobs.time_estimate import (
    SPEED_FILE,
    TYPICAL_COSTS,
    MachineSpeed,
    digit_counts,
    estimate_time,
    load_speed,
    save_speed,
    size_on_disk,
    speed_folder,
    this_machine,
)
from core.recipes.architecture import BatchNorm, Conv, Dense, Flatten, Pool
from core.recipes.presets import PRESETS
from core.recipes.recipe import Optimizer, Recipe
from core.runs import registry
from core.runs.run import Run
from tests.conftest import conv_recipe, dense_recipe

pytestmark = [pytest.mark.offline, pytest.mark.measuring, pytest.mark.long]
REPOSITORY = ROOT


@pytest.fixture
def speed() -> MachineSpeed:
    """A machine on which everything takes something."""
    return MachineSpeed(
        machine=this_machine(),
        measured=datetime(2026, 1, 2, tzinfo=UTC),
        costs=TYPICAL_COSTS,
        answer=0.3,
        launch=5.0,
        trace=0.5,
        trace_layer=0.1,
        epoch=0.2,
        epoch_weight=1e-7,
        test_layer=0.1,
        company=0.05,
    )


def network(*layers: object, **changes: object) -> Recipe:
    last = Dense(units=10, activation="softmax")
    return conv_recipe(architecture={"layers": [*layers, last]}, **changes)


# --- digits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dataset", ["mnist-sample", pytest.param("mnist", marks=pytest.mark.full_mnist)]
)
@pytest.mark.parametrize(
    "changes",
    [
        {"validation_split": 0.0},
        {"validation_split": 0.07},
        {"validation_split": 0.0, "validate_on_test": True},
        {"exclude_sample_test": False},
    ],
    ids=str,
)
def test_digits_are_those_of_the_real_splits(dataset: str, changes: dict[str, object]) -> None:
    from core.training.trainer import split_validation

    recipe = conv_recipe(dataset=dataset, **changes)
    digits = mnist.training_split(dataset, exclude_sample_test=recipe.exclude_sample_test)
    fitted, validation = split_validation(digits, recipe)
    expected = digit_counts(recipe)
    assert (expected.fitted, expected.validation) == (len(fitted), len(validation or ()))
    assert expected.test == sum(len(mnist.load(name).test) for name in mnist.available())


# --- the estimate ---------------------------------------------------------------------------------

BASE = network(Conv(filters=16), Pool(), Conv(filters=32), Flatten(), epochs=3)
DEARER = {
    "more epochs": BASE.changed(epochs=4),
    "more digits": BASE.changed(dataset="mnist"),
    "smaller batches": BASE.changed(batch_size=32),
    "augmentation": BASE.changed(augmentation=Augmentation(zoom=0.1)),
    "validation on 10,000 digits": BASE.changed(
        dataset="mnist", validation_split=0, validate_on_test=True
    ),
    "weight decay": BASE.changed(optimizer=Optimizer(weight_decay=0.1)),
    "more filters": network(Conv(filters=64), Pool(), Conv(filters=32), Flatten(), epochs=3),
    "larger kernels": network(
        Conv(filters=16),
        Pool(),
        Conv(filters=32, kernel_size=5, padding="same"),
        Flatten(),
        epochs=3,
    ),
    "one more layer": network(
        Conv(filters=16), Pool(), Conv(filters=32), Flatten(), Dense(units=64), epochs=3
    ),
    "batch norm": network(
        Conv(filters=16), BatchNorm(), Pool(), Conv(filters=32), Flatten(), epochs=3
    ),
}


@pytest.mark.parametrize("name", DEARER)
def test_what_is_more_work_takes_longer(name: str, speed: MachineSpeed) -> None:
    assert estimate_time(DEARER[name], speed).total > estimate_time(BASE, speed).total


def test_the_total_is_start_epochs_and_test(speed: MachineSpeed, only_sample: None) -> None:
    # Softmax regression on 4,000 digits: 32 steps of 128; nothing is validated.
    estimate = estimate_time(dense_recipe(epochs=7), speed.model_copy(update={"answer": 0.5}))
    # The work: forwards and the kernel's gradient; two layers; 7,850 weights.
    digit = 2 * 7840 * TYPICAL_COSTS["dense"]
    step = (
        128 * digit
        + TYPICAL_COSTS["step"]
        + 2 * TYPICAL_COSTS["layer"]
        + 7850 * TYPICAL_COSTS["weight"]
    )
    assert estimate.start == pytest.approx(5.0 + 0.5 + 2 * 0.1)
    assert estimate.epoch == pytest.approx(32 * step + 0.2 + 7850e-7)
    assert estimate.test == pytest.approx(2 * 0.1 + 1000 * 0.5 * digit)
    assert estimate.total == pytest.approx(estimate.start + 7 * estimate.epoch + estimate.test)


def test_a_machine_twice_as_slow_takes_twice_as_long(speed: MachineSpeed) -> None:
    slow = {"costs": {kind: 2 * cost for kind, cost in speed.costs.items()}, "epoch": 0.4}
    slower = speed.model_copy(update={**slow, "epoch_weight": 2e-7})
    assert estimate_time(BASE, slower).epoch == pytest.approx(2 * estimate_time(BASE, speed).epoch)


@pytest.mark.parametrize("name", PRESETS)
def test_size_on_disk_is_that_of_the_shipped_networks(name: str) -> None:
    run = registry.find_run(name)
    assert isinstance(run, Run)
    real = run.model_file.stat().st_size
    assert size_on_disk(run.info.recipe) == pytest.approx(real, rel=0.08)


# --- the file -------------------------------------------------------------------------------------


def test_a_measurement_comes_back(run_folders: object, speed: MachineSpeed) -> None:
    assert load_speed() is None
    save_speed(speed)
    assert load_speed() == speed
    assert registry.list_runs() == []  # its folder is no run


def altered(**changes: object) -> Callable[[str], str]:
    return lambda text: json.dumps({**json.loads(text), **changes})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace("5.0", "NaN"),
        altered(format=2),
        altered(launch=-1),
        altered(costs={"step": 1.0}),
        altered(costs={"nonsense": 1.0}),
        altered(machine={**this_machine(), "cores": "640"}),
        altered(machine={**this_machine(), "name": "elsewhere"}),
        altered(machine={**this_machine(), "tensorflow": "1.0"}),
        altered(machine={**this_machine(), "keras": "1.0"}),
    ],
)
def test_a_measurement_that_does_not_hold_is_ignored(
    damage: Callable[[str], str], run_folders: object, speed: MachineSpeed
) -> None:
    save_speed(speed)
    file = speed_folder() / SPEED_FILE
    file.write_text(damage(file.read_text()))
    assert load_speed() is None


# --- the process ----------------------------------------------------------------------------------


@pytest.fixture
def started(run_folders: object, tmp_path: Path) -> Iterator[Callable[[int], int]]:
    """A function that waits for that many starts (or a moment), and says how many there were."""
    mark = tmp_path / "started"

    def count(wanted: int) -> int:
        until = time.monotonic() + 60
        while time.monotonic() < until and len(list(tmp_path.glob("started-*"))) < wanted:
            time.sleep(0.05)
        time.sleep(0.3)  # for one too many
        return len(list(tmp_path.glob("started-*")))

    count.command = (  # type: ignore[attr-defined]
        sys.executable,
        "-c",
        f"import os, sys; open({str(mark)!r} + f'-{{os.getpid()}}', 'w'); sys.exit(3)",
    )
    yield count
    for process in scheduler._benchmarks:
        process.wait(10)


def test_thirty_visitors_of_three_servers_start_one(started: Callable[[int], int]) -> None:
    ask = (
        "import sys; from core.jobs.scheduler import start_benchmark; "
        "print(start_benchmark(sys.argv[1:]))"
    )
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", ask, *started.command],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    with ThreadPoolExecutor(30) as visitors:
        here = list(visitors.map(lambda _: start_benchmark(started.command), range(30)))
    answers = [server.communicate(timeout=60)[0].strip() for server in servers]
    assert set(answers) <= {"True", "False"}
    there = [answer == "True" for answer in answers]
    assert sum(here) + sum(there) == 1
    assert started(1) == 1


def test_one_that_failed_is_not_tried_again_at_once_but_later(
    started: Callable[[int], int],
) -> None:
    assert start_benchmark(started.command)
    assert started(1) == 1
    assert not start_benchmark(started.command)
    note = speed_folder() / "started"
    ten_minutes_ago = time.time() - 601
    os.utime(note, (ten_minutes_ago, ten_minutes_ago))
    assert start_benchmark(started.command)
    assert started(2) == 2


def test_what_is_measured_is_not_measured_again_unless_asked(
    started: Callable[[int], int], speed: MachineSpeed
) -> None:
    save_speed(speed)
    assert not start_benchmark(started.command)
    assert start_benchmark(started.command, again=True)
    assert started(1) == 1


def test_a_disturbed_measurement_is_used_and_taken_anew(
    started: Callable[[int], int], speed: MachineSpeed
) -> None:
    save_speed(speed.model_copy(update={"company": 0.6}))
    assert load_speed() is not None
    assert start_benchmark(started.command)
    assert started(1) == 1


def test_a_folder_that_cannot_be_made_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path / "file"))
    assert not start_benchmark(("false",))
    assert load_speed() is None


@pytest.mark.usefixtures("only_sample")  # the 10,000 test digits would only take time
def test_the_measurement_itself(run_folders: tuple[Path, Path]) -> None:
    own = run_folders[1]
    shutil.rmtree(own)  # it makes the folder that it needs
    done = subprocess.run(
        [sys.executable, "-m", "core.jobs.speed_benchmark", "--quick"],
        cwd=REPOSITORY,
        env={**os.environ, "DIGITSCOPE_RUNS": str(own)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [file.name for file in speed_folder().iterdir()] == [SPEED_FILE]
    speed = load_speed()
    assert speed is not None
    # Wide bounds: other processes may run. The order of sizes is that of the networks.
    seconds = {name: estimate_time(preset.recipe, speed).epoch for name, preset in PRESETS.items()}
    assert 0.3 < seconds["purawr"] < seconds["kundathil"] < seconds["best"] < 3600
    assert speed.launch > 0.5


# The second is what the program was called in the version before: it may still be running.
@pytest.mark.parametrize("module", ["core.jobs.speed_benchmark", "core.measure"])
def test_a_measurement_makes_way_for_a_training(
    module: str, run_folders: tuple[Path, Path]
) -> None:
    # Sleeps, and is called as the real one is.
    script = "import sys, time; time.sleep(60)"
    assert start_benchmark([sys.executable, "-c", script, "-m", module])
    process = psutil.Process(scheduler._benchmarks[-1].pid)
    stop_benchmark()
    process.wait(10)
    assert not psutil.pid_exists(process.pid) or process.status() == "zombie"
    # ... and is started again when it is asked for.
    assert start_benchmark([sys.executable, "-c", "", "-m", module])
    stop_benchmark()
