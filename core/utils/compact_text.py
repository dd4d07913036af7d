"""Texts in a form that is short enough for links: compressed, then base64url without padding."""

import base64
import binascii
import zlib


def pack_text(text: str) -> str:
    """Compress a text.

    Returns:
        Text of the characters A-Z a-z 0-9 - _; equal texts give equal results.

    Example:
        >>> unpack_text(pack_text("seven"), 100)
        b'seven'
    """
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), level=9))
    return packed.decode().rstrip("=")


def unpack_text(packed: str, max_bytes: int) -> bytes:
    """Unpack what `pack_text` returned.

    Args:
        packed: the text of a link.
        max_bytes: the most that is unpacked: four thousand characters could become megabytes.

    Raises:
        ValueError: it is damaged, or longer.
    """
    try:
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(raw, max_bytes)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"not packed by pack_text: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("the packed text is too long, or cut off")
    return unpacked
