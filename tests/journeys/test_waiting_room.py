"""The waiting room in a real browser: wait, enter and buy; without script; on a second device; with the server gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from orders import arranging, room_files, room_pages
from orders.models import Room, ShopPass, Strip
from tests.journeys.looking import look
from tests.running_site import Process, Site

KEY = "antre-toko"


@pytest.fixture
def web(parts: Site, settings: object, tmp_path: Path) -> Process:
    """A running site without a ticker: the test calls numbers itself."""
    public = tmp_path / "public"
    parts.environment |= {"PUBLIC_ROOT": str(public)}
    settings.PUBLIC_ROOT = public  # type: ignore[attr-defined]
    parts.gateway()
    web = parts.web()
    parts.wait()
    return web


@pytest.fixture
def room(web: Process) -> Iterator[Room]:
    made = Room.objects.create(slug="toko", name="Toko resmi", target=10, ticked_at=timezone.now())
    arranging.begin_queue(room=made, by="penyelia", reason="a journey", at=timezone.now())
    made.refresh_from_db()
    room_files.publish_directory([made], at=timezone.now())
    room_pages.publish(at=timezone.now())
    yield made
    room_files.forget()


def call(room: Room, up_to: int) -> None:
    """As the ticker does."""
    Room.objects.filter(pk=room.pk).update(serving=up_to, ticked_at=timezone.now())
    room.refresh_from_db()
    room_files.publish(room, draw=None, at=timezone.now())


def look_now(page: Page) -> None:
    """The phone wakes: it looks at once instead of when its time has come."""
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")


def test_somebody_joins_waits_is_called_enters_and_buys(room: Room, parts: Site, phone_or_desk: BrowserContext) -> None:
    page = phone_or_desk.new_page()
    page.goto(f"{parts.url}/beli/")
    expect(page).to_have_url(f"{parts.url}/antre/toko/")
    look(page)
    page.get_by_role("button", name="Ambil nomor").click()
    waiting = page.locator('[data-p="waiting"]')
    expect(waiting).to_be_visible()
    expect(page.locator('[data-f="code"]')).to_have_text(page.evaluate(f"JSON.parse(localStorage['{KEY}']).code"))
    look(page)
    page.reload()
    expect(waiting).to_be_visible()
    call(room, 1)
    look_now(page)
    expect(page.locator('[data-p="called"]')).to_be_visible()
    expect(page.locator("[data-speaker]")).to_have_text("Giliran Anda!")
    expect(page).to_have_title("▶ Giliran Anda!")
    look(page)
    page.get_by_role("button", name="Masuk").click()
    page.wait_for_url("**/beli/")
    page.locator("[name=contact]").fill("siti@contoh.example")
    page.locator("form:has([name=contact]) button:not([type=button])").last.click()
    page.wait_for_url("**/pesanan/**")
    assert ShopPass.objects.get(room=room).used_at
    assert Strip.objects.filter(room=room).count() == 1


def test_without_script_the_same_way_leads_into_the_shop(room: Room, parts: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(f"{parts.url}/antre/toko/")
    page.get_by_role("button", name="Ambil nomor").click()
    expect(page.locator('[data-p="waiting"]')).to_be_visible()
    call(room, 1)
    expect(page.locator('[data-p="called"]')).to_be_visible(timeout=15_000)  # by the page's own refresh
    page.get_by_role("button", name="Masuk").click()
    page.wait_for_url("**/beli/")
    context.close()


def test_a_second_device_takes_the_place_over_by_its_code(room: Room, parts: Site, browser: Browser) -> None:
    first, second = browser.new_context(), browser.new_context()
    page = first.new_page()
    page.goto(f"{parts.url}/antre/toko/")
    page.get_by_role("button", name="Ambil nomor").click()
    expect(page.locator('[data-p="waiting"]')).to_be_visible()
    code = page.locator('[data-f="code"]').inner_text()
    other = second.new_page()
    other.goto(f"{parts.url}/antre/toko/pulihkan/#{code}")
    expect(other.get_by_label("Kode pemulihan")).to_have_value(code)
    assert "#" not in other.url
    look(other)
    other.get_by_role("button", name="Pulihkan").click()
    expect(other.locator('[data-p="waiting"]')).to_be_visible()
    expect(other.locator('[data-f="number"]')).to_have_text("1")
    assert other.evaluate(f"JSON.parse(localStorage['{KEY}']).code") == code
    first.close()
    second.close()


def test_a_place_outlives_the_server_and_the_page_says_how_old_its_news_is(
    room: Room, web: Process, parts: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(f"{parts.url}/antre/toko/")
    page.get_by_role("button", name="Ambil nomor").click()
    expect(page.locator('[data-p="waiting"]')).to_be_visible()
    web.kill()
    for _look in range(2):
        look_now(page)
        page.wait_for_timeout(300)
    expect(page.locator("[data-old]")).to_be_visible()
    expect(page.locator('[data-p="waiting"]')).to_be_visible()
    web.start()
    parts.wait()
    call(room, 1)
    look_now(page)
    expect(page.locator('[data-p="called"]')).to_be_visible()
    expect(page.locator("[data-old]")).to_be_hidden()
    context.close()
