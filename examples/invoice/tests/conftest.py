from decimal import Decimal

import pytest

from invoice.document import Invoice, Line


@pytest.fixture
def invoice():
    document = Invoice()
    document.add(Line("keyboard", 1, Decimal("89.50")))
    document.add(Line("cable", 3, Decimal("4.10"), discount=Decimal("0.1")))
    document.add(Line("handbook", 2, Decimal("24.75"), vat="reduced"))
    return document
