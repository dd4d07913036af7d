"""The network that a training begins with, where that is another run's and not a random one.

The run's folder holds a copy of it, so that the other run may be deleted or trained on.
"""

import hashlib
from pathlib import Path
from typing import Any, Final

from core.runs.run import Run
from core.utils.errors import RunError
from core.utils.files import write_atomically

START_FILE: Final = "start.keras"


def write_start_network(folder: Path, network: bytes) -> None:
    """Write the content of a `model.keras` into a new run's folder. Raises OSError if it fails."""
    write_atomically(folder / START_FILE, lambda file: file.write(network))


def load_start_network(run: Run) -> Any:
    """Build the network that a training begins with. Imports TensorFlow when it is called.

    Only weights are read from the file, after its SHA-256 was compared.

    Args:
        run: whose folder holds the network.

    Returns:
        The `keras.Model`, not compiled.

    Raises:
        RunError: the file does not hold the parent's network.
    """
    from core.recipes.keras_model import build_model

    file = run.folder / START_FILE
    network = build_model(run.info.recipe.architecture)
    lost = RunError(
        f"The network that the run {run.id!r} was to begin with is missing or damaged. Start such "
        "a training again."
    )
    try:
        if hashlib.sha256(file.read_bytes()).hexdigest() != run.info.provenance.start_sha256:
            raise lost
        network.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise lost from error
    return network
