"""The own digits in a fine-tuned run's folder: what it was trained on, and what was kept back.

They are the one thing of a visitor's drawing that is written to disk: a training has to keep what
it learns from, or it could neither go on after a fault nor say what it learnt. They go with the
run's folder.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.datasets import CLASSES, Split
from core.errors import RunError
from core.run_writer import write_whole
from core.runs import NPZ_FAULTS, Run

FILE: Final = "own_digits.npz"
HELD_OUT: Final = 0.25
"""The part of the own digits that is kept back, to see whether what was learnt goes beyond them."""
_PRINT: Final = 32  # bytes of a SHA-256


@dataclass(frozen=True, eq=False)
class OwnDigits:
    """Own digits, and which of them are kept back.

    Attributes:
        digits: n of them, with their labels.
        held_out: bool (n,).
        seen_before: uint8 (k, 32), SHA-256 of the own digits which the network that is fine-tuned
            was trained on already: they can be held out no more.
    """

    digits: Split
    held_out: NDArray[np.bool_]
    seen_before: NDArray[np.uint8]

    @property
    def trained_on(self) -> Split:
        """The digits that are trained on."""
        return self.digits.take(~self.held_out)

    @property
    def kept_back(self) -> Split:
        """The digits that are not."""
        return self.digits.take(self.held_out)

    @property
    def sha256(self) -> str:
        """Of pixels, labels and parts, in their order."""
        parts = (self.digits.images, self.digits.labels, self.held_out, self.seen_before)
        return hashlib.sha256(b"".join(array.tobytes() for array in parts)).hexdigest()


def divided(digits: Split, seen: Iterable[bytes] = ()) -> OwnDigits:
    """Choose which digits are kept back: a quarter of each label, and at least one if there can be.

    At least one is always trained on, and what the network has seen already (`seen`, as of
    `seen_by`) is. Labels with too few digits for a quarter give one each until a quarter of all is
    kept back, those with most digits first. Which digit of a label is taken goes by its SHA-256:
    as good as by chance, and always the same. Raises ValueError if there are no digits.
    """
    if not len(digits):
        raise ValueError("there are no digits to divide")
    known = set(seen)
    prints = prints_of(digits.images)
    held_out = np.zeros(len(digits), np.bool_)
    ways = {label: _candidates(digits, label, prints, known) for label in range(CLASSES)}
    for found in ways.values():
        held_out[[found.pop() for _ in range(int(len(found) * HELD_OUT))]] = True
    wanted = min(max(1, round(len(digits) * HELD_OUT)), len(digits) - 1)
    while held_out.sum() < wanted and any(ways.values()):
        fullest = max(ways, key=lambda label: len(ways[label]))
        held_out[ways[fullest].pop()] = True
    listed = np.frombuffer(b"".join(sorted(known)), np.uint8).reshape(-1, _PRINT)
    return OwnDigits(digits, held_out, listed)


def _candidates(digits: Split, label: int, prints: list[bytes], seen: set[bytes]) -> list[int]:
    unseen = [int(k) for k in np.flatnonzero(digits.labels == label) if prints[k] not in seen]
    return sorted(unseen, key=lambda k: prints[k])


def prints_of(images: NDArray[np.uint8]) -> list[bytes]:
    """The SHA-256 of each digit's pixels: uint8 (n, 28, 28) to n times 32 bytes."""
    return [hashlib.sha256(image.tobytes()).digest() for image in images]


def save(folder: Path, own: OwnDigits) -> None:
    """Write the digits into a run's folder. Raises OSError if the disk is full."""
    arrays = {
        "images": own.digits.images,
        "labels": own.digits.labels,
        "held_out": own.held_out,
        "seen_before": own.seen_before,
    }
    write_whole(folder / FILE, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def load(run: Run) -> OwnDigits:
    """The own digits of a fine-tuned run.

    Raises RunError if they are gone, damaged, or not those that it was begun with.
    """
    tuned = run.info.provenance.fine_tuned
    try:
        # Opened here, because np.load leaves a file open that it cannot read.
        with (
            (run.folder / FILE).open("rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            digits = Split(archive["images"], archive["labels"])
            own = OwnDigits(digits, archive["held_out"], archive["seen_before"])
    except NPZ_FAULTS as error:
        raise RunError(_lost(run)) from error
    if tuned is None or own.sha256 != tuned.own_sha256:
        raise RunError(_lost(run))
    return own


def _lost(run: Run) -> str:
    return (
        f"The digits that the run {run.id!r} is fine-tuned on are missing or damaged, so its "
        "training cannot go on. Fine-tune again."
    )


def seen_by(run: Run) -> frozenset[bytes]:
    """The SHA-256 of every own digit that a run's network was ever trained on; mostly none.

    Raises RunError if that cannot be known any more.
    """
    if run.info.provenance.fine_tuned is None:
        return frozenset()
    own = load(run)
    before = (row.tobytes() for row in own.seen_before)
    return frozenset([*prints_of(own.trained_on.images), *before])


def has_seen_any(run: Run, images: NDArray[np.uint8]) -> bool:
    """Whether a run was trained on any of these digits, or nobody can say that it was not."""
    try:
        seen = seen_by(run)
    except RunError:
        return True
    return bool(seen) and not seen.isdisjoint(prints_of(images))
