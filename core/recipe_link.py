"""A recipe as a short text for a link, and back: the page's address holds all its settings.

The text is a version digit, then base64url of the compressed JSON of what differs from the
defaults. Whoever changes a default of a recipe or a layer must raise the version and translate the
old one, or links that were shared would mean something else.
"""

import base64
import binascii
import json
import zlib

from core.errors import RecipeError
from core.recipes import Recipe

VERSION = "1"
MAX_LINK = 4_000
"""Characters; about the longest recipe there can be, forty layers with odd numbers, has 1,400."""
_MAX_JSON = 20_000
_DAMAGED = (
    "The settings in the link cannot be read: it was cut off, or it is no link of this page. "
    "Copy the whole link again."
)


def to_link(recipe: Recipe) -> str:
    """The recipe as text of the characters A-Z a-z 0-9 - _; equal recipes give equal texts."""
    fields = recipe.model_dump(mode="json", exclude_defaults=True)
    # A layer's kind is a default too, but tells how to read the rest.
    fields["architecture"]["layers"] = [
        {"kind": layer.kind, **layer.model_dump(mode="json", exclude_defaults=True)}
        for layer in recipe.architecture.layers
    ]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), level=9))
    return VERSION + packed.decode().rstrip("=")


def from_link(text: str) -> Recipe:
    """The recipe that a link holds.

    Raises RecipeError with a sentence if the text is too long, damaged or of another version, or
    if what it asks for is no valid recipe.
    """
    if len(text) > MAX_LINK:
        raise RecipeError(
            f"The settings in the link cannot be read: they are longer than {MAX_LINK:,} "
            "characters, which no recipe needs."
        )
    if not text.startswith(VERSION):
        raise RecipeError(_DAMAGED)
    return Recipe.from_json(_unpacked(text.removeprefix(VERSION)))


def _unpacked(text: str) -> bytes:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        # No more than this: four thousand characters could unpack to three megabytes.
        found = unpacker.decompress(packed, _MAX_JSON)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise RecipeError(_DAMAGED) from error
    if not unpacker.eof or unpacker.unused_data:
        raise RecipeError(_DAMAGED)
    return found
