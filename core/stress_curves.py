"""How many digits a run misreads under more and more stress, measured once and kept as a file."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core import afterwards
from core.chores import Report
from core.digit_stats import split_of
from core.errors import RunError
from core.runs import Run
from core.stress import DATASET, KINDS, KindName, Stress, apply, only

FILE: Final = "stress.json"
FORMAT: Final = 1


class Curve(BaseModel):
    """Of one kind of stress: its values, rising, and how many digits were read wrongly at each."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    values: tuple[float, ...] = Field(min_length=1)
    wrong: tuple[int, ...]

    @model_validator(mode="after")
    def _fits(self) -> "Curve":
        if len(self.values) != len(self.wrong):
            raise ValueError("not a count for each value")
        if any(a >= b for a, b in pairwise(self.values)):
            raise ValueError("values that do not rise")
        return self


class Curves(BaseModel):
    """What `stress.json` holds of a network, by its SHA-256: a curve a kind, of `n` digits."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = FORMAT
    model_sha256: str
    dataset: Literal["mnist-sample"] = DATASET
    n: int = Field(ge=1)
    kinds: dict[KindName, Curve]

    @model_validator(mode="after")
    def _fits(self) -> "Curves":
        if any(not 0 <= wrong <= self.n for one in self.kinds.values() for wrong in one.wrong):
            raise ValueError("counts that are not from 0 to n")
        return self


def curves(run: Run) -> Curves | None:
    """The curves that are kept of this very network, or None: then they have to be measured."""
    try:
        found = Curves.model_validate_json((run.folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    whole = set(found.kinds) == {kind.name for kind in KINDS}
    return found if whole and found.model_sha256 == run.info.model_sha256 else None


def measure(run: Run, report: Report) -> Curves:
    """Let the finished network read the sample's test digits under each stress: 91 times or so.

    Imports TensorFlow when it is called. `report` is called after each time, and stops it when it
    raises. Raises RunError if the network cannot be opened.
    """
    from core.inference import Predictor, open_model

    digits = split_of(DATASET, "test")
    report(0, 0)
    network = Predictor(open_model(run), run.info.recipe.scaling)
    asked = list(dict.fromkeys(_stresses()))
    wrong: dict[Stress, int] = {}
    for done, stress in enumerate(asked):
        report(done, len(asked))
        answers = network.probabilities(apply(digits.images, stress)).argmax(axis=1)
        wrong[stress] = int((answers != digits.labels).sum())
    return Curves(
        model_sha256=run.info.model_sha256,
        n=len(digits),
        kinds={
            kind.name: Curve(
                values=kind.values, wrong=tuple(wrong[only(kind.name, v)] for v in kind.values)
            )
            for kind in KINDS
        },
    )


def write(run: Run, found: Curves) -> None:
    """Keep the curves in the run's folder. Raises RunError if that cannot be done."""
    if found.model_sha256 != run.info.model_sha256:
        raise RunError(f"These curves are not of the network of the run {run.id!r}.")
    content = (found.model_dump_json(indent=1) + "\n").encode()
    afterwards.keep(run, FILE, lambda file: file.write(content))


def measure_and_keep(run: Run, report: Report) -> None:
    """Both, as a chore of the server."""
    write(run, measure(run, report))


def _stresses() -> Iterator[Stress]:
    """Every stress of every curve; that nothing is changed is in all of them."""
    return (only(kind.name, value) for kind in KINDS for value in kind.values)
