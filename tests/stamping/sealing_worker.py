"""Workers that seal until they are killed, one after the other: python -m tests.stamping.sealing_worker

The parent loads everything and works at nothing. Each child runs the worker's own task over and over, like a pool
process of Celery's; when it is killed the next one starts at once, where Celery would think about it for ten seconds.
"""

import os
import time


def work() -> None:
    """Seal whatever is due, for ever."""
    from stamping import tasks

    while True:
        tasks.seal_due()
        time.sleep(0.01)


def main() -> None:
    import django

    django.setup()
    from stamping import authorities, second_look
    from stamping.pdf import appearance

    assert second_look.ONE_IN and authorities.sealer()
    appearance.as_pdf(serial=appearance.PLACEHOLDER_SERIAL, address=appearance.PLACEHOLDER_ADDRESS)
    parent = os.getpid()
    while True:
        child = os.fork()
        if child == 0:
            assert os.getppid() == parent
            work()
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
