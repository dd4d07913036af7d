# bench: heavy
"""What does a Ray cluster gain, what does it cost, and what is lost with a machine?

Claims: four trainings on two machines of one core each are done 1.7 times sooner than one after the
other on one core; from the submission to the first event, a training takes at most 5 s longer than
on the server's own machine; when its machine is lost at half of a training, at most what follows
the last checkpoint is repeated.

Peer, in the same run: the app's own queue without a cluster (`DIGITSCOPE_ENGINE=local`).

How: the cluster is a real one of Ray, whose machines are processes here (`ray.cluster_utils`), with
a head that trains nothing. Trainings are submitted as the page does it. "One core": the local
trainings may use the first core only, a training on the cluster gets one core from Ray, which is
one thread of TensorFlow. Medians of the rounds. The machine is lost by SIGKILL to its processes,
when the fifth of ten epochs has ended; another one is there.

    python -m benchmarks.ray_cluster [--rounds 3] [--quick]

Writes `benchmarks/results/ray_cluster.json`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final

from benchmarks._queued_trainings import environment, has_ended, recipe, wait_until
from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result
from core.jobs import submission
from core.runs.messages import EpochEnded, Progress, Started, read_events
from tests.helpers.ray_machines import Machines

TRAININGS: Final = 4
EPOCHS: Final = 20
LOST_AFTER: Final = 5
VISITOR: Final = "benchmark"
_THREADS: Final = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
ONE_THREAD: Final = dict.fromkeys(_THREADS, "1")


@contextmanager
def one_core_here() -> Iterator[None]:
    """Local trainings, on the first core only."""
    cores = os.sched_getaffinity(0)
    with environment(DIGITSCOPE_ENGINE="local", DIGITSCOPE_TRAININGS="1", **ONE_THREAD):
        os.sched_setaffinity(0, {min(cores)})
        try:
            yield
        finally:
            os.sched_setaffinity(0, cores)


@contextmanager
def cluster() -> Iterator[Machines]:
    """A cluster without a machine to train on, and a server that uses it."""
    machines = Machines()
    variables = {"RAY_ADDRESS": machines.address, "DIGITSCOPE_RAY_CPUS": "1"}
    try:
        with environment(DIGITSCOPE_ENGINE="ray", **variables):
            yield machines
    finally:
        machines.shutdown()


def seconds_for_all(epochs: int) -> float:
    """From the submission of all trainings to the end of the last."""
    began = time.monotonic()
    runs = [
        submission.submit(recipe(seed, epochs), token=f"{VISITOR}-{seed}")
        for seed in range(TRAININGS)
    ]
    wait_until(lambda: all(has_ended(run) for run in runs))
    return time.monotonic() - began


def seconds_to_first_event(seed: int) -> float:
    """From a training's submission to its first event in the run's folder."""
    began = time.monotonic()
    run = submission.submit(recipe(seed, 1), token=VISITOR)
    wait_until((run.folder / "events.jsonl").exists)
    seconds = time.monotonic() - began
    wait_until(lambda: has_ended(run))
    return seconds


def batches_repeated() -> dict[str, int]:
    """Of a training whose machine is lost after its fifth epoch."""
    with cluster() as machines:
        first = machines.add()
        run = submission.submit(recipe(0, 2 * LOST_AFTER), token=VISITOR)

        def epochs_ended() -> int:
            return sum(isinstance(event, EpochEnded) for event in read_events(run.folder))

        wait_until(lambda: epochs_ended() >= LOST_AFTER)
        machines.add()
        machines.kill(first)
        wait_until(lambda: has_ended(run))
        told = list(read_events(run.folder))
    starts = [event for event in told if isinstance(event, Started)]
    again = starts[1]
    steps = again.steps
    seen = max(
        (event.epoch - 1) * steps + event.step
        for event in told[: told.index(again)]
        if isinstance(event, Progress)
    )
    return {"repeated": seen - again.first_step, "of an epoch": steps, "seen before": seen}


def main() -> None:
    """Measure, print, write the result."""
    line = parser(__doc__)
    line.add_argument("--rounds", type=int, default=3)
    asked = line.parse_args()
    epochs, rounds = (2, 1) if asked.quick else (EPOCHS, asked.rounds)
    sooner: list[dict[str, float]] = []
    first: dict[str, list[float]] = {"local": [], "cluster": []}
    for number in range(rounds):
        with one_core_here():
            alone = seconds_for_all(epochs)
        with environment(DIGITSCOPE_ENGINE="local"):
            first["local"].append(round(seconds_to_first_event(number), 2))
        with cluster() as machines:
            machines.add()
            machines.add()
            seconds_to_first_event(99)  # the machines' first training pays for what is kept
            first["cluster"].append(round(seconds_to_first_event(number), 2))
            together = seconds_for_all(epochs)
        times = {"one core": alone, "two machines": together, "sooner": alone / together}
        sooner.append({name: round(value, 2) for name, value in times.items()})
        print(sooner[-1], {name: values[-1] for name, values in first.items()}, flush=True)
    medians = {name: median(values) for name, values in first.items()}
    figures = {
        "times_sooner": median(each["sooner"] for each in sooner),
        "rounds": sooner,
        "seconds_to_first_event": {**first, "median": medians},
        "seconds_more_than_local": round(medians["cluster"] - medians["local"], 2),
        "batches_when_a_machine_is_lost": batches_repeated(),
    }
    print(figures)
    packages = (*NETWORK_PACKAGES, "ray")
    write_result("ray_cluster", figures, packages=packages, quick=asked.quick)


if __name__ == "__main__":
    start(main)
