# bench: heavy
"""Does a server that trains for a class at once lose time by it?

Claim: 32 trainings of one epoch on the sample, two at a time, take at most 1.15 times as long as
the sum of what each takes by itself, one after the other.

Peer, in the same run: the same trainings one at a time; four of them are measured, before and after
the 32, each from its submission to its end in an idle queue, and their mean stands for all.

How: all 32 are submitted at once, as the page does it, by 32 visitors; the queue is looked after as
pages do. Everything that a training needs is in its time: its process, TensorFlow's import, tests.

    python -m benchmarks.class_of_trainings [--quick]

Writes `benchmarks/results/class_of_trainings.json`.
"""

from __future__ import annotations

import time
from statistics import fmean
from typing import Final

from benchmarks._queued_trainings import environment, has_ended, recipe, wait_until
from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result
from core.jobs import submission

TRAININGS: Final = 32
AT_ONCE: Final = 2
ALONE: Final = 4


def seconds_for(seeds: range) -> float:
    """From the submission of a training for each seed to the end of the last."""
    began = time.monotonic()
    runs = [submission.submit(recipe(seed, 1), token=f"visitor {seed}") for seed in seeds]
    wait_until(lambda: all(has_ended(run) for run in runs), 1800)
    return time.monotonic() - began


def alone(first: int) -> list[float]:
    """Half of the trainings that are measured by themselves."""
    return [seconds_for(range(seed, seed + 1)) for seed in range(first, first + ALONE // 2)]


def main() -> None:
    """Measure, print, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    count = 4 if quick else TRAININGS
    with environment(DIGITSCOPE_TRAININGS=str(AT_ONCE), DIGITSCOPE_MAX_WAITING="100"):
        seconds_for(range(999, 1000))  # the first reads TensorFlow from the disk
        single = alone(100)
        together = seconds_for(range(count))
        single += alone(200)
    own = fmean(single)
    figures = {
        "trainings": count,
        "at a time": AT_ONCE,
        "seconds of one by itself": [round(seconds, 2) for seconds in single],
        "seconds of all": round(together, 1),
        "times_the_sum": round(together / (count * own), 3),
    }
    print(figures)
    write_result("class_of_trainings", figures, packages=NETWORK_PACKAGES, quick=quick)


if __name__ == "__main__":
    start(main)
