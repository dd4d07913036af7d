"""What a server allows a training to take: settings in the environment, with safe defaults.

`DIGITSCOPE_PUBLIC=1` is for a server that strangers use: its defaults are tighter. Each limit can
be set by itself, in either case.
"""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.architectures import MAX_PARAMETERS
from core.datasets import DATASETS, DatasetName
from core.errors import RecipeError, SettingError
from core.recipes import Recipe


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
        env_prefix="DIGITSCOPE_",
    )

    public: bool = Field(default=False, alias="DIGITSCOPE_PUBLIC")
    trainings: int = Field(default=1, ge=1, le=16, alias="DIGITSCOPE_TRAININGS")
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
    disk_mb: int = Field(
        default=2000, ge=10, alias="DIGITSCOPE_DISK_MB", description="of all visitors' runs"
    )


# The defaults of a public server, where they differ.
_PUBLIC: Final[dict[str, Any]] = {
    "epochs": 10,
    "parameters": 1_000_000,
    "minutes": 15,
    "pause_minutes": 3,
    "disk_mb": 1000,
}


def limits() -> Limits:
    """This server's limits. Raises SettingError naming the variable whose value is no good."""
    try:
        found = Limits()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = first["loc"][0]
        raise SettingError(
            f"The setting {name} of this server cannot be used: {first['msg'].lower()}. "
            "Correct it, or unset it, and start the server again."
        ) from error
    if not found.public:
        return found
    unset = {name: tight for name, tight in _PUBLIC.items() if name not in found.model_fields_set}
    return found.model_copy(update=unset)


def check(recipe: Recipe, allowed: Limits) -> None:
    """Raise RecipeError with a sentence about the first limit that a recipe passes."""
    if recipe.epochs > allowed.epochs:
        raise RecipeError(
            f"This server trains for at most {_epochs(allowed.epochs)}, not {recipe.epochs}: "
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


def fitted(recipe: Recipe, allowed: Limits) -> Recipe:
    """The recipe with epochs and dataset brought within the limits, for a preset to start from."""
    dataset = recipe.dataset if recipe.dataset in allowed.datasets else allowed.datasets[0]
    return recipe.changed(epochs=min(recipe.epochs, allowed.epochs), dataset=dataset)


def in_words(allowed: Limits) -> str:
    """The limits as a sentence for the page."""
    at_once = "one training" if allowed.trainings == 1 else f"{allowed.trainings} trainings"
    parts = [
        f"{at_once} at a time, {allowed.queued} of yours may wait",
        f"at most {_epochs(allowed.epochs)}",
        f"{allowed.parameters:,} parameters",
    ]
    if allowed.minutes:
        parts.append(_minutes(allowed.minutes))
    parts.append(f"a pause of at most {_minutes(allowed.pause_minutes)}")
    if set(allowed.datasets) != set(DATASETS):
        parts.append(f"on {' or '.join(allowed.datasets)} only")
    return f"This server: {', '.join(parts)}; all runs together may take {allowed.disk_mb:,} MB."


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count != 1)}"


def _minutes(count: float) -> str:
    return f"{count:g} minute{'s' * (count != 1)}"
