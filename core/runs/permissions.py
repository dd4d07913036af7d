"""Who may do what with a run: the limits of a server, and the card of a visitor's run.

Limits are settings in the environment, with safe defaults. `DIGITSCOPE_PUBLIC=1` is for a server
that strangers use: its defaults are tighter. Each limit can be set by itself, in either case.

The card (`job.json`) says whose a run is, its title, and how it was started. `run.json` belongs to
the training process; the card belongs to the server, which writes it under the queue's lock. A run
without one was made on the command line.
"""

import hashlib
import importlib.util
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.data.mnist import DATASETS, DatasetName
from core.recipes.architecture import MAX_PARAMETERS
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.cluster_room import cluster_room
from core.runs.messages import send_command
from core.runs.run import BrokenRun, Run
from core.utils.errors import RecipeError, SettingError
from core.utils.files import file_stamp, write_atomically
from core.utils.text import epoch_count

_PREFIX: Final = "DIGITSCOPE_"


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Limits(BaseSettings):
    """What a visitor may ask of this server. Each field's `alias` is its environment variable."""

    # Without the prefix, a field's own name would be an environment variable too: `minutes`.
    model_config = SettingsConfigDict(
        frozen=True,
        populate_by_name=True,
        case_sensitive=True,
        env_ignore_empty=True,
        env_prefix=_PREFIX,
    )

    public: bool = Field(default=False, alias="DIGITSCOPE_PUBLIC")
    engine: Literal["local", "ray"] = Field(default="local", alias="DIGITSCOPE_ENGINE")
    warm_worker: bool = Field(
        default=True,
        alias="DIGITSCOPE_WARM_WORKER",
        description="whether a process waits for the next training, TensorFlow imported",
    )
    trainings: int = Field(default=1, ge=1, le=16, alias="DIGITSCOPE_TRAININGS")
    ray_cpus: int = Field(
        default=2,
        ge=1,
        le=64,
        alias="DIGITSCOPE_RAY_CPUS",
        description="cores of a training on a Ray cluster",
    )
    ray_shared_folder: bool = Field(
        default=True,
        alias="DIGITSCOPE_RAY_SHARED_FOLDER",
        description="whether a machine that sees the folder of a run trains in it",
    )
    queued: int = Field(
        default=2, ge=1, le=50, alias="DIGITSCOPE_MAX_QUEUED", description="waiting, of one visitor"
    )
    waiting: int = Field(
        default=20, ge=1, le=500, alias="DIGITSCOPE_MAX_WAITING", description="of all visitors"
    )
    epochs: int = Field(default=50, ge=1, le=50, alias="DIGITSCOPE_MAX_EPOCHS")
    parameters: int = Field(
        default=MAX_PARAMETERS, ge=1000, le=MAX_PARAMETERS, alias="DIGITSCOPE_MAX_PARAMETERS"
    )
    minutes: float = Field(
        default=0, ge=0, alias="DIGITSCOPE_MAX_MINUTES", description="of one training; 0: no limit"
    )
    pause_minutes: float = Field(default=10, gt=0, alias="DIGITSCOPE_MAX_PAUSE_MINUTES")
    datasets: Annotated[tuple[DatasetName, ...], NoDecode, BeforeValidator(_comma_separated)] = (
        Field(default=DATASETS, min_length=1, alias="DIGITSCOPE_DATASETS")
    )
    experiments: int = Field(
        default=3,
        ge=1,
        le=50,
        alias="DIGITSCOPE_MAX_EXPERIMENTS",
        description="of one visitor, going on at once",
    )
    experiment_runs: int = Field(
        default=1000,
        ge=2,
        le=1000,
        alias="DIGITSCOPE_MAX_EXPERIMENT_RUNS",
        description="trainings of one experiment",
    )
    experiment_minutes: float = Field(
        default=0,
        ge=0,
        alias="DIGITSCOPE_MAX_EXPERIMENT_MINUTES",
        description="of all trainings of one experiment; 0: no limit",
    )
    disk_mb: int = Field(
        default=2000, ge=10, alias="DIGITSCOPE_DISK_MB", description="of all visitors' runs"
    )


# The defaults of a public server, where they differ.
_PUBLIC: Final[dict[str, Any]] = {
    "epochs": 10,
    "parameters": 1_000_000,
    "minutes": 15,
    "pause_minutes": 3,
    "experiments": 1,
    "experiment_runs": 20,
    "experiment_minutes": 60,
    "disk_mb": 1000,
}


def limits() -> Limits:
    """Read this server's limits from the environment.

    Each visitor who waits asks for them every second: they are parsed again only after a variable
    has changed. On a Ray cluster, as many trainings may go on as it has room for, unless
    `DIGITSCOPE_TRAININGS` says how many.

    Raises:
        SettingError: a value is not valid; the error names its variable.
    """
    set_here = (item for item in os.environ.items() if item[0].startswith(_PREFIX))
    allowed = _parsed_limits(tuple(set_here))
    if allowed.engine == "ray" and "trainings" not in allowed.model_fields_set:
        return allowed.model_copy(update={"trainings": cluster_room()})
    return allowed


@lru_cache(maxsize=4)
def _parsed_limits(_environment: tuple[tuple[str, str], ...]) -> Limits:
    try:
        settings = Limits()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = first["loc"][0]
        raise SettingError(
            f"The setting {name} of this server cannot be used: {first['msg'].lower()}. "
            "Correct it, or unset it, and start the server again."
        ) from error
    if settings.engine == "ray" and importlib.util.find_spec("ray") is None:
        raise SettingError(
            "The setting DIGITSCOPE_ENGINE of this server is ray, but Ray is not installed here: "
            "pip install -r requirements-ray.txt, or unset it, and start the server again."
        )
    if not settings.public:
        return settings
    unset = {
        name: value for name, value in _PUBLIC.items() if name not in settings.model_fields_set
    }
    return settings.model_copy(update=unset)


def check_limits(recipe: Recipe, allowed: Limits) -> None:
    """Check a recipe against a server's limits.

    Args:
        recipe: what is to be trained.
        allowed: the limits.

    Raises:
        RecipeError: it passes one; the error is about the first.
    """
    if recipe.epochs > allowed.epochs:
        raise RecipeError(
            f"This server trains for at most {epoch_count(allowed.epochs)}, not {recipe.epochs}: "
            "choose fewer."
        )
    parameters = recipe.architecture.parameters
    if parameters > allowed.parameters:
        raise RecipeError(
            f"This server trains networks of at most {allowed.parameters:,} parameters; this one "
            f"has {parameters:,}: pool more, or use fewer filters or dense units."
        )
    if recipe.dataset not in allowed.datasets:
        raise RecipeError(
            f"This server does not train on {recipe.dataset}: choose "
            f"{' or '.join(allowed.datasets)}."
        )


def fit_to_limits(recipe: Recipe, allowed: Limits) -> Recipe:
    """Bring the epochs and the dataset of a preset's recipe within the limits."""
    dataset = recipe.dataset if recipe.dataset in allowed.datasets else allowed.datasets[0]
    return recipe.changed(epochs=min(recipe.epochs, allowed.epochs), dataset=dataset)


def describe_limits(allowed: Limits) -> str:
    """The limits as a sentence for a page, such as "This server: one training at a time, ..."."""
    at_once = "one training" if allowed.trainings == 1 else f"{allowed.trainings} trainings"
    parts = [
        f"{at_once} at a time, {allowed.queued} of yours may wait",
        f"at most {epoch_count(allowed.epochs)}",
        f"{allowed.parameters:,} parameters",
    ]
    if allowed.minutes:
        parts.append(_minutes(allowed.minutes))
    parts.append(f"a pause of at most {_minutes(allowed.pause_minutes)}")
    if set(allowed.datasets) != set(DATASETS):
        parts.append(f"on {' or '.join(allowed.datasets)} only")
    return f"This server: {', '.join(parts)}; all runs together may take {allowed.disk_mb:,} MB."


def _minutes(count: float) -> str:
    return f"{count:g} minute{'s' * (count != 1)}"


_JOB_FILE = "job.json"
MAX_TITLE = 60


class JobCard(BaseModel):
    """What `job.json` holds; an alias is the name that a field has in the file."""

    model_config = ConfigDict(frozen=True)

    owner: str = Field(default="", description="SHA-256 of its visitor's token; empty: nobody's")
    title: str = Field(default="", max_length=MAX_TITLE)
    experiment: str = Field(default="", description="the experiment that it is a training of")
    submitted: float = Field(default=0.0, description="Unix seconds; the order of the queue")
    max_seconds: float = Field(default=0.0, description="of training; 0: no limit")
    max_pause_seconds: float = 600.0
    attempts: int = Field(
        default=0, alias="starts", description="processes started since it was last submitted"
    )
    started_at: float = Field(
        default=0.0, alias="started", description="when the last of them was, Unix seconds"
    )
    process_token: int = Field(
        default=0, alias="start", description="by which its engine knows the last of them"
    )
    stop_asked: float = Field(default=0.0, description="when, Unix seconds; 0: it was not")


def new_card(owner: str, title: str, allowed: Limits, *, experiment: str = "") -> JobCard:
    """The card of a training that is put into the queue now, with a server's limits of time."""
    return JobCard(
        owner=owner,
        title=title,
        experiment=experiment,
        submitted=time.time(),
        max_seconds=60 * allowed.minutes,
        max_pause_seconds=60 * allowed.pause_minutes,
    )


def read_card(folder: Path) -> JobCard:
    """Read the card of a run folder; an empty one if there is none, or it is damaged."""
    file = folder / _JOB_FILE
    try:
        return _read_card_once(file, file_stamp(file))
    except OSError:
        return JobCard()


@lru_cache(maxsize=32_768)  # a list of runs asks for the card of each of them, several times
def _read_card_once(file: Path, _stamp: tuple[int, ...]) -> JobCard:
    """The card, read again only when its file has changed."""
    try:
        return JobCard.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return JobCard()


def write_card(folder: Path, card: JobCard) -> None:
    """Write the card of a run folder. Raises OSError if the folder is gone or the disk full."""
    text = card.model_dump_json(indent=1, by_alias=True) + "\n"
    write_atomically(folder / _JOB_FILE, lambda file: file.write(text.encode()))


def clear_stop(folder: Path) -> None:
    """Forget that a run was asked to stop, because the command line continues its training."""
    card = read_card(folder)
    if card.stop_asked:
        write_card(folder, card.model_copy(update={"stop_asked": 0.0}))
        send_command(folder, "go-on")


def owner_of(token: str) -> str:
    """The SHA-256 of a visitor's secret token: enough to recognize it, not to know it.

    Args:
        token: the secret.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> owner_of("my secret")[:8]
        'b9d1d013'
    """
    return hashlib.sha256(token.encode()).hexdigest()


def is_mine(run: Run, token: str) -> bool:
    """Whether the visitor with this token started the run."""
    return read_card(run.folder).owner == owner_of(token)


def is_shipped(run: Run | BrokenRun) -> bool:
    """Whether the run came with the product, so that nobody can change or delete it."""
    return run.folder.parent == registry.SHIPPED_FOLDER


def may_manage(run: Run | BrokenRun, token: str, allowed: Limits) -> bool:
    """Whether the visitor with this token may stop, rename and delete the run.

    Runs that were made on the command line have no owner: unless the server is public, every
    visitor may manage them.

    Args:
        run: whose card is read.
        token: the visitor's secret.
        allowed: this server's limits.
    """
    if is_shipped(run):
        return False
    return may_manage_owned(read_card(run.folder).owner, token, allowed)


def may_manage_owned(owner: str, token: str, allowed: Limits) -> bool:
    """Whether the visitor with this token may manage what has this owner (see `may_manage`)."""
    return owner == owner_of(token) if owner else not allowed.public


def shown_name(run: Run) -> str:
    """A run's title, else its id."""
    return read_card(run.folder).title or run.id
