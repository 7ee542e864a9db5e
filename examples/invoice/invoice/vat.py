"""Value added tax, by the kind of goods."""

from __future__ import annotations

from decimal import Decimal

from invoice.money import to_cents

RATES = {
    "standard": Decimal("0.19"),
    "reduced": Decimal("0.07"),
    "exempt": Decimal(0),
}


def vat_on(net: Decimal, kind: str) -> Decimal:
    """Tax on a net amount, in whole cents; ``ValueError`` for a kind that has no rate."""
    try:
        rate = RATES[kind]
    except KeyError:
        message = f"no VAT rate for {kind!r}, only for {sorted(RATES)}"
        raise ValueError(message) from None
    return to_cents(net * rate)
