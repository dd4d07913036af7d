"""How a network forms: its first kernels, and what it makes of a digit, after each kept epoch.

A network is built once and filled with the weights of one epoch after the other, besides those that
visitors use: a visitor who goes through the epochs pushes out nobody's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.all_kernels import Kernels, color_limit, made, split_weights
from core.arrays import read_only
from core.errors import RunError
from core.layer_pictures import as_maps, even_columns, map_sheet, strongest
from core.palette import TEXT
from core.runs import Network, Run
from core.scaling import scale

if TYPE_CHECKING:
    import keras

MOST_KERNELS: Final = 32
MOST_MAPS: Final = 32
MOST_NUMBERS: Final = 128
"""So many are kept of a layer, for each epoch; of maps and numbers the strongest at the end."""
COLUMNS: Final = 8
ACROSS: Final = 16
"""Pictures a row on a sheet, and single numbers."""
_SIDE_PX: Final = 64
_CELL_PX: Final = 16
_BORDER_PX: Final = 2
_GAP_PX: Final = 12
_TITLE_PX: Final = 22
_FRAME_MS: Final = 800
_LAST_MS: Final = 2400
_KEPT: Final = 8
"""Digits and layers whose forming is kept; one takes at most 20 MB."""


@dataclass(frozen=True)
class Formed:
    """What a network was after each of its kept epochs; float32, read-only.

    `epochs`: rising, then None for the finished network, if there is one. `kernels`: (epochs, h, w,
    n) of the layer `kernels_of`, those with the numbers `kernel_numbers`; of several input channels
    their mean. `maps`: (epochs, h, w, n) of the layer that was asked for, the channels `channels`.
    `probabilities`: (epochs, 10), NaN where the network gave no numbers.
    """

    epochs: tuple[int | None, ...]
    kernels_of: str
    kernels: NDArray[np.float32]
    kernel_numbers: tuple[int, ...]
    maps: NDArray[np.float32]
    channels: tuple[int, ...]
    probabilities: NDArray[np.float32]

    def place(self, epoch: int | None) -> int:
        """Where an epoch stands, None for the finished network. Raises RunError without it."""
        if epoch not in self.epochs:
            raise RunError(
                f"The weights of {epoch_name(epoch)} cannot be read. Go to another epoch."
            )
        return self.epochs.index(epoch)

    def kernel_sheet(self, place: int, theme: str | None) -> NDArray[np.uint8]:
        """The first kernels at one place in time, RGB, with one scale of colours for all times."""
        return _sheet(self.kernels, place, theme, self.kernel_end)

    def map_sheet(self, place: int, theme: str | None) -> NDArray[np.uint8]:
        """The digit's maps at one place in time, RGB, with one scale of colours for all times."""
        return _sheet(self.maps, place, theme, self.map_end)

    @property
    def kernel_end(self) -> float:
        """The absolute weight at which the colours of the kernels end."""
        return color_limit(self.kernels)

    @property
    def map_end(self) -> float:
        """The absolute value at which the colours of the maps end."""
        return color_limit(self.maps) or float(np.nan_to_num(np.abs(self.maps)).max())


def formed(run: Run, image: NDArray[np.uint8], layer: str) -> Formed:
    """A run's network over its kept epochs, and what one of its layers gave for a digit, (28, 28).

    Imports TensorFlow when it is called. Worked out once for all visitors. Epochs whose weights
    cannot be read are left out. Raises RunError if none is left, the weights are not of this
    network, or it has no such layer.
    """
    with _working:
        return _formed(Network(run), tuple(run.epochs()), image.tobytes(), layer)


def gif(run: Run, image: NDArray[np.uint8], layer: str) -> bytes:
    """The same as a GIF that loops, a labelled frame for each epoch, in the light theme's colours.

    Worked out once for all visitors. Raises RunError like `formed`.
    """
    return _gif(Network(run), tuple(run.epochs()), image.tobytes(), layer)


@lru_cache(maxsize=_KEPT)
def _gif(network: Network, _epochs: tuple[int, ...], pixels: bytes, layer: str) -> bytes:
    digit = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    found = formed(network.run, digit, layer)
    frames = [_frame(found, place, digit, layer) for place in range(len(found.epochs))]
    file = BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=[_FRAME_MS] * (len(frames) - 1) + [_LAST_MS],
        loop=0,
    )
    return file.getvalue()


def epoch_name(epoch: int | None) -> str:
    """An epoch in words."""
    return "finished" if epoch is None else f"epoch {epoch}"


_working = Lock()


@lru_cache(maxsize=_KEPT)
def _formed(network: Network, _epochs: tuple[int, ...], pixels: bytes, layer: str) -> Formed:
    """Another one where epochs have come since: a training that goes on keeps more of them."""
    import keras
    import tensorflow as tf

    run = network.run
    recipe = run.info.recipe
    from core.keras_model import build_model

    model = build_model(recipe.architecture)
    if layer not in [one.name for one in model.layers]:
        raise RunError(f"The network of the run {run.id!r} has no layer {layer!r}. Choose another.")
    last = model.layers[-1]
    inside = keras.Model(model.inputs, [model.get_layer(layer).output, last.input])
    image = np.frombuffer(pixels, np.uint8).reshape(1, 28, 28)
    batch = tf.constant(np.asarray(scale(image, recipe.scaling), np.float32))
    epochs, kernels, values, answers = [], [], [], []
    for epoch, weights in _weights(run, model):
        row, shape, own = next(split_weights(recipe, weights))
        kernels.append(made(row, shape, own))
        given, before = inside(batch, training=False)
        answers.append(tf.nn.softmax(before @ last.kernel + last.bias)[0].numpy())
        values.append(as_maps(given[0].numpy()))
        epochs.append(epoch)
    if not epochs:
        raise RunError(f"The run {run.id!r} keeps no weights that can be read. Choose another run.")
    return _put_together(epochs, kernels, values, answers)


def _put_together(
    epochs: list[int | None],
    kernels: list[Kernels],
    values: list[NDArray[np.float32]],
    answers: list[NDArray[np.float32]],
) -> Formed:
    numbers = list(range(min(kernels[-1].count, MOST_KERNELS)))
    single = values[-1].shape[:2] == (1, 1)
    channels = sorted(strongest(values[-1], MOST_NUMBERS if single else MOST_MAPS))
    probabilities = np.stack(answers)
    probabilities[~np.isfinite(probabilities).all(axis=1)] = np.nan
    return Formed(
        tuple(epochs),
        kernels[-1].layer,
        _fixed(np.stack([one.pictures(None)[..., numbers] for one in kernels])),
        tuple(numbers),
        _fixed(np.stack([one[..., channels] for one in values])),
        tuple(channels),
        _fixed(probabilities),
    )


def _weights(
    run: Run, model: "keras.Model"
) -> Iterator[tuple[int | None, Sequence[NDArray[np.float32]]]]:
    """The weights after each kept epoch, and at the end, filled into the network too."""
    for epoch in run.epochs():
        try:
            weights = [half.astype(np.float32) for half in run.epoch_weights(epoch)]
        except RunError:
            continue
        try:
            model.set_weights(weights)
        except ValueError as error:
            raise RunError(
                f"The weights of epoch {epoch} of the run {run.id!r} are not those of its recipe's "
                "network. Train the run again."
            ) from error
        yield epoch, weights
    if run.info.model_sha256:
        from core.inference import load_predictor

        weights = load_predictor(Network(run)).model.get_weights()
        model.set_weights(weights)
        yield None, weights


def _fixed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    own = np.ascontiguousarray(values, np.float32)
    return read_only(own)


def _sheet(
    values: NDArray[np.float32], place: int, theme: str | None, end: float
) -> NDArray[np.uint8]:
    _, height, width, n = values.shape
    single = height * width == 1
    return map_sheet(
        values[place],
        columns=even_columns(n, ACROSS if single else COLUMNS),
        scale="common",
        theme=theme,
        zoom=_CELL_PX if single else max(1, _SIDE_PX // height),
        end=end,
        border_px=_BORDER_PX,
    )


def _frame(found: Formed, place: int, digit: NDArray[np.uint8], layer: str) -> Image.Image:
    """A picture: the digit and the epoch, the kernels, the maps, one below the other."""
    sheets = [
        (f"First kernels ({found.kernels_of})", found.kernel_sheet(place, "light")),
        (f"What {layer} gives for the digit", found.map_sheet(place, "light")),
    ]
    side = 2 * len(digit)
    width = max(420, *(sheet.shape[1] for _, sheet in sheets)) + 2 * _GAP_PX
    height = side + 2 * _GAP_PX
    height += sum(sheet.shape[0] + _TITLE_PX + _GAP_PX for _, sheet in sheets)
    frame = Image.new("RGB", (width, height), "#ffffff")
    pen = ImageDraw.Draw(frame)
    frame.paste(Image.fromarray(255 - digit).resize((side, side), 0), (_GAP_PX, _GAP_PX))
    big, small = ImageFont.load_default(20), ImageFont.load_default(14)
    left = side + 2 * _GAP_PX
    pen.text((left, _GAP_PX + 4), epoch_name(found.epochs[place]), TEXT["light"], big)
    pen.text((left, _GAP_PX + 34), _reads(found.probabilities[place]), TEXT["light"], small)
    top = side + 2 * _GAP_PX
    for title, sheet in sheets:
        pen.text((_GAP_PX, top), title, TEXT["light"], small)
        frame.paste(Image.fromarray(sheet), (_GAP_PX, top + _TITLE_PX))
        top += sheet.shape[0] + _TITLE_PX + _GAP_PX
    return frame


def _reads(probabilities: NDArray[np.float32]) -> str:
    if np.isnan(probabilities).any():
        return "gives no numbers"
    best = int(probabilities.argmax())
    return f"reads {best} with {100 * probabilities[best]:.0f} %"
