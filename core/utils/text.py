"""Numbers as text: times, sizes, percentages and the names of the digits; shortened texts."""

from typing import Final

DIGIT_NAMES: Final = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
DIGIT_PLURALS: Final = (
    "zeros",
    "ones",
    "twos",
    "threes",
    "fours",
    "fives",
    "sixes",
    "sevens",
    "eights",
    "nines",
)


def shortened(text: str, longest: int) -> str:
    """Shorten a text to `longest` characters, of which the last is then an ellipsis.

    Example:
        >>> shortened("katariya", 8), shortened("katariya-2", 8)
        ('katariya', 'katariy…')
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def digit_with_article(digit: int) -> str:
    """Name a digit with its article: "a nine", "an eight"."""
    return f"{'an' if digit == 8 else 'a'} {DIGIT_NAMES[digit]}"


def duration(seconds: float) -> str:
    """Format a time for a sentence.

    Args:
        seconds: The time, from 0; what is shorter than 0.1 s reads "0.1 s".

    Returns:
        The time with its unit, in steps that grow with it.

    Example:
        >>> [duration(seconds) for seconds in (0.4, 12, 180, 7800)]
        ['0.4 s', '12 s', '3 min', '2 h 10 min']
    """
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def countdown(seconds: float) -> str:
    """Format a remaining time, as `duration` does but without tenths of a second."""
    return duration(seconds) if seconds >= 9.95 else f"{seconds:.0f} s"


def epoch_count(count: int) -> str:
    """Write a number of epochs.

    Args:
        count: From 0.

    Returns:
        "1 epoch", "2 epochs".
    """
    return f"{count} epoch{'s' * (count != 1)}"


def file_size(count: int) -> str:
    """Format a size on disk.

    Args:
        count: Bytes; a kB is 1,000 of them.

    Example:
        >>> [file_size(count) for count in (41_000, 200_000, 12_000_000)]
        ['41 kB', '0.2 MB', '12 MB']
    """
    if count < 100_000:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 10e6 else f"{count / 1e6:.0f} MB"


def percent(fraction: float) -> str:
    """Format a probability in whole percent.

    "0 %" and "100 %" stand only for exactly 0 and exactly 1.

    Args:
        fraction: From 0 to 1.

    Example:
        >>> [percent(fraction) for fraction in (0.0, 0.004, 0.97, 0.999)]
        ['0 %', '< 1 %', '97 %', '> 99 %']
    """
    if 0 < fraction < 0.01:
        return "< 1 %"
    if 0.99 < fraction < 1:
        return "> 99 %"
    return f"{100 * fraction:.0f} %"


def small_percent(fraction: float) -> str:
    """Format a fraction that may be tiny: "12 %", "0.31 %", and "< 0.01 %" for less."""
    if 0 < fraction < 1e-4:
        return "< 0.01 %"
    decimals = 0 if fraction >= 0.1 or not fraction else 1 if fraction >= 0.01 else 2
    return f"{100 * fraction:.{decimals}f} %"


def percent_with_small(fraction: float) -> str:
    """Format a probability as `percent` does, but with decimals below 1 %: "97 %", "0.31 %"."""
    return percent(fraction) if fraction >= 0.01 else small_percent(fraction)


def percent_to_tenths(fraction: float) -> str:
    """Format a fraction in tenths of a percent, rounded even close to 0 and 1: "98.7 %"."""
    return f"{100 * fraction:.1f} %"


def percent_of(part: int, total: int, decimals: int = 1) -> str:
    """Format a count as its percentage of a total.

    "0.0 %" and "100.0 %" stand only for none and for all.

    Args:
        part: From 0 to `total`.
        total: Above 0.
        decimals: Decimals of the percentage.

    Example:
        >>> percent_of(988, 1000), percent_of(9999, 10_000), percent_of(1, 10_000)
        ('98.8 %', '> 99.9 %', '< 0.1 %')
    """
    shown = f"{100 * part / total:.{decimals}f}"
    if part and float(shown) == 0:
        return f"< {10**-decimals:.{decimals}f} %"
    if part < total and float(shown) == 100:
        return f"> {100 - 10**-decimals:.{decimals}f} %"
    return f"{shown} %"


def p_value(probability: float) -> str:
    """Format the p-value of a statistical test, to two significant figures below 10 %.

    Example:
        >>> [p_value(probability) for probability in (0.12, 0.0034, 1e-9)]
        ['12 %', '0.34 %', 'less than 0.01 %']
    """
    if probability < 1e-4:
        return "less than 0.01 %"
    return f"{100 * probability:.0f} %" if probability >= 0.1 else f"{100 * probability:.2g} %"
