"""What a camera, a scanner or a paint program makes of the ink of a detector's training scene."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._detector_ink import SIDE, Floats, Layers, Random, line, smooth


def photographed(layers: Layers, rng: Random, *, has_digits: bool) -> NDArray[np.uint8]:
    """Tones of paper, ink and light; outside the window the picture's border tone."""
    clean = rng.random() < (0.4 if has_digits else 0.15)
    tones: Any = _written(layers, rng, clean=clean, has_digits=has_digits)
    if not clean:
        tones = tones * _light(rng)
    if rng.random() < 0.15:
        tones = 128 + (tones - 128) * rng.uniform(0.25, 0.8)
    if rng.random() < 0.4:  # light ink: boards, screens, inverted files
        tones = 255 - tones
        if not clean and rng.random() < 0.5:
            tones = tones * rng.uniform(0.5, 0.9)
    if rng.random() < (0.25 if clean else 0.8):
        sigma = float(np.exp(rng.uniform(np.log(0.3), np.log(1.6))))
        tones = cv2.GaussianBlur(tones, (0, 0), sigma)
    if not clean or rng.random() < 0.2:
        tones = tones + rng.standard_normal(tones.shape, np.float32) * rng.uniform(0.3, 9)
    pixels = np.clip(tones, 0, 255).astype(np.uint8)
    pixels = _outside(pixels, layers.window)
    if rng.random() < 0.35:
        quality = int(rng.integers(30, 96))
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return _outside(pixels, layers.window)


def _written(layers: Layers, rng: Random, *, clean: bool, has_digits: bool) -> Floats:
    """Ink on its paper before any light falls on it; `clean`: even paper, as of a drawing."""
    paper = np.full((SIDE, SIDE), rng.choice([255.0, 255.0, rng.uniform(170, 254)]), np.float32)
    ink_tone = float(rng.choice([0.0, rng.uniform(0, 110)]))
    if not clean:
        paper = _paper(rng, nothing=not has_digits)
        ink_tone = float(rng.uniform(0.08, 0.72))  # a share of the paper's light is left
        paper = _with_rules(paper, rng)
        if rng.random() < 0.18:
            paper = _beside_a_table(layers, paper, rng)
    grain: Any = 1.0
    if rng.random() < 0.3:  # pencil and chalk
        noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE), np.float32), (0, 0), 0.8)
        grain = np.clip(1 - rng.uniform(0.1, 0.5) * (noise / noise.std() * 0.5 + 0.5), 0.2, 1)
    written = np.maximum(layers.digits, layers.signs) * grain
    other_tone = ink_tone
    if rng.random() >= 0.6:
        other_tone = float(rng.uniform(0.0, 0.8)) * (255 if clean else 1)
    under = np.float32(other_tone) if clean else paper * other_tone
    tones = paper + (under - paper) * np.minimum(1, layers.other)
    over = np.float32(ink_tone) if clean else paper * ink_tone
    return np.asarray(tones + (np.minimum(over, tones) - tones) * np.minimum(1, written))


def _outside(pixels: NDArray[np.uint8], window: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The window with its border's median tone around it, as the detector pads a picture."""
    left, top, width, height = window
    if width == SIDE and height == SIDE:
        return pixels
    inside = pixels[top : top + height, left : left + width]
    rim = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    padded = np.full_like(pixels, int(np.median(rim)))
    padded[top : top + height, left : left + width] = inside
    return padded


def _noise(rng: Random, octaves: tuple[int, ...]) -> Floats:
    """Smooth noise of several sizes, about -1..1."""
    total = np.zeros((SIDE, SIDE), np.float32)
    for cells in octaves:
        small = rng.standard_normal((cells, cells), np.float32)
        total += cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) * float(
            rng.uniform(0.2, 1)
        )
    return total / max(1e-6, float(np.abs(total).max()))


def _paper(rng: Random, *, nothing: bool) -> Floats:
    """Paper with blotches and grain; where nothing is written, often a photograph's texture."""
    kind = rng.random()
    if kind < (0.75 if nothing else 0.06):
        return _texture(rng)
    tone = float(rng.uniform(90, 250))
    paper = (
        tone + _noise(rng, (3, 6)) * rng.uniform(0, 12) + _noise(rng, (48, 96)) * rng.uniform(0, 10)
    )
    if rng.random() < 0.1:  # a fold
        ends = rng.uniform(-0.2, 1.2, (2, 2)) * SIDE
        fold = np.zeros((SIDE, SIDE), np.float32)
        line(fold, tuple(ends[0]), tuple(ends[1]), float(rng.uniform(1, 4)), 1.0)
        paper = paper + cv2.GaussianBlur(fold, (0, 0), float(rng.uniform(0.5, 4))) * rng.uniform(
            -45, 25
        )
    return np.asarray(np.clip(paper, 5, 255), np.float32)


def _texture(rng: Random) -> Floats:
    """A piece of a photograph, cloth, wood, or limbs and other rounded things with shading."""
    kind = int(rng.integers(5))
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    if kind <= 1:
        picture = _photographs()[int(rng.integers(len(_photographs())))]
        side = int(min(picture.shape) * np.exp(rng.uniform(np.log(0.12), 0)))
        left, top = (int(rng.integers(0, v - side + 1)) for v in picture.shape[::-1])
        way = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
        part = picture[top : top + side, left : left + side]
        crop = cv2.resize(part, (SIDE, SIDE), interpolation=way)
        return np.asarray(crop[:, ::-1] if rng.random() < 0.5 else crop, np.float32)
    if kind == 2:
        turn = rng.uniform(0, np.pi)
        along = x * np.cos(turn) + y * np.sin(turn) + 6 * _noise(rng, (3, 5))
        bands = np.sin(2 * np.pi * along / rng.uniform(3, 40) + 3 * _noise(rng, (4,)))
        return np.asarray(np.clip(rng.uniform(50, 220) + bands * rng.uniform(5, 45), 0, 255))
    if kind == 3:
        rough = _noise(rng, (2, 4, 8, 16, 32, 64))
        return np.asarray(np.clip(rng.uniform(60, 210) + rough * rng.uniform(20, 110), 0, 255))
    tones = np.full((SIDE, SIDE), rng.uniform(60, 240), np.float32) + 12 * _noise(rng, (3, 6, 12))
    for _ in range(int(rng.integers(1, 9))):  # fingers, cables, folds: rounded, shaded at the rim
        start = rng.uniform(-0.1, 1.1, 2) * SIDE
        limb = np.cumsum(np.vstack([start, rng.normal(0, 30, (int(rng.integers(1, 4)), 2))]), 0)
        if len(limb) > 2:
            limb = smooth(limb)
        wide = max(3, round(np.exp(rng.uniform(np.log(4), np.log(60)))))
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.polylines(mask, [np.rint(limb).astype(np.int32)], False, 255, wide)
        depth = np.minimum(1, cv2.distanceTransform(mask, cv2.DIST_L2, 3) / (0.3 * wide + 1))
        tone = float(rng.uniform(30, 245))
        shaded = tone - (1 - depth) * rng.uniform(0, 70) + 6 * _noise(rng, (6, 24))
        cover = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), float(rng.uniform(0.4, 3)))
        tones = tones + (shaded - tones) * cover
    return np.asarray(np.clip(tones, 0, 255), np.float32)


@lru_cache(maxsize=1)
def _photographs() -> tuple[NDArray[np.uint8], ...]:
    """Gray copies of the photographs that come with scikit-learn and matplotlib."""
    from matplotlib import cbook
    from sklearn.datasets import load_sample_images

    images: list[Any] = list(load_sample_images().images)
    images.append(cv2.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))))
    return tuple(
        np.asarray(cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2GRAY), np.uint8)
        for image in images
    )


def _with_rules(paper: Floats, rng: Random) -> Floats:
    """Ruled or squared paper, in six of ten plain."""
    kind = rng.random()
    if kind < 0.6:
        return paper
    rules = np.zeros((SIDE, SIDE), np.float32)
    step = float(np.exp(rng.uniform(np.log(6), np.log(90))))
    thick, tilt = float(rng.uniform(0.4, 2.2)), float(rng.normal(0, 0.06))
    for y in np.arange(rng.uniform(-step, 0) - 20, SIDE + 20, step):
        line(rules, (0, y), (SIDE, y + tilt * SIDE), thick, 1.0)
    if kind > 0.8:
        for x in np.arange(rng.uniform(-step, 0) - 20, SIDE + 20, step):
            line(rules, (x, 0), (x - tilt * SIDE, SIDE), thick, 1.0)
    elif rng.random() < 0.2:
        x = float(rng.uniform(0, SIDE))
        line(rules, (x, 0), (x - tilt * SIDE, SIDE), thick, 1.0)
    return np.asarray(paper * (1 - rules * rng.uniform(0.08, 0.6)), np.float32)


def _beside_a_table(layers: Layers, paper: Floats, rng: Random) -> Floats:
    """The sheet's edges cross the scene: beyond them lies a table, where nothing is written."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    inked = layers.owner > 0
    table = (
        _texture(rng) if rng.random() < 0.5 else _noise(rng, (4, 16, 64)) * 8 + rng.uniform(15, 190)
    )
    shadow = rng.uniform(0, 0.5) if rng.random() < 0.4 else 0.0
    tilt = rng.normal(0, 0.15)
    for quarter in rng.permutation(4)[: int(rng.integers(1, 5))]:
        turn = quarter * np.pi / 2 + tilt + rng.normal(0, 0.02)
        along = x * np.cos(turn) + y * np.sin(turn)
        furthest = float(along[inked].max()) if inked.any() else float(np.median(along))
        beyond = along - (furthest + rng.uniform(1, 50))
        near = table * (1 - shadow * np.exp(-np.maximum(beyond, 0) / 6))
        paper = paper + (near - paper) * np.clip(beyond, 0, 1)
    return np.asarray(paper, np.float32)


def _light(rng: Random) -> Floats:
    """Light that falls off, and shadows with soft and hard edges; shares of 1."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 - rng.uniform(0, 0.25) * (1 + x * np.cos(turn) + y * np.sin(turn)) / 2
    for _ in range(int(rng.choice(3, p=(0.5, 0.35, 0.15)))):
        shade = np.zeros((SIDE, SIDE), np.float32)
        turns = np.sort(rng.uniform(0, 2 * np.pi, 6))
        far = rng.uniform(0.1, 0.9, 6) * SIDE
        corners = (
            rng.uniform(0, SIDE, 2) + np.stack([np.cos(turns), np.sin(turns)], 1) * far[:, None]
        )
        cv2.fillPoly(shade, [corners.astype(np.int32)], 1.0)
        soft = cv2.GaussianBlur(shade, (0, 0), float(np.exp(rng.uniform(np.log(0.5), np.log(16)))))
        light = light * (1 - rng.uniform(0.1, 0.6) * soft)
    return np.asarray(light * rng.uniform(0.6, 1.05), np.float32)
