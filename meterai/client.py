"""Who is asking: the client's address behind our own proxies."""

from django.conf import settings
from django.http import HttpRequest


def address(request: HttpRequest) -> str:
    """The client's IP address: TRUSTED_PROXY_HOPS from the right of X-Forwarded-For, else the peer's.

    Anything further left was written by the client and proves nothing (RFC 7239 section 8.1).
    """
    hops: int = settings.TRUSTED_PROXY_HOPS
    peer = request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104  # a name for "unknown", nothing is bound
    if not hops:
        return str(peer)
    chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    return chain[-hops] if len(chain) >= hops else str(peer)
