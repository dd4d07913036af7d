"""Going through the epochs of a run, with what it got wrong at each."""

from collections.abc import Sequence

from core.answered import Answered
from pages.widgets.epoch_controls import epoch_controls
from pages.widgets.words import plain


def time_controls(epochs: Sequence[int], this: Answered) -> None:
    """Draw the buttons that move the slider “At epoch”, and where it stands; `epochs`: rising."""
    wrong = len(this) - int(this.right.sum())
    words = f"{wrong:,} wrong of {len(this):,} ({plain(this.run.id)})"
    epoch_controls(epochs, this.epoch, words, key="confusion-time")
