"""Times and sizes in words."""


def about(seconds: float) -> str:
    """A time as one says it: "5 s", "3 min", "2 h 10 min"."""
    if seconds < 100:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def megabytes(count: int) -> str:
    """A size on disk: "0.2 MB", "12 MB"."""
    return f"{count / 1e6:.1f} MB" if count < 10e6 else f"{count / 1e6:.0f} MB"
