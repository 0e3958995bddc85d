"""A shop of one process that never ends by itself: it sells, is paid, lets go and refunds, until it is killed.

python -m tests.races.shop SEED
"""

import random
import sys
from datetime import timedelta


def run(seed: int) -> None:
    """Take one random step after another on whatever the database holds."""
    from django.utils import timezone

    from meterai import states, taking
    from meterai.models import Stamp
    from orders import paying, reserving
    from orders.models import Order, Payment
    from tests import factories

    dice = random.Random(seed)

    def buy() -> None:
        factories.order(at=timezone.now(), key=f"{seed}-{dice.random()}", quantity=dice.randint(1, 3))

    def be_paid() -> None:
        payment = Payment.objects.filter(state=Payment.State.STARTED).order_by("?").first()
        if payment:
            paying.settle(payment=payment, standing=factories.standing(payment, at=timezone.now()), at=timezone.now())

    def let_go() -> None:
        late = timezone.now() + timedelta(hours=dice.choice([0, 0, 0, 1]))
        reserving.release_expired(at=late, limit=5)

    def cancel() -> None:
        order = Order.objects.filter(state=Order.State.PENDING).order_by("?").first()
        if order:
            reserving.lapse(order=order, to="cancelled", at=timezone.now(), reason="wish", actor="buyer")

    def refund() -> None:
        stamp = Stamp.objects.filter(state=Stamp.State.SOLD).order_by("?").first()
        if stamp:
            taking.refund(serials=[stamp.pk], at=timezone.now(), reference="refund", reason="wish")

    while True:
        step = dice.choices([buy, be_paid, let_go, cancel, refund], weights=[6, 4, 1, 1, 1])[0]
        try:
            step()
        except (taking.SoldOut, taking.NotHeld, states.MovedMeanwhile, states.NoSuchArrow):
            continue  # another shop was first


if __name__ == "__main__":
    import django

    django.setup()
    run(int(sys.argv[1]))
