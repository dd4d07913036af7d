"""How long does one digit take, from pixels to ten probabilities?

Claim: with a loaded network, `Predictor.probabilities` answers one digit at least 10 times faster
than `keras.Model.predict`, which most demos call, on the same machine in the same run.

How: after a warm-up, each way reads the same digit in turn, a new digit each round, 300 rounds;
median and 95th percentile of the calls. Ours is given raw pixels and scales them within the time
measured; its rivals are handed a batch that is already scaled. All ways must give the same digit.

Peers, in the same run: `model.predict(x, verbose=0)`, `model(x, training=False)` and
`model.predict_on_batch(x)`, each with the same network; `predict` also for 1,000 digits at once.
Last, four threads ask for one digit each at the same moment, as four visitors of a server do.

    python -m benchmarks.one_digit [--quick]            (quick: 30 rounds, nothing written)

Writes `benchmarks/results/one_digit.json`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median
from threading import Barrier, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import interleaved, median_and_p95, parser, start, timed, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from core.data import mnist
from core.data.normalization import scale
from core.inference.predictor import Predictor, load_predictor
from core.runs import registry
from core.runs.run import Network

RUNS = ("best", "fast")
MANY = 1_000
THREADS = 4
WARM_UP = 20


def one_digit(predictor: Predictor, digits: NDArray[np.uint8], rounds: int) -> dict[str, Any]:
    """Milliseconds a call for each way, and how many times longer than ours each rival takes."""
    model = predictor.model
    raw = [digits[turn % len(digits)][None] for turn in range(rounds)]
    scaled = [scale(digit, predictor.scaling) for digit in raw]
    ways: dict[str, Callable[[int], Any]] = {
        "ours": lambda turn: predictor.probabilities(raw[turn]),
        "model.predict": lambda turn: model.predict(scaled[turn], verbose=0),
        "model()": lambda turn: np.asarray(model(scaled[turn], training=False)),
        "model.predict_on_batch": lambda turn: model.predict_on_batch(scaled[turn]),
    }
    for turn in range(min(rounds, WARM_UP)):
        answers = {name: int(np.argmax(call(turn))) for name, call in ways.items()}
        assert len(set(answers.values())) == 1, f"the ways do not agree: {answers}"
    spent = interleaved(ways, rounds)
    rows = {name: median_and_p95([1000 * s for s in times]) for name, times in spent.items()}
    ours = rows["ours"]["median"]
    return {
        "ms": rows,
        "times_ours": {name: round(row["median"] / ours, 2) for name, row in rows.items()},
    }


def many_digits(predictor: Predictor, digits: NDArray[np.uint8], rounds: int) -> dict[str, int]:
    """Digits a second when 1,000 are asked for at once (median of the rounds)."""
    model = predictor.model
    scaled = scale(digits, predictor.scaling)
    ways: dict[str, Callable[[int], Any]] = {
        "ours": lambda turn: predictor.probabilities(digits),
        "model.predict": lambda turn: model.predict(scaled, verbose=0),
        "model.predict, batch_size=512": lambda turn: model.predict(
            scaled, batch_size=512, verbose=0
        ),
    }
    for call in ways.values():
        call(0)
    return {
        name: round(len(digits) / median(times))
        for name, times in interleaved(ways, rounds).items()
    }


def at_once(predictor: Predictor, digits: NDArray[np.uint8], rounds: int) -> dict[str, float]:
    """Milliseconds from question to answer while four threads ask at the same moment."""
    together = Barrier(THREADS)
    spent: list[list[float]] = [[] for _ in range(THREADS)]

    def visitor(number: int) -> None:
        for turn in range(rounds):
            digit = digits[(number + turn) % len(digits)][None]
            together.wait()
            with timed(spent[number]):
                predictor.probabilities(digit)

    threads = [Thread(target=visitor, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return median_and_p95([1000 * s for times in spent for s in times])


def main() -> None:
    """Measure both of our own runs, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    rounds, large_rounds = (30, 2) if quick else (300, 7)
    digits = mnist.load("mnist-sample").test.images[:MANY]
    figures: dict[str, Any] = {}
    for name in RUNS:
        run = registry.find_run(name)
        predictor = load_predictor(Network(run))
        measured: dict[str, Any] = {
            "parameters": run.info.recipe.architecture.parameters,
            "one_digit": one_digit(predictor, digits, rounds),
            "digits_per_second_of_1000": many_digits(predictor, digits, large_rounds),
            "four_threads_at_once_ms": at_once(predictor, digits, rounds),
        }
        figures[name] = measured
        print(f"{name} ({measured['parameters']:,} parameters), one digit, {rounds} calls each:")
        for way, row in measured["one_digit"]["ms"].items():
            times = measured["one_digit"]["times_ours"][way]
            print(f"    {way:24}{row['median']:8.2f} ms  95 %: {row['p95']:8.2f} ms  × {times:g}")
        for way, speed in measured["digits_per_second_of_1000"].items():
            print(f"    1,000 digits, {way:30}{speed:8,} digits/s")
        four = measured["four_threads_at_once_ms"]
        print(f"    four threads at once: {four['median']:.2f} ms, 95 %: {four['p95']:.2f} ms")
    write_result("one_digit", figures, quick=quick, calls=rounds, warm_up_calls=WARM_UP)


if __name__ == "__main__":
    start(main)
