"""Every public door that writes has a limit: found by walking the addresses, so that a new door cannot be forgotten."""

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

WRITES = ("post", "put", "patch", "delete")
# Behind a log-in: Django's admin.
NOT_PUBLIC = ("admin/", "en/admin/")


def doors(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every address with its view."""
    for entry in resolver.url_patterns:
        address = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from doors(entry, address)
        elif isinstance(entry, URLPattern):
            yield address, entry.callback


def is_limited(door: Callable[..., Any]) -> bool:
    """Whether one of the decorators round it is django-ratelimit's."""
    seen: Any = door
    while seen is not None:
        # A method's decorators are kept beside it by Django's method_decorator.
        if any(_is_ours(one) for one in (seen, *_cells(seen).get("decorators", ()))):
            return True
        seen = getattr(seen, "__wrapped__", None)
    return False


def _is_ours(function: Any) -> bool:
    return "django_ratelimit" in getattr(getattr(function, "__code__", None), "co_filename", "")


def _cells(function: Any) -> dict[str, Any]:
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    return {name: cell.cell_contents for name, cell in zip(names, function.__closure__ or (), strict=True)}


def refuses_writing(door: Callable[..., Any]) -> bool:
    """Whether the view answers 405 to a POST (require_GET, or a class without a method that writes)."""
    view_class = getattr(door, "cls", None) or getattr(door, "view_class", None)
    if view_class is not None:
        return not any(hasattr(view_class, method) for method in WRITES)
    return "POST" not in _cells(door).get("request_method_list", ["POST"])


def test_every_public_door_that_writes_is_limited() -> None:
    forgotten, looked_at = [], 0
    for address, door in doors(get_resolver()):
        if address.startswith(NOT_PUBLIC) or address.startswith(("healthz", "readyz", "favicon", "api/v1/schema")):
            continue
        looked_at += 1
        view_class = getattr(door, "cls", None)
        if view_class is not None:
            methods = [getattr(view_class, name) for name in WRITES if hasattr(view_class, name)]
            forgotten += [address for method in methods if not is_limited(method)]
        elif not refuses_writing(door) and not is_limited(door):
            forgotten.append(address)
    assert looked_at > 30
    assert forgotten == []
