"""Where gateways knock."""

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django_ratelimit.decorators import ratelimit

from . import hearing, ringing, tasks
from .payments.gateway import Forged, Malformed

log = logging.getLogger(__name__)
MOST_BYTES = 100_000


# Far above what a gateway sends in a rush; only a flood of forgeries meets it, and a true notification comes again.
RATE = "36000/m"


@csrf_exempt
@require_POST
@ratelimit(key="ip", rate=RATE, method="POST", block=True)
def notify(request: HttpRequest, gateway: str) -> HttpResponse:
    """204 stored (or known already), 400 malformed, 401 forged or stale, 404 no such gateway, 413 too large."""
    if gateway not in settings.GATEWAY_SETTINGS:
        return HttpResponse(status=404)
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        return HttpResponse(status=413)
    try:
        new = hearing.hear(gateway=gateway, headers=request.headers, body=request.body, at=timezone.now())
    except Forged:
        log.warning("A notification in the name of gateway %s was refused: forged or stale", gateway)
        return HttpResponse(status=401)
    except Malformed:
        log.warning("A notification of gateway %s was refused: malformed", gateway)
        return HttpResponse(status=400)
    if new:
        ringing.ring(tasks.process_notifications)
    return HttpResponse(status=204)
