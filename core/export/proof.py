"""The check in exported code that the network answers there as it did in Digitscope.

Exported models often answer differently than where they were trained, mostly because pictures are
prepared in another way. So the preparation is exported and checked, too.
"""

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data import mnist
from core.export.sections import preparation_definitions
from core.export.source_code import Section, join_definitions, required_definitions
from core.preprocessing.mnist_format import find_digit
from core.runs.run import Run, StoredPredictions
from core.utils.errors import PictureError

_PROOF_DIGITS = 5
_TRIED = 40


@dataclass(frozen=True)
class ExpectedAnswers:
    """Test digits with the answers of a run's network.

    Attributes:
        model_sha256: SHA-256 of the run's `model.keras`, in hexadecimal.
        digits: uint8 (n, 28, 28), test digits of the sample; the last one is also read from a
            picture.
        labels: uint8 (n,), true digits.
        probabilities: float32 (n, 10), the run's answers.
        prepared: uint8 (28, 28), the result of `find_digit` on `as_picture` of the last digit.
    """

    model_sha256: str
    digits: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    prepared: NDArray[np.uint8]


def as_picture(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A digit eight times as large, in dark ink on a large sheet of light paper."""
    sheet = np.full((400, 600), 230, np.uint8)
    sheet[150:374, 40:264] -= digit.repeat(8, axis=0).repeat(8, axis=1) // 5 * 4
    return sheet


def expected_answers(run: Run) -> ExpectedAnswers | None:
    """Choose the digits of the check, with the answers that the run stored for them.

    Args:
        run: a run, finished or not.

    Returns:
        At most `_PROOF_DIGITS` digits; None if the run has no network or no answers on the sample.

    Raises:
        DatasetError: the sample cannot be read.
    """
    # A network that diverged when it was trained further may still have its former answers there.
    if not run.info.model_sha256 or "mnist-sample" not in run.info.metrics:
        return None
    answers = run.predictions("mnist-sample")
    test = mnist.load("mnist-sample").test
    if answers is None or not np.array_equal(answers.labels, test.labels):
        return None
    pictured, prepared = _for_a_picture(answers, test.images)
    others = [k for k in _telling(answers) if k != pictured]
    chosen = [*others[: _PROOF_DIGITS - 1], pictured]
    return ExpectedAnswers(
        run.info.model_sha256,
        test.images[chosen],
        test.labels[chosen],
        answers.probabilities[chosen],
        prepared,
    )


def _telling(answers: StoredPredictions) -> list[int]:
    """Sort all digits: the surest mistake, the two least sure, then by confidence."""
    sure = answers.probabilities.max(axis=1)
    right = answers.probabilities.argmax(axis=1) == answers.labels
    surest = np.argsort(-sure, kind="stable")
    mistakes = [int(k) for k in surest if not right[k]]
    unsure = [int(k) for k in surest[::-1] if right[k]]
    return list(dict.fromkeys([*mistakes[:1], *unsure[:2], *map(int, surest)]))


def _for_a_picture(
    answers: StoredPredictions, images: NDArray[np.uint8]
) -> tuple[int, NDArray[np.uint8]]:
    """Choose the digit that `find_digit` restores best from a picture.

    Only digits of which the run is surest are tried: the answer must stay though pixels change.

    Returns:
        Its index and the restored digit, uint8 (28, 28).
    """
    detected: dict[int, NDArray[np.uint8]] = {}
    for k in np.argsort(-answers.probabilities.max(axis=1), kind="stable"):
        try:
            detected[int(k)] = find_digit(as_picture(images[k])).pixels
        except PictureError:
            continue
        if len(detected) == _TRIED:
            break
    best = min(detected, key=lambda k: float(np.abs(detected[k].astype(int) - images[k]).mean()))
    return best, detected[best]


def preparation_source() -> Section:
    """Return the section with the preparation of pictures, copied from Digitscope."""
    text = (
        "`find_digit` makes of any picture what MNIST's makers would have stored: light ink on "
        "black, 20 pixels long, its center of mass in the middle. A network trained on MNIST reads "
        "such digits, and few others: give it no picture that did not go through here."
    )
    error = '''
class PictureError(Exception):
    """A picture in which no digit can be found; the text says why."""
'''
    definitions = preparation_definitions()
    return Section(
        "From any picture to a digit", text, join_definitions([error, *definitions, _READ])
    )


_READ = '''
def read(model: keras.Sequential, picture: NDArray[np.uint8], **known) -> NDArray[np.float32]:
    """The probabilities of 0 to 9 for a picture of one digit, as `find_digit` takes it."""
    return probabilities(model, find_digit(picture, **known).pixels[None])[0]
'''


def proof_source(expected: ExpectedAnswers) -> Section:
    """Return the section that computes the answers again and compares them.

    Args:
        expected: the answers; they are written into the code, probabilities to five decimals.
    """
    text = (
        "A few of the sample's test digits and the probabilities that Digitscope's run gave them. "
        "`check` loads the run's weights, asks for the same answers, then makes a picture of the "
        "last digit and prepares it. It raises an `AssertionError` that says what differs."
    )
    rows = "\n".join(
        f"        [{', '.join(f'{value:.5f}' for value in row)}]," for row in expected.probabilities
    )
    data = f"""
MODEL_SHA256 = "{expected.model_sha256}"
# Pixels, compressed: uint8 (n, 28, 28).
DIGITS = unpack(
{_packed(expected.digits)}
)
LABELS = {expected.labels.tolist()}
# What the run answered: the probabilities of 0 to 9, a row a digit.
ANSWERS = np.array(
    [
{rows}
    ]
)
# What Digitscope made of the picture of the last digit.
PREPARED = unpack(
{_packed(expected.prepared)}
)[0]
"""
    pieces = [_UNPACK, data, *required_definitions([("export.proof", "as_picture")]), _CHECK]
    return Section("The proof", text, join_definitions(pieces), "check({weights})")


def _packed(pixels: NDArray[np.uint8]) -> str:
    text = base64.b64encode(zlib.compress(pixels.tobytes(), 9)).decode()
    lines = [text[start : start + 88] for start in range(0, len(text), 88)]
    return "\n".join(f'    "{line}"' for line in lines)


_UNPACK = '''
def unpack(text: str) -> NDArray[np.uint8]:
    """Digits, uint8 (n, 28, 28)."""
    pixels = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return pixels.reshape(-1, 28, 28)
'''

_CHECK = '''
def check(weights: Path) -> None:
    """Raise AssertionError unless the run's network answers here as it did in Digitscope."""
    if hashlib.sha256(weights.read_bytes()).hexdigest() != MODEL_SHA256:
        raise AssertionError(
            f"{weights.name} is not the file that was exported with this code (its SHA-256 "
            "differs): take the one from the same download."
        )
    model = build_network()
    model.load_weights(weights)
    off = np.abs(probabilities(model, DIGITS) - ANSWERS).max()
    if not off < 1e-4:
        raise AssertionError(
            f"The network does not answer as in Digitscope: a probability differs by {off:.5f}. "
            "Its layers, its scaling or its weights are not those of the run."
        )
    picture = as_picture(DIGITS[-1])
    off = np.abs(find_digit(picture).pixels.astype(int) - PREPARED).max()
    if off > 1:
        raise AssertionError(
            f"The picture is not prepared as in Digitscope: a pixel differs by {off} of 255. "
            "The preparation was changed, or this version of OpenCV computes otherwise."
        )
    answer = read(model, picture).argmax()
    if answer != ANSWERS[-1].argmax():
        raise AssertionError(
            f"The network reads a {answer} in the picture, but a {ANSWERS[-1].argmax()} in the "
            "digit that it was made of."
        )
    print(f"The same answers as in Digitscope: {len(LABELS)} digits, and one read from a picture.")
'''
