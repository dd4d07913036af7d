"""The errors that a user may meet. The text of each says what is wrong and what to do."""

from pathlib import Path
from typing import Self


class DigitscopeError(Exception):
    """Base of every expected error; `str(error)` can be shown to a visitor as it is."""

    def at(self, path: Path) -> Self:
        """Note the file or folder concerned, which only the command line shows."""
        self.add_note(str(path))
        return self


class PictureError(DigitscopeError):
    """A picture that cannot be opened, or in which no digit can be found."""


class DatasetError(DigitscopeError):
    """Digits that cannot be loaded, downloaded or trusted."""


class RecipeError(DigitscopeError):
    """A recipe or architecture that cannot be built or trained."""


class RunError(DigitscopeError):
    """A run folder that is missing, half-written, corrupt or of another version."""


class SettingError(DigitscopeError):
    """A setting of the server that cannot be used."""


class JobError(DigitscopeError):
    """A training that cannot be started, changed or stopped as requested."""


class ExperimentError(DigitscopeError):
    """An experiment that cannot be read, changed or gone on with as requested."""


class LessonError(DigitscopeError):
    """A lesson that cannot be read, or something in it that cannot be measured."""


class ClusterError(DigitscopeError):
    """A cluster that cannot be reached, or on which nothing can be trained."""
