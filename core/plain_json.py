"""JSON that every reader understands: JSON has no number for NaN and infinity, so they are null."""

import json
import math
from typing import Any


def to_json(value: Any, *, ensure_ascii: bool = True) -> str:
    """Write dicts, lists and plain values on one line."""
    return json.dumps(_cleaned(value), allow_nan=False, ensure_ascii=ensure_ascii)


def _cleaned(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    return value
