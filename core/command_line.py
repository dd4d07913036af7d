"""What the commands of `python -m core` share: options, and opening a run's network."""

from typing import TYPE_CHECKING, Annotated

import typer

from core.runs import Run
from core.terminal import quiet_tensorflow

if TYPE_CHECKING:
    from core.inference import Predictor

RunName = Annotated[
    str, typer.Option("--run", help="The run that reads the digits: its name, or its folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
EpochOption = Annotated[
    int | None,
    typer.Option("--epoch", min=1, help="The network as it was after that epoch, if it is kept."),
]


def check_weights(run: Run, epoch: int | None) -> None:
    """Say what is wrong before TensorFlow takes its seconds."""
    if epoch is None:
        run.check_model()
    else:
        run.epoch_weights(epoch)


def load_network(run: Run, epoch: int | None) -> "Predictor":
    """The network of a run, finished or after an epoch. Raises RunError if it cannot be opened."""
    check_weights(run, epoch)
    with quiet_tensorflow():
        from core.inference import Predictor, open_model
    return Predictor(open_model(run, epoch), run.info.recipe.scaling)
