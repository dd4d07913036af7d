"""Numbers in words: times, sizes, percentages and the names of the digits."""

from typing import Final

NAMES: Final = (
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
PLURALS: Final = (
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


def a_digit(digit: int) -> str:
    """The digit with its article: a nine, an eight."""
    return f"{'an' if digit == 8 else 'a'} {NAMES[digit]}"


def duration(seconds: float) -> str:
    """A time as one says it: "0.4 s", "12 s", "3 min", "2 h 10 min"."""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def countdown(seconds: float) -> str:
    """The same without tenths, for what counts down."""
    return duration(seconds) if seconds >= 9.95 else f"{seconds:.0f} s"


def file_size(count: int) -> str:
    """A size on disk in bytes: "41 kB", "0.2 MB", "12 MB"."""
    if count < 100_000:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 10e6 else f"{count / 1e6:.0f} MB"


def percent(fraction: float) -> str:
    """A probability in whole percent: "97 %"; "0 %" and "100 %" only for what is just that."""
    if 0 < fraction < 0.01:
        return "< 1 %"
    if 0.99 < fraction < 1:
        return "> 99 %"
    return f"{100 * fraction:.0f} %"


def small_percent(fraction: float) -> str:
    """A part that may be tiny: "12 %", "0.31 %", and "< 0.01 %" for less."""
    if 0 < fraction < 1e-4:
        return "< 0.01 %"
    decimals = 0 if fraction >= 0.1 or not fraction else 1 if fraction >= 0.01 else 2
    return f"{100 * fraction:.{decimals}f} %"


def percent_with_small(fraction: float) -> str:
    """A probability as `percent` has it, but with decimals below 1 %: "97 %", "0.31 %"."""
    return percent(fraction) if fraction >= 0.01 else small_percent(fraction)


def percent_to_tenths(fraction: float) -> str:
    """A fraction in tenths of a percent, rounded even at its ends: "98.7 %"."""
    return f"{100 * fraction:.1f} %"


def percent_of(part: int, total: int, decimals: int = 1) -> str:
    """How much of `total` > 0 a part is: "98.8 %".

    Never "0.0 %" or "100.0 %" for what is not quite that.
    """
    shown = f"{100 * part / total:.{decimals}f}"
    if part and float(shown) == 0:
        return f"< {10**-decimals:.{decimals}f} %"
    if part < total and float(shown) == 100:
        return f"> {100 - 10**-decimals:.{decimals}f} %"
    return f"{shown} %"


def p_value(probability: float) -> str:
    """A test's p-value with the two figures that count: "12 %", "0.34 %"; never "0 %"."""
    if probability < 1e-4:
        return "less than 0.01 %"
    return f"{100 * probability:.0f} %" if probability >= 0.1 else f"{100 * probability:.2g} %"
