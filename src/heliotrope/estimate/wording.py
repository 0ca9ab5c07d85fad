"""How numbers are printed: whole per cents in small samples, one decimal in large ones."""

from __future__ import annotations

from heliotrope.estimate.intervals import Interval


def worded(text: str) -> str:
    """Mark words of result rows for the catalogues of other languages.

    Rows keep them in English in every language, since they are compared and shared; a page finds
    the text again, with what was filled in, and says it in the language of its reader
    (``report.say_result``). Every word of ``formatted`` and ``refused`` is marked so.

    >>> worded("only {series} series").format(series=2)
    'only 2 series'
    """
    return text


NOT_ESTIMATED = worded("not estimated")

MODEL_NOT_ASKED = worded("this run was told to leave the pulse model out")

ONE_DECIMAL_FROM = 200

VERY_LARGE = 1e6

P_SMALL = 0.001


def number(value: float) -> str:
    """Print a number with about three figures.

    >>> number(1234.5), number(12.34), number(3.0), number(0.1234)
    ('1,234', '12.3', '3', '0.123')
    """
    return numbers(value)[0]


def numbers(*values: float) -> list[str]:
    """Print numbers that stand together with the same decimals: those the largest asks for.

    >>> numbers(10.42, 4.84, 13.8)
    ['10.4', '4.8', '13.8']
    >>> numbers(6, 5, 12)
    ['6', '5', '12']
    """
    if all(value == round(value) for value in values):
        return [f"{value:,.0f}" for value in values]
    largest = max(abs(value) for value in values)
    digits = sum(largest < limit for limit in (100, 10, 1))
    return [f"{value:,.{digits}f}" for value in values]


def percent(share: float, total: int) -> str:
    """Print a share in per cent; what is not quite none or all is not printed as 0 or 100.

    >>> percent(4 / 7, 7), percent(0.0036, 7), percent(0.9964, 7), percent(92 / 1056, 1056)
    ('57', '0.4', '>99', '8.7')
    """
    points = 100 * share
    if total >= ONE_DECIMAL_FROM:
        return f"{points:.1f}"
    if 0 < points < 1:
        return f"{max(points, 0.1):.1f}"
    if 99 < points < 100:
        return ">99"
    return f"{points:.0f}"


def proportion(count: int, total: int, interval: Interval) -> str:
    """Print a proportion with its interval in per cent.

    >>> proportion(4, 7, Interval(0.1840516, 0.9010117))
    '4/7 (57 %; 18-90)'
    >>> proportion(2, 3, Interval(0.0943, 0.9916))
    '2/3 (67 %; 9 to >99)'
    """
    low, high = (percent(end, total) for end in (interval.low, interval.high))
    between = " to " if high.startswith(">") else "-"
    return f"{count}/{total} ({percent(count / total, total)} %; {low}{between}{high})"


def difference_of_shares(difference: float, interval: Interval) -> str:
    """Print a difference of two shares in percentage points with its interval.

    >>> difference_of_shares(0.3497, Interval(0.1670, 0.5324))
    '35.0 points (16.7 to 53.2)'
    """
    points, low, high = (100 * part for part in (difference, interval.low, interval.high))
    return worded("{points} points ({low} to {high})").format(
        points=f"{points:.1f}", low=f"{low:.1f}", high=f"{high:.1f}"
    )


def rate(count: int, amount: float, words: str, interval: Interval) -> str:
    """Print a rate per hundred with its interval.

    >>> rate(3, 60, "infusion days", Interval(0.0103112, 0.1461212))
    '3 in 60 infusion days (5.0 per 100; 1.0-14.6)'
    """
    per_100, low, high = numbers(100 * count / amount, 100 * interval.low, 100 * interval.high)
    return worded("{count} in {amount} {units} ({per_100} per 100; {low}-{high})").format(
        count=count, amount=number(amount), units=words, per_100=per_100, low=low, high=high
    )


def none_recorded(amount: float, words: str, bound: float, level: float) -> str:
    """Say that nothing was recorded, and how much could still be there.

    >>> none_recorded(60, "infusion days", 0.04993, 0.95)
    'No reaction recorded in 60 infusion days (upper 95 % bound 4.99 per 100)'
    """
    return worded(
        "No reaction recorded in {amount} {units} (upper {level} % bound {bound} per 100)"
    ).format(
        amount=number(amount), units=words, level=number(100 * level), bound=number(100 * bound)
    )


def median(middle: float, smallest: float, largest: float) -> str:
    """Print a median with its range; whole ends are printed whole.

    >>> median(6.25, 3.1, 12), median(3.5, 0, 84), median(-42.8, -78.1, 53.6)
    ('6.2 (3.1-12.0)', '3.5 (0-84)', '-42.8 (-78.1 to 53.6)')
    """
    printed, low, high = numbers(middle, smallest, largest)
    if smallest == round(smallest) and largest == round(largest):
        low, high = numbers(smallest, largest)
    return f"{printed} ({low} to {high})" if smallest < 0 else f"{printed} ({low}-{high})"


def survival(share: float, interval: Interval | None) -> str:
    """Print a share that is still free of the event.

    >>> survival(0.5, Interval(0.2, 0.75)), survival(1.0, None)
    ('50 % (20-75)', '100 % (no event yet, so no interval)')
    """
    if interval is None:
        said = worded("{share} % (no event yet, so no interval)") if share == 1 else "{share} %"
        return said.format(share=f"{100 * share:.0f}")
    return f"{100 * share:.0f} % ({100 * interval.low:.0f}-{100 * interval.high:.0f})"


def kappa(value: float, interval: Interval | None, why_none: str | None = None) -> str:
    """Print agreement beyond chance, with its interval or why there is none.

    >>> kappa(0.4286, Interval(0.2797, 0.5774)), kappa(-0.04, Interval(-0.2, 0.11))
    ('0.43 (0.28-0.58)', '-0.04 (-0.20 to 0.11)')
    >>> kappa(1.0, None, "full agreement")
    '1.00 (no interval: full agreement)'
    """
    if interval is None:
        return worded("{value} (no interval: {why})").format(value=f"{value:.2f}", why=why_none)
    between = " to " if interval.low < 0 else "-"
    return f"{value:.2f} ({interval.low:.2f}{between}{interval.high:.2f})"


def estimate(value: float, interval: Interval) -> str:
    """Print an estimate with its interval.

    >>> estimate(-0.84, Interval(-1.31, -0.37)), estimate(1.52, Interval(0.9, 2.57))
    ('-0.84 (-1.31 to -0.37)', '1.52 (0.90-2.57)')
    """
    largest = max(abs(value), abs(interval.low), abs(interval.high))
    printed, low, high = numbers(value, interval.low, interval.high)
    between = " to " if interval.low < 0 else "-"
    if largest >= VERY_LARGE:
        return worded("{value} (very wide)").format(value=printed)
    return f"{printed} ({low}{between}{high})"


def p_value(value: float) -> str:
    """Print a p-value.

    >>> p_value(0.0312), p_value(0.00004), p_value(1.0), p_value(0.2)
    ('p = 0.031', 'p < 0.001', 'p = 1.000', 'p = 0.200')
    """
    return "p < 0.001" if value < P_SMALL else f"p = {value:.3f}"


def share_range(least: float, most: float) -> str:
    """Print a share of which only a range is known.

    >>> share_range(0.43, 0.71), share_range(0.5, 0.5)
    ('43 to 71 %', '50 %')
    """
    low, high = f"{100 * least:.0f}", f"{100 * most:.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def share(value: float, interval: Interval | None) -> str:
    """Print a share of a curve, with its interval where it has one.

    >>> share(0.404, Interval(0.377, 0.431)), share(0.0, None)
    ('40 % (38-43)', '0 %')
    """
    if interval is None:
        return f"{100 * value:.0f} %"
    return f"{100 * value:.0f} % ({100 * interval.low:.0f}-{100 * interval.high:.0f})"


def clustered(count: int, total: int, value: float, interval: Interval) -> str:
    """Print a share of infusions whose interval counts children.

    >>> clustered(5, 30, 0.16, Interval(0.028, 0.484))
    '5/30; average child 16 % (3-48, children counted)'
    """
    mean, low, high = (percent(share, total) for share in (value, interval.low, interval.high))
    between = " to " if high.startswith(">") else "-"
    said = worded("{share}; average child {mean} % ({interval}, children counted)")
    return said.format(share=f"{count}/{total}", mean=mean, interval=f"{low}{between}{high}")
