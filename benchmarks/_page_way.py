"""A picture read as the app and the command line read it: the one way that every figure takes.

File to pixels, pixels to digits, digits to answers and verdicts; nothing is measured beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.inference.reader import DigitReading, group_lines, read_digits
from core.inference.temperature import run_temperature
from core.preprocessing.background import Ink
from core.preprocessing.image_files import decode_image
from core.preprocessing.page.detection import FoundPage, find_page
from core.runs import registry
from core.runs.run import Network
from core.utils.errors import PictureError

if TYPE_CHECKING:
    from core.inference.predictor import Predictor


@dataclass(frozen=True)
class Answer:
    """What was read in a picture.

    Attributes:
        readings: of each digit, in reading order; empty if the picture was refused.
        page: what was found; None if the picture was refused.
        refused: the sentence for the visitor, else empty.
    """

    readings: tuple[DigitReading, ...] = ()
    page: FoundPage | None = None
    refused: str = ""

    @property
    def text(self) -> str:
        """Lines with " / " between them, numbers with spaces, "?" for what is no digit."""
        signs = self.page.signs if self.page else ()
        return " / ".join(group_lines(self.readings, signs))

    @property
    def digits(self) -> str:
        """The digits alone, in reading order."""
        return "".join(reading.text for reading in self.readings)

    @property
    def is_sure(self) -> bool:
        """Whether any answer is called sure."""
        return any(reading.verdict.kind == "sure" for reading in self.readings)


class PageWay:
    """The reader of the app with one run.

    Args:
        run: its name.
    """

    def __init__(self, run: str) -> None:
        from core.inference.predictor import load_predictor

        self.run = registry.find_run(run)
        self._predictor: Predictor = load_predictor(Network(self.run))
        self._temperature = run_temperature(self.run)

    def read_file(self, data: bytes, name: str) -> Answer:
        """Read an uploaded file."""
        try:
            pixels = decode_image(data, name).pixels
        except PictureError as error:
            return Answer(refused=str(error))
        return self.read(pixels)

    def read(
        self, pixels: NDArray[np.uint8], ink: Ink = "auto", paper: int | None = None
    ) -> Answer:
        """Read a picture; `ink` and `paper` as the drawing canvas gives them."""
        try:
            page = find_page(pixels, ink=ink, paper=paper)
        except PictureError as error:
            return Answer(refused=str(error))
        ask = self._predictor.probabilities
        return Answer(read_digits(page.digits, ask, self._temperature), page)

    def digit_of(self, pixels: NDArray[np.uint8]) -> int:
        """The network's answer on 28×28 pixels, however they were made."""
        return int(self._predictor.probabilities(pixels[None]).argmax())

    def note(self, asked: str) -> dict[str, Any]:
        """Which run it was, for a result file."""
        return {"asked": asked, "id": self.run.info.id, "sha256": self.run.info.model_sha256}


def encoded(pixels: NDArray[np.uint8], kind: Literal["png", "jpg"], quality: int = 90) -> bytes:
    """A picture, gray, RGB or RGBA, as the bytes of a file."""
    if pixels.ndim == 3:
        code = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
        pixels = np.asarray(cv2.cvtColor(pixels, code), np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == "jpg" else []
    done, data = cv2.imencode(f".{kind}", pixels, options)
    assert done
    return data.tobytes()
