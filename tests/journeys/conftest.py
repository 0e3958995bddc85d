"""A whole running site, and a browser where Chromium is installed."""

import io
import os
import secrets
import shutil
import string
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from meterai import stocking
from meterai.models import User
from stamping.authority import development
from tests.running_site import Site

DATA = Path(__file__).resolve().parent.parent / "data"
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
# Django refuses database calls from a thread with a running event loop; Playwright's synchronous API keeps one.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture
def stock(transactional_db: None) -> None:
    """Fifty serials on sale."""
    cache.clear()
    importer, activator = User.objects.create_user("gudang"), User.objects.create_user("penyelia")
    letters = string.ascii_uppercase + string.digits
    lines = "\n".join("".join(secrets.choice(letters) for _ in range(22)) for _ in range(50))
    batch = stocking.take_in(delivery=io.BytesIO(lines.encode()), reference="K-1", by=importer, at=timezone.now())
    stocking.activate(batch=batch, by=activator, at=timezone.now())


@pytest.fixture
def parts(stock: None, tmp_path: Path) -> Iterator[Site]:
    """A site of which the test starts the parts itself."""
    development.make(folder=settings.AUTHORITY_DIR, at=datetime(2026, 1, 1, tzinfo=UTC))
    site = Site.on(tmp_path)
    yield site
    site.stop()


@pytest.fixture
def site(parts: Site) -> Site:
    """A running site."""
    parts.gateway()
    parts.web()
    parts.worker()
    parts.wait()
    return parts


# Not for the whole session: Playwright keeps an event loop running meanwhile, and asyncio.run() of others would fail.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, headless. Skips, loudly, where there is none."""
    if not CHROMIUM:
        words = "NO CHROMIUM HERE: the journeys in a real browser are not tested (apt install chromium)"
        warnings.warn(words, stacklevel=1)
        pytest.skip(words)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(params=[360, 1280])
def phone_or_desk(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A window as narrow as a cheap phone's, and one of a desk."""
    width = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, locale="en-US", has_touch=width < 500)
    context.set_default_timeout(20_000)
    yield context
    context.close()
