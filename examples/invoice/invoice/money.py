"""Amounts of money are decimals; this is where they become whole cents."""

from __future__ import annotations

from decimal import Decimal

CENT = Decimal("0.01")


def to_cents(amount: Decimal) -> Decimal:
    """Round to whole cents, half a cent away from zero, as the tax office wants it."""
    return amount.quantize(CENT)


def format_amount(amount: Decimal, currency: str = "EUR") -> str:
    """Write an amount with thousands separated, as ``1,234.50 EUR``."""
    return f"{to_cents(amount):,} {currency}"
