"""Training pictures that take minutes to make: made in parts, and each part is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.data.mnist import Split
from core.preprocessing.pens import Picture

CHUNK: Final = 2_000

Made = tuple[Picture | None, int]
"""A picture, uint8 (28, 28), with its label; None where `find_digit` refused it."""
Make = Callable[[np.random.Generator], Made]


def changed(
    digits: Split, change: Callable[[Picture, np.random.Generator], Picture | None]
) -> Make:
    """How a digit of these, chosen at random, is made into another picture."""

    def make(chance: np.random.Generator) -> Made:
        k = int(chance.integers(len(digits)))
        return change(digits.images[k], chance), int(digits.labels[k])

    return make


def pictures(
    kind: str, count: int, make: Make, seed: int, cache: Path
) -> tuple[Picture, NDArray[np.int32]]:
    """`count` pictures of a kind, less those that `find_digit` refused; read if kept already."""
    images, labels = [], []
    for first in range(0, count, CHUNK):
        kept = cache / f"{kind}-{seed}-{first}-{min(CHUNK, count - first)}.npz"
        if not kept.exists():
            made = [
                make(np.random.default_rng([seed, *kind.encode(), k]))
                for k in range(first, min(count, first + CHUNK))
            ]
            good = [(picture, label) for picture, label in made if picture is not None]
            draft = kept.with_suffix(".part.npz")
            stacked = np.stack([picture for picture, _ in good])
            np.savez_compressed(draft, images=stacked, labels=[label for _, label in good])
            draft.replace(kept)
            print(f"  {kept.name}: {len(good)} of {len(made)}", flush=True)
        with np.load(kept) as stored:
            images.append(stored["images"])
            labels.append(stored["labels"].astype(np.int32))
    return np.concatenate(images), np.concatenate(labels)
