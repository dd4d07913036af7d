"""The address of a digit's picture: the right digit, and a plain no for what does not exist."""

import cv2
import numpy as np
import pytest

from core.data import mnist
from pages.widgets.shared.digit_endpoint import DIGIT_ROUTES
from tests.helpers.asking import get

SAMPLE = mnist.load("mnist-sample")


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("index", [0, 999])
def test_it_is_the_digit_black_on_white(split: str, index: int) -> None:
    status, kind, png = get(DIGIT_ROUTES, f"digit/mnist-sample/{split}/{index}.png")
    assert (status, kind) == (200, "image/png")
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    assert (255 - pixels == getattr(SAMPLE, split).images[index]).all()


@pytest.mark.parametrize(
    "where",
    [
        "mnist-sample/test/1000",
        "mnist-sample/test/-1",
        "mnist-sample/test/x",
        "mnist-sample/all/0",
        "../models/test/0",
        "mine/test/0",
        "mnist-sample/test/99999999999999999999999",
    ],
)
def test_what_does_not_exist_is_refused(where: str) -> None:
    status, kind, _ = get(DIGIT_ROUTES, f"digit/{where}.png")
    assert status == 404
    assert kind.startswith("text/plain")


@pytest.mark.usefixtures("only_sample")
def test_a_dataset_that_is_not_here_is_refused() -> None:
    assert get(DIGIT_ROUTES, "digit/mnist/test/0.png")[0] == 404
