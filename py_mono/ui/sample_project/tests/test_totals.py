from invoice.totals import Line, discount, subtotal, total

PENS = Line("pen", 10, 1_50)
DESK = Line("desk", 1, 100_00)


def test_subtotal_counts_quantities():
    assert subtotal([PENS, DESK]) == 115_00


def test_small_orders_get_no_discount():
    assert discount([PENS]) == 0


def test_orders_of_exactly_one_hundred_get_the_discount():
    assert discount([DESK]) == 10_00


def test_tax_is_due_on_the_discounted_amount():
    assert total([DESK], tax_percent=20) == 108_00
