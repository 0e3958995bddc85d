"""The price: duty and service fee a stamp, and the payment's own fee. All of it is shown before anything is typed."""

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True)
class Price:
    """Whole rupiah."""

    quantity: int
    duty: int
    service_fee: int
    payment_fee: int

    @property
    def duties(self) -> int:
        """The duty of all stamps."""
        return self.quantity * self.duty

    @property
    def service_fees(self) -> int:
        """The service fee of all stamps."""
        return self.quantity * self.service_fee

    @property
    def total(self) -> int:
        """What the buyer pays."""
        return self.duties + self.service_fees + self.payment_fee


def price(*, quantity: int, payment_fee: int = 0) -> Price:
    """The price of `quantity` stamps today."""
    return Price(quantity, settings.DUTY, settings.SERVICE_FEE, payment_fee)
