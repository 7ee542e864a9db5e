from decimal import Decimal

import pytest

from invoice.document import Invoice, Line


def test_net_is_the_sum_of_the_lines(invoice):
    assert invoice.net == Decimal("150.07")


def test_vat_is_rounded_line_by_line(invoice):
    # 17.005 for the keyboard, 2.1033 for the cables, 3.465 for the handbooks
    assert invoice.vat == Decimal("22.58")


def test_total_is_net_and_vat(invoice):
    assert invoice.total == Decimal("172.65")


def test_exempt_goods_carry_no_vat():
    document = Invoice([Line("stamp", 10, Decimal("0.95"), vat="exempt")])
    assert document.total == Decimal("9.50")


def test_summary_is_written_with_thousands():
    document = Invoice([Line("server", 1, Decimal(1000))])
    assert document.summary() == "1 items, 1,190.00 EUR"


def test_unknown_kind_is_refused():
    document = Invoice([Line("gift", 1, Decimal(1), vat="luxury")])
    with pytest.raises(ValueError, match="no VAT rate for 'luxury'"):
        _ = document.vat


def test_quantity_has_to_be_positive(invoice):
    with pytest.raises(ValueError, match="quantity of pen is 0"):
        invoice.add(Line("pen", 0, Decimal(1)))
