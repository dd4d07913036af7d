"""What a network answers while it is being trained, on digits that it is never trained on."""

import time

import keras
import numpy as np

from core import datasets
from core.errors import RunError
from core.events import Looked
from core.hard_digits import confusions, hard_digits
from core.inference import Predictor
from core.scaling import Scaling


class Onlooker:
    """Lets a network that is being trained read the sample's 1,000 test digits."""

    def __init__(self, model: keras.Model, scaling: Scaling) -> None:
        self._model, self._scaling = model, scaling
        self._predictor: Predictor | None = None

    @property
    def predictor(self) -> Predictor:
        """The network as it is now; made when it is first asked for, because tracing takes time."""
        if self._predictor is None:
            self._predictor = Predictor(self._model, self._scaling)
        return self._predictor

    def look(self, epoch: int) -> Looked | None:
        """Read the digits. None if the network's numbers are not finite: there is no answer."""
        test = datasets.load("mnist-sample").test
        try:
            probabilities = self.predictor.probabilities(test.images)
        except RunError:
            return None
        answers = probabilities.argmax(axis=1)
        hard = np.asarray(hard_digits())
        return Looked(
            time=time.time(),
            epoch=epoch,
            digits=tuple(hard.tolist()),
            answers=tuple(answers[hard].tolist()),
            confidences=tuple(round(float(p), 4) for p in probabilities[hard].max(axis=1)),
            n=len(answers),
            wrong=int((answers != test.labels).sum()),
            confusions=confusions(test.labels, answers),
        )
