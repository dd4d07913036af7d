"""Train the small network that tells digits from everything else.

`core/preprocessing/digitness.py` reads it.

Digits: MNIST's training digits as they are, redrawn by pens, with wider and thinner strokes, as
coarse as 8x8 pixels, as if photographed, and in forms MNIST hardly has (`benchmarks._pen_variants`,
`benchmarks._other_things.photographed`). No digits: letters and signs of fonts and by hand, other
scripts, scribbles, textures, shapes, digits that went wrong (`ways_of_nothing`), and strokes put
together at random. All went through `find_digit`. None of MNIST's test digits, of `load_digits` or
of the sample's test digits is used, and no font whose letters `benchmarks/not_digits.py` tests.

The last 5 % of the training digits are kept from it; on these (plain, by pens, wider, coarse) and
on no-digits of other seeds `core/inference/reader.py`'s limits were chosen: `share_below` in the
notes.

    python -m benchmarks.train_digit_gate [--seed 2] [--cache FOLDER] [--quick]

Broken off, it goes on: pictures are kept in `--cache` as they are made, the network after each
epoch; batches follow from the seed and their number alone. Writes `core/assets/digit_gate.npz` and,
with command, seed, versions and what came of it, `core/assets/digit_gate.json` (not with
`--quick`). No run is asked: after another network has become `best` nothing is to be trained again.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import _broken_digits, _hand_signs, _not_digits, _other_things, _pen_variants
from benchmarks._gate_network import folded, train
from benchmarks._kept_pictures import Make, changed, pictures
from benchmarks._shapes import SHAPES
from benchmarks.common import parser, start, without_paths
from core.data.mnist import Split
from core.preprocessing import pens
from core.preprocessing.digitness import DIGITNESS_WEIGHTS, NO_DIGIT_CLASS, digitness
from core.preprocessing.pens import Picture

EPOCHS: Final = 6
HELD_BACK: Final = 0.05
PLAIN: Final = 36_000
DIGITS: Final = {
    "pens": 20_000,
    "wider": 6_000,
    "coarse": 4_000,
    "forms": 6_000,
    "photographed": 4_000,
}
NOTHING: Final = {
    "letters": 12_000,
    "hand_letters": 10_000,
    "almost": 4_000,
    "signs": 8_000,
    "hand_signs": 6_000,
    "symbols": 8_000,
    "scribbles": 4_000,
    "loops": 4_000,
    "shapes": 4_000,
    "polygons": 2_000,
    "textures": 4_000,
    "clouds": 4_000,
    "overlaid": 10_000,
    "overlaid_by_pen": 4_000,
    "halves": 10_000,
    "halves_by_pen": 4_000,
    "mirrored": 4_000,
    "spoilt": 4_000,
    "composed": 6_000,
}
"""How many of each kind, before those that `find_digit` refuses."""
CHECKED: Final = {"pens": 1_500, "wider": 600, "coarse": 300, "forms": 300, "photographed": 300}
CHECKED_OF_EACH: Final = 150


def makers(digits: Split) -> dict[str, Make]:
    """How one picture of each kind is made, with its label (`NONE` for no digit)."""
    nothing = ways_of_nothing(digits.images, digits.labels)
    return {
        "pens": changed(digits, _pen_variants.with_a_pen),
        "wider": changed(digits, partial(pens.wider_or_thinner, canvas=pens.CANVAS)),
        "coarse": changed(digits, partial(pens.coarse, canvas=pens.CANVAS)),
        "photographed": changed(digits, _other_things.photographed),
        "forms": _pen_variants.in_another_form,
        **{kind: _as_none(way) for kind, way in nothing.items()},
    }


def _as_none(way: _not_digits.Make) -> Make:
    return lambda chance: (way(chance), NO_DIGIT_CLASS)


def ways_of_nothing(images: Picture, labels: NDArray[Any]) -> dict[str, _not_digits.Make]:
    """Each kind of no-digit; some are made of true digits, uint8 (n, 28, 28), and their labels."""
    fonts = _other_things.BOLD_TOO
    plain = "".join(sign for sign in _not_digits.LATIN if sign not in _not_digits.LIKE_DIGITS)
    by_hand = _hand_signs.hand_written
    return {
        "letters": _not_digits.letter(fonts, plain),
        "hand_letters": lambda chance: by_hand(_hand_signs.HAND_LETTERS, chance),
        "almost": _other_things.almost_digit,
        "signs": _not_digits.letter(fonts, _not_digits.SIGNS + _not_digits.GREEK),
        "hand_signs": lambda chance: by_hand(_hand_signs.HAND_SIGNS, chance),
        "symbols": _other_things.symbol,
        "scribbles": _not_digits.scribble,
        "loops": _other_things.loops,
        "shapes": _not_digits.shape(SHAPES),
        "polygons": _other_things.polygon,
        "textures": _not_digits.texture,
        "clouds": _other_things.clouds,
        "overlaid": _broken_digits.overlaid(images, labels),
        "overlaid_by_pen": _broken_digits.overlaid_by_pen(images, labels),
        "halves": _broken_digits.halves(images, labels),
        "halves_by_pen": _broken_digits.halves_by_pen(images, labels),
        "mirrored": _broken_digits.mirrored(images, labels),
        "spoilt": _broken_digits.spoilt(images, labels),
        "composed": _not_digits.composed,
    }


def checked(digits: Split, seed: int, cache: Path) -> dict[str, Any]:
    """On pictures it was not trained on: what of each kind lies below some thresholds."""
    figures: dict[str, Any] = {"plain": _below(digitness(np.ascontiguousarray(digits.images)))}
    ways = makers(digits)
    counts = CHECKED | dict.fromkeys(NOTHING, CHECKED_OF_EACH)
    for kind, count in counts.items():
        figures[kind] = _below(digitness(pictures(kind, count, ways[kind], seed + 1000, cache)[0]))
    return figures


def _below(values: NDArray[np.float32]) -> dict[str, float]:
    """The share of values below thresholds."""
    limits = (0.01, 0.02, 0.05, 0.07, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    return {str(limit): round(float((values < limit).mean()), 5) for limit in limits}


def main() -> None:
    """Make the pictures, train, fold, keep, check."""
    line = parser(__doc__)
    line.add_argument("--seed", type=int, default=2)
    line.add_argument("--cache", type=Path, help="a folder for the pictures; else a temporary one")
    options = line.parse_args()
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    cv2.setNumThreads(1)

    from core.data import mnist

    cache = options.cache or Path(tempfile.gettempdir()) / "digitscope-gate"
    cache.mkdir(parents=True, exist_ok=True)
    digits = mnist.training_split("mnist")
    border = round(len(digits) * (1 - HELD_BACK))
    fitted, held_back = digits.take(slice(border)), digits.take(slice(border, None))
    ways = makers(fitted)
    asked = DIGITS | NOTHING
    counts = {kind: 60 if options.quick else count for kind, count in asked.items()}
    plain = fitted.take(slice(1000 if options.quick else PLAIN))
    parts = [(plain.images, plain.labels.astype(np.int32))]
    parts += [pictures(kind, n, ways[kind], options.seed, cache) for kind, n in counts.items()]
    images = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    print(
        f"{len(images)} pictures, {int((labels == NO_DIGIT_CLASS).sum())} of them no digits",
        flush=True,
    )
    kept = None if options.quick else cache / f"gate-{options.seed}.keras"
    model = train(images, labels, options.seed, 1 if options.quick else EPOCHS, kept)
    if options.quick:
        print("a quick trial: no weights are written")
        return
    np.savez_compressed(DIGITNESS_WEIGHTS, **folded(model))  # type: ignore[arg-type]
    notes = {
        "command": " ".join(
            ["python -m benchmarks.train_digit_gate", *without_paths(sys.argv[1:])]
        ),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": options.seed,
        "pictures": {"plain": PLAIN, **asked},
        "epochs": EPOCHS,
        "share_below": checked(held_back, options.seed, cache),
        "versions": {name: version(name) for name in ("numpy", "keras", "tensorflow")},
        "fonts": "DejaVu and STIX as matplotlib ships them; pictures of letters, not the fonts",
    }
    text = json.dumps(notes, indent=1, ensure_ascii=False) + "\n"
    DIGITNESS_WEIGHTS.with_suffix(".json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    start(main)
