"""Times and sizes in words."""


def about(seconds: float) -> str:
    """A time as one says it: "0.4 s", "12 s", "3 min", "2 h 10 min"."""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def whole(seconds: float) -> str:
    """The same without tenths, for what counts down."""
    return about(seconds) if seconds >= 9.95 else f"{seconds:.0f} s"


def bytes_in_words(count: int) -> str:
    """A size on disk: "41 kB", "0.2 MB", "12 MB"."""
    if count < 100_000:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 10e6 else f"{count / 1e6:.0f} MB"
