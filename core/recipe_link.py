"""A recipe as a short text for a link, and back; and back from a file that was taken away.

The page's address holds all its settings. The link's text is a version digit, then base64url of the
compressed JSON of what differs from the defaults. Whoever changes a default of a recipe or a layer
must raise the version and translate the old one, or links that were shared would mean something
else.
"""

import base64
import binascii
import json
import zlib

from pydantic_core import from_json

from core.errors import RecipeError
from core.recipes import Recipe

VERSION = "1"
MAX_LINK = 4_000
"""Characters; about the longest recipe there can be, forty layers with odd numbers, has 1,400."""
_MAX_JSON = 20_000
MAX_FILE = 50_000
"""Bytes; the longest recipe as it is taken away has some 8,000."""
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


def from_file(content: bytes) -> Recipe:
    """The recipe that a file holds, in the JSON that `Recipe.to_json` writes.

    Raises RecipeError with a sentence if the file is too large, is no text or no JSON, or holds
    anything but a valid recipe.
    """
    if len(content) > MAX_FILE:
        raise RecipeError(
            f"This file is no recipe: it has {len(content):,} bytes, and none needs more than "
            f"{MAX_FILE:,}."
        )
    text = _text(content)
    try:
        found = from_json(text)
    except ValueError as error:
        raise RecipeError(
            "This file cannot be read as a recipe: it is no JSON, or was cut off. Take it away "
            "once more."
        ) from error
    if not isinstance(found, dict) or "architecture" not in found:
        raise RecipeError(
            "This file is no recipe: it describes no network. Take the file recipe.json, of a "
            "downloaded run or from “Take it away as code”."
        )
    return Recipe.from_json(text)


def _text(content: bytes) -> str:
    if not content.strip():
        raise RecipeError("This file is no recipe: it is empty. Take it away once more.")
    try:
        # Some editors begin a file with a mark that JSON does not have.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(
            "This file cannot be read as a recipe: it is no text in UTF-8. Save it as UTF-8, or "
            "take it away once more."
        ) from error


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
