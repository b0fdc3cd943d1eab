"""US dollars: how exact they are, and how a person reads them."""

_DIGITS = 10
_MOST = 1e9


def exact(dollars: float | None) -> float | None:
    """An amount to a hundredth of a millionth of a cent, at most a milliard; None where it is none: below 0, or no number.

    The prices of single tokens have no more digits than that. So sums of what requests cost have no noise of binary
    fractions (``0.1 + 0.2``), up to some hundred thousand dollars.
    """
    if dollars is None or not dollars >= 0:  # also what is no number, which compares to nothing
        return None
    return round(float(min(dollars, _MOST)), _DIGITS)  # a whole number may be too large for a float


def money(dollars: float) -> str:
    """A price: cents where there are some, else as many digits as say something; ``free`` is a price, and not a small one."""
    if dollars == 0:
        return "free"
    if dollars < 0.0001:  # noqa: PLR2004 - what four digits cannot show
        return "<$0.0001"
    return f"${dollars:,.2f}" if dollars >= 0.1 else f"${dollars:.4f}"  # noqa: PLR2004 - from here on cents are enough
