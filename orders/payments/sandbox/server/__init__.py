"""The sandbox payment company: an HTTP server of its own, in spirit another company's system.

    granian --interface wsgi orders.payments.sandbox.server:application

It knows nothing of our Django project; what it needs comes from the environment (configuration.py).
"""

from __future__ import annotations

import os
from typing import Any


def __getattr__(name: str) -> Any:
    """Builds `application` when a web server asks for it, so that importing a module here opens no file."""
    if name != "application":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orders.payments.sandbox.server.serving import build

    globals()[name] = build(os.environ)
    return globals()[name]
