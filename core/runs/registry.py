"""Finding and listing runs, and the files of a run folder.

A run is a network, the recipe it was trained by, the course of its training, and its answers on the
test digits. Shipped runs lie in `models/`, a visitor's own in `runs/`; both are folders of one
kind, which `core.runs.writer` writes:

    run.json               recipe, status, metrics, versions, provenance, times
    history.csv            a row per epoch
    events.jsonl           what happened during the training, a line per event (`messages`)
    model.keras            network and weights, without the optimizer
    test_predictions.npz   for each dataset: labels, probabilities
    epochs/epoch_07.npz    the weights after epoch 7 as float16
    stress.json            accuracy on distorted digits, once asked for (`core.evaluation`)
    mnist_c.json           mistakes under MNIST-C's corruptions, once asked for
    epoch_predictions-mnist.npz    answers after each kept epoch, once asked for

and, for a run that is being trained here, or was:

    worker.lock            held by the process that trains it, for as long as it lives
    worker.pid             which process that is
    checkpoint.npz         all that a training needs to continue (`core.training.checkpoints`)
    orders.jsonl           commands to the training: pause, stop ... (`messages`)
    job.json               whose it is, its title, how it was started (`permissions`)
    worker.log             its output
    own_digits.npz, start.keras    if fine-tuned (`core.training.fine_tuning`)

An ensemble (`core.runs.ensembles`) has no network and no history; its members' copies lie in it:

    members/ID/            run.json, model.keras, history.csv, test_predictions.npz of a member

Every file but the `.jsonl` and the log is written whole (a temporary file, then renamed): a reader
never sees half of one. The last line of `events.jsonl` may be on its way.
"""

import json
import os
import re
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from core import ROOT
from core.runs.run import FORMAT, BrokenRun, Run, RunInfo
from core.utils.errors import RunError
from core.utils.files import file_stamp, is_folder
from core.utils.text import shortened

SHIPPED_FOLDER = ROOT / "models"
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def own_folder() -> Path:
    """Where a visitor's own runs go: `$DIGITSCOPE_RUNS`, else `runs/` beside `models/`."""
    return Path(os.environ.get("DIGITSCOPE_RUNS") or SHIPPED_FOLDER.parent / "runs")


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Args:
        folder: its name becomes the run's id.

    Raises:
        RunError: it is missing, damaged, or of another version.
    """
    name = folder.name
    try:
        text = (folder / "run.json").read_text(encoding="utf-8")
        fields = json.loads(text)
    except FileNotFoundError as error:
        if is_folder(folder):
            raise RunError(f"The folder {name!r} holds no run: it has no run.json.") from error
        raise RunError(f"There is no run {name!r}. Choose another run.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"The run {name!r} cannot be opened: its run.json is damaged. Train it again."
        ) from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise RunError(
            f"The run {name!r} was written by another version of Digitscope. Train it again."
        )
    try:
        # A copied or renamed folder is another run: the folder's name is what links call it by.
        return Run(folder, RunInfo.model_validate({**fields, "id": name}))
    except ValidationError as error:
        raise RunError(
            f"The run {name!r} cannot be opened: its run.json does not fit together. "
            "Train it again."
        ) from error


def find_run(run_id: str, *, name_own: bool = False) -> Run:
    """Find a run by its id, shipped or own.

    Args:
        run_id: from a link, a page, or the command line.
        name_own: whether the error names all runs. Otherwise it names the shipped ones and counts
            the others, which may be many, and belong to other visitors.

    Raises:
        RunError: there is none, or it is damaged.

    Example:
        >>> find_run("best").info.status
        'finished'
    """
    for root in (SHIPPED_FOLDER, own_folder()):
        # The pattern keeps an id from a link inside the two folders: no "..", no "/".
        if _ID.fullmatch(run_id) and is_folder(root / run_id):
            return read_cached(root / run_id)
    name = shortened(run_id, 40)
    raise RunError(f"There is no run {name!r}. The runs are: {_all_runs(name_own)}.")


def open_run(text: str) -> Run:
    """Find a run by its id or its path: for the command line, never for a link.

    Args:
        text: a path if it has a separator and is a folder, else an id.

    Raises:
        RunError: there is none, or it is damaged.
    """
    path = Path(text)
    if ("/" in text or os.sep in text) and is_folder(path):
        return read_run(path.resolve())
    return find_run(text, name_own=True)


MEMBERS_FOLDER = "members"


def read_members(run: Run) -> list[Run]:
    """Read the copies of an ensemble's members, in their order; empty for any other run.

    Raises:
        RunError: one is missing, damaged, or not the one that the ensemble was made of.
    """
    members = [read_run(run.folder / MEMBERS_FOLDER / member.id) for member in run.info.members]
    for member, copy in zip(run.info.members, members, strict=True):
        if copy.info.model_sha256 != member.model_sha256:
            raise RunError(
                f"The member {member.id!r} of the ensemble {run.id!r} is not the one that it was "
                "made of. Make the ensemble again."
            )
    return members


def check_weights(run: Run) -> None:
    """Raise RunError unless all networks that answer for a run are as their trainings wrote them.

    These are the run's own network, or those of an ensemble's members.
    """
    for network in read_members(run) or [run]:
        network.check_model()


def check_run_name(name: str) -> None:
    """Raise RunError unless a run may have this name, in links and on the command line."""
    if not _ID.fullmatch(name):
        raise RunError(
            f"No run can be called {name!r}. Name its folder with at most 80 small letters, "
            "digits, - and _, a letter or digit first."
        )


def list_runs() -> list[Run | BrokenRun]:
    """All runs, shipped ones first, each part by name; damaged folders as `BrokenRun`."""
    shipped = list_shipped()
    taken = {run.id for run in shipped}
    return shipped + [_hidden(run) if run.id in taken else run for run in _list_in(own_folder())]


def list_shipped() -> list[Run | BrokenRun]:
    """The runs that came with the product, by name."""
    return _list_in(SHIPPED_FOLDER)


def _list_in(root: Path) -> list[Run | BrokenRun]:
    try:
        with os.scandir(root) as entries:  # it knows what is a folder without asking for each
            names = sorted(
                entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        problem = (
            f"The folder {root.name!r} cannot be read ({error.strerror}), so its runs are missing. "
            "Give the app access to it."
        )
        return [BrokenRun(root.name, root, problem)]
    return [_read_or_broken(root / name) for name in names]


def read_cached(folder: Path) -> Run:
    """Read a run folder as `read_run` does, but again only when its run.json has changed.

    Raises:
        RunError: it is missing, damaged, or of another version.
    """
    run = _read_or_broken(folder)
    if isinstance(run, BrokenRun):
        raise RunError(run.problem)
    return run


def _all_runs(name_own: bool) -> str:
    usable = [run for run in list_runs() if isinstance(run, Run)]
    named = [run.id for run in usable if name_own or run.folder.parent == SHIPPED_FOLDER]
    counted = len(usable) - len(named)
    others = [f"{counted} of this server's own"] if counted else []
    return " and ".join([", ".join(named), *others] if named else others) or "none yet"


def _hidden(run: Run | BrokenRun) -> BrokenRun:
    problem = f"A shipped run is called {run.id!r} too, and links mean that one. Rename the folder."
    return BrokenRun(run.id, run.folder, problem)


def _read_or_broken(folder: Path) -> Run | BrokenRun:
    try:
        stamp = file_stamp(folder / "run.json")
    except OSError:
        return _read_anew(folder)
    return _read_once(folder, stamp)


@lru_cache(maxsize=32_768)  # a list longer than this would be read anew each time
def _read_once(folder: Path, _stamp: tuple[int, ...]) -> Run | BrokenRun:
    """The run, read again only when its run.json has changed: pages list and find runs often."""
    return _read_anew(folder)


def _read_anew(folder: Path) -> Run | BrokenRun:
    try:
        check_run_name(folder.name)
        return read_run(folder)
    except RunError as error:
        return BrokenRun(folder.name, folder, str(error))
