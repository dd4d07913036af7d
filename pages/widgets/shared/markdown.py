"""Escaping of text for Markdown."""

import re

_CODE = re.compile(r"(`[^`]*`)")
_MARKDOWN = re.compile(r"([\\*_{}\[\]()!|~$<>:])")


def plain(text: str) -> str:
    """Escape text that may contain user input, such as a file's name, for Markdown.

    Nothing in it becomes bold, a formula, a link or a picture; only `code` stays code.
    """
    parts = _CODE.split(text)
    return "".join(
        part if _CODE.fullmatch(part) else _MARKDOWN.sub(r"\\\1", part) for part in parts
    )


def unbroken(text: str) -> str:
    """Escape text as `plain` does, with no-break spaces: "98 %"."""
    return plain(text.replace(" ", "\u00a0"))
