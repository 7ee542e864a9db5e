"""The invoice itself: lines, and what they sum up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from invoice.money import format_amount, to_cents
from invoice.vat import vat_on


@dataclass(frozen=True)
class Line:
    """Some pieces of one article. ``discount`` is a share: 0.1 takes off a tenth."""

    article: str
    quantity: int
    price: Decimal
    vat: str = "standard"
    discount: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """Price of all pieces after the discount, in whole cents."""
        return to_cents(self.quantity * self.price * (1 - self.discount))


@dataclass
class Invoice:
    """Lines in the order they were added."""

    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Add a line; refuses quantities that are not positive."""
        if line.quantity < 1:
            message = f"quantity of {line.article} is {line.quantity}"
            raise ValueError(message)
        self.lines.append(line)

    @property
    def net(self) -> Decimal:
        """Sum before tax."""
        return sum((line.net for line in self.lines), Decimal(0))

    @property
    def vat(self) -> Decimal:
        """Tax, rounded line by line."""
        return sum((vat_on(line.net, line.vat) for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What the customer pays."""
        return self.net + self.vat

    def summary(self) -> str:
        """One line for the letter."""
        return f"{len(self.lines)} items, {format_amount(self.total)}"
