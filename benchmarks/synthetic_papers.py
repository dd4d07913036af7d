"""Paper, boards and ink by chance, before any light falls on them.

A library for `benchmarks.synthetic_photos`. Tones are float32, about 0..255, RGB; how much ink or
rule covers a point is 0..1.
"""

from __future__ import annotations

from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Paper = Literal["plain", "lined", "squared", "board"]
Pen = Literal["black", "blue", "red", "pencil", "chalk"]
Floats = NDArray[np.float32]
Random = np.random.Generator

PAPERS: Final[tuple[Paper, ...]] = ("plain", "lined", "squared", "board")
PENS: Final[tuple[Pen, ...]] = ("black", "blue", "red", "pencil")


def rules_on(paper: Paper, height: int, width: int, distance: int, rng: Random) -> Floats | None:
    """How strongly rules `distance` pixels apart cover the paper, 0..1; None: there are none."""
    if paper not in ("lined", "squared"):
        return None
    rules = np.zeros((height, width), np.float32)
    step = max(14, distance if paper == "lined" else int(distance * rng.uniform(0.3, 0.8)))
    thick = max(1, round(max(height, width) * rng.uniform(0.0008, 0.0025)))
    strength = float(rng.uniform(0.4, 1.0))
    for y in range(int(rng.integers(0, step)), height, step):
        cv2.line(rules, (0, y), (width, y), strength, thick, cv2.LINE_AA)
    if paper == "squared":
        for x in range(int(rng.integers(0, step)), width, step):
            cv2.line(rules, (x, 0), (x, height), strength, thick, cv2.LINE_AA)
    return rules


def rule_color(rng: Random) -> Floats:
    """Printed blue, gray or reddish, lighter than most ink."""
    colors = ((140, 165, 205), (165, 165, 170), (205, 160, 160), (110, 130, 175))
    return np.array(colors[int(rng.integers(4))], np.float32) + rng.uniform(-12, 12)


def pen_color(pen: Pen, rng: Random) -> Floats:
    """The tones of the ink, float32 (3,)."""
    colors = {
        "black": (35, 35, 40),
        "blue": (35, 50, 140),
        "red": (180, 40, 45),
        "pencil": (95, 95, 100),
        "chalk": (225, 225, 218),
    }
    return np.array(colors[pen], np.float32) + rng.uniform(-15, 15, 3).astype(np.float32)


def grained(ink: Floats, pen: Pen, rng: Random) -> Floats:
    """Pencil and chalk lie on the paper's bumps only; a pen's ink is nearly even."""
    rough = {"pencil": 0.55, "chalk": 0.6}.get(pen, 0.12) * rng.uniform(0.4, 1.0)
    bumps = cv2.GaussianBlur(
        rng.standard_normal(ink.shape, np.float32), (0, 0), float(rng.uniform(0.6, 1.4))
    )
    bumps = np.clip(bumps / max(1e-6, float(bumps.std())) * 0.5 + 0.5, 0, 1)
    return np.asarray(ink * (1 - rough * bumps), np.float32)


def paper_tones(height: int, width: int, paper: Paper, rng: Random) -> Floats:
    """Paper of some white, or a board of black, green or brown, with blotches and grain."""
    if paper == "board":
        boards = ((40, 45, 45), (40, 75, 60), (60, 50, 45), (30, 30, 32))
        tone = np.array(boards[int(rng.integers(4))], np.float32)
    else:
        tone = np.array([1, rng.uniform(0.96, 1), rng.uniform(0.86, 1)], np.float32)
        tone *= np.float32(rng.uniform(205, 250))
    small = rng.standard_normal((6, 6), np.float32)
    blotches = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 1.2)
    uneven = blotches * rng.uniform(0, 5) + grain * rng.uniform(0, 9)
    return np.asarray(tone + uneven[..., None], np.float32)
