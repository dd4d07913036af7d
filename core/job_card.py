"""What the server keeps beside a run of a visitor: whose it is, its title, how it was started.

`run.json` belongs to the training process; `job.json` belongs to the server, which writes it under
the queue's lock. A run without one was made on the command line.
"""

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import runs
from core.limits import Limits
from core.orders import give
from core.run_writer import write_whole
from core.runs import BrokenRun, Run

FILE = "job.json"
MAX_TITLE = 60


class JobCard(BaseModel):
    """What `job.json` holds; an alias is the name that a field has in the file."""

    model_config = ConfigDict(frozen=True)

    owner: str = Field(default="", description="SHA-256 of its visitor's token; empty: nobody's")
    title: str = Field(default="", max_length=MAX_TITLE)
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


def read_card(folder: Path) -> JobCard:
    """The card of a run folder; an empty one if there is none, or it is damaged."""
    try:
        return JobCard.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return JobCard()


def write_card(folder: Path, card: JobCard) -> None:
    """Keep the card. Raises OSError if the folder is gone or the disk full."""
    text = card.model_dump_json(indent=1, by_alias=True) + "\n"
    write_whole(folder / FILE, lambda file: file.write(text.encode()))


def forget_stop(folder: Path) -> None:
    """Take back that a run was asked to stop, for a training that goes on by the command line."""
    card = read_card(folder)
    if card.stop_asked:
        write_card(folder, card.model_copy(update={"stop_asked": 0.0}))
        give(folder, "go-on")


def owner_of(token: str) -> str:
    """What is kept of a visitor's secret token: enough to know it again, not to have it."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_mine(run: Run, token: str) -> bool:
    """Whether the visitor with this token started the run."""
    return read_card(run.folder).owner == owner_of(token)


def is_shipped(run: Run | BrokenRun) -> bool:
    """Whether the run came with the product: nobody can change or delete it."""
    return run.folder.parent == runs.SHIPPED_FOLDER


def may_manage(run: Run | BrokenRun, token: str, allowed: Limits) -> bool:
    """Whether the visitor with this token may stop, rename and delete the run.

    Runs that were made on the command line are nobody's: whoever sits at a machine that is not
    public may manage them.
    """
    if is_shipped(run):
        return False
    owner = read_card(run.folder).owner
    return owner == owner_of(token) if owner else not allowed.public


def shown_name(run: Run) -> str:
    """A run's title, else its id."""
    return read_card(run.folder).title or run.id
