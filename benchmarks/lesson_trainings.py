# bench: heavy, it trains networks
"""How long do the trainings of the lessons take on the offline sample?

Claim: each lesson can be done on the sample with at most 15 minutes of training on two cores.

How: the network that each lesson trains is submitted as the page does it, one after the other;
measured from the submission to the end of the run, the test at its end included.

    python -m benchmarks.lesson_trainings [--quick]

Writes `benchmarks/results/lesson_trainings.json`.
"""

from __future__ import annotations

import time

from benchmarks._queued_trainings import environment, has_ended, wait_until
from benchmarks.common import parser, start, write_result
from core.jobs import submission
from core.lessons.lesson import Lesson, list_lessons
from core.lessons.measures import Subject, measure
from core.recipes.presets import PRESETS
from core.runs import registry

VISITOR = "benchmark"


def main() -> None:
    """Measure, print, write the result."""
    asked = parser(__doc__).parse_args()
    presets = dict.fromkeys(
        lesson.run for lesson in list_lessons() if isinstance(lesson, Lesson) and lesson.run
    )
    figures = {}
    for name in list(presets)[: 1 if asked.quick else None]:
        with environment(DIGITSCOPE_ENGINE="local"):
            began = time.monotonic()
            run = submission.submit(PRESETS[name].on("mnist-sample"), token=VISITOR)
            wait_until(lambda run=run: has_ended(run), 1800)  # type: ignore[misc]
            seconds = time.monotonic() - began
            wrong = measure("wrong_count", {}, Subject(registry.read_run(run.folder))).value
        figures[name] = {"seconds": round(seconds, 1), "wrong of 1,000": wrong}
        print(name, figures[name], flush=True)
    write_result("lesson_trainings", figures, quick=asked.quick)


if __name__ == "__main__":
    start(main)
