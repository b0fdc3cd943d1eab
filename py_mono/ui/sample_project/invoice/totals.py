"""Totals of an invoice, in cents: money is never a float."""

from dataclasses import dataclass

DISCOUNT_FROM = 100_00
DISCOUNT_PERCENT = 10


@dataclass(frozen=True)
class Line:
    """One position: what, how many, and the price of one in cents."""

    name: str
    quantity: int
    price: int


def subtotal(lines: list[Line]) -> int:
    """The sum of all lines."""
    return sum(line.quantity * line.price for line in lines)


def discount(lines: list[Line]) -> int:
    """Ten percent off orders of 100.00 and more."""
    amount = subtotal(lines)
    if amount > DISCOUNT_FROM:
        return amount * DISCOUNT_PERCENT // 100
    return 0


def total(lines: list[Line], tax_percent: int) -> int:
    """What is to be paid: tax is due on the discounted amount, rounded half up."""
    net = subtotal(lines) - discount(lines)
    return net + (net * tax_percent + 50) // 100
