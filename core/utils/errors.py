"""The errors that a user may meet: each one's text says what is wrong and what to do."""

from pathlib import Path
from typing import Self


class DigitscopeError(Exception):
    """Base of every expected fault; `str(error)` can be shown to a visitor as it is."""

    def at(self, place: Path) -> Self:
        """Note where on this machine it happened: only the command line shows that."""
        self.add_note(str(place))
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
    """A training that cannot be started, changed or stopped as it was asked."""
