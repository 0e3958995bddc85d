"""What people do to a checkout: press twice, go back, lose the line, pay late; in a real browser, with a worker.

Each journey is walked twice on one site: in a window as narrow as a cheap phone's, and in one of a desk.
"""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from django.db.models import QuerySet
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from orders.models import Order, Payment
from tests.journeys.conftest import DATA
from tests.journeys.line import Line
from tests.journeys.looking import look, stays_inside
from tests.running_site import Site, wait_until

CONTACT = "siti@contoh.example"
PRESS = "Pesan dan lanjut membayar"


@dataclass
class Shopper:
    """A person with one tab, on a line to the site that may break."""

    site: Site
    line: Line
    context: BrowserContext
    page: Page
    newest: int
    """The newest order of anybody before this person came."""

    @property
    def orders(self) -> "QuerySet[Order]":
        """What this person ordered."""
        return Order.objects.filter(pk__gt=self.newest)

    def fill(self, *, quantity: int = 1, page: Page | None = None) -> None:
        """The order form, filled in and not sent."""
        tab = page or self.page
        tab.goto(self.line.url + "/beli/")
        tab.fill("[name=quantity]", str(quantity))
        tab.fill("[name=contact]", CONTACT)

    def press(self, page: Page | None = None) -> None:
        """Send it."""
        (page or self.page).get_by_role("button", name=PRESS).click()

    def place(self, *, quantity: int = 1) -> Order:
        """An order whose page says how to pay."""
        self.fill(quantity=quantity)
        self.press()
        self.page.get_by_role("link", name="Buka halaman pembayaran").wait_for()
        return self.orders.get()

    def arrive(self) -> None:
        """The order's page is there."""
        self.page.wait_for_url("**/pesanan/**")


def at_both_widths(journey: Callable[..., None]) -> Callable[..., None]:
    """Walk the journey twice; nothing may go wrong unseen in the page's own script."""
    return _walked(journey, script=True)


def without_script(journey: Callable[..., None]) -> Callable[..., None]:
    """Walk the journey twice in a browser that runs no script."""
    return _walked(journey, script=False)


def _walked(journey: Callable[..., None], *, script: bool) -> Callable[..., None]:
    def walk(site: Site, browser: Browser, tmp_path: Path) -> None:
        line = Line(urlsplit(site.url).port or 80)
        for width in (360, 1280):
            context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=script)
            context.set_default_timeout(20_000)
            page = context.new_page()
            troubles: list[str] = []
            page.on("pageerror", lambda error, troubles=troubles: troubles.append(str(error)))
            newest = Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            journey(Shopper(site, line, context, page, newest))
            context.close()
            assert troubles == []
        line.close()

    walk.__name__, walk.__doc__ = journey.__name__, journey.__doc__
    return walk


def pay(order: Order, site: Site) -> None:
    """The money comes at the gateway, without the buyer's browser."""
    payment = Payment.objects.get(order=order)
    answer = requests.post(
        f"{site.gateway_url}/v1/control/{payment.gateway_reference}",
        json={"action": "pay"},
        headers={"Authorization": f"Bearer {site.environment['SANDBOX_SERVER_KEY']}"},
        timeout=5,
    )
    assert answer.ok, answer.text


def letters(site: Site, to: str) -> list[str]:
    """The letters that left for an address, oldest first."""
    folder = site.folder / "mail"
    texts = [path.read_text() for path in sorted(folder.glob("*"))] if folder.exists() else []
    return [text for whole in texts for text in whole.split("-" * 79) if f"To: {to}" in text]


# --- never a second order, never a lost form


@at_both_widths
def test_pressing_twice_and_two_tabs_with_one_form_make_one_order(shopper: Shopper) -> None:
    shopper.fill()
    look(shopper.page)
    token = shopper.page.input_value("[name=token]")
    other = shopper.context.new_page()
    shopper.fill(page=other)
    other.evaluate("token => { document.querySelector('[name=token]').value = token }", token)  # a tab duplicated
    shopper.page.get_by_role("button", name=PRESS).dblclick()
    shopper.arrive()
    look(shopper.page)
    shopper.press(other)
    other.wait_for_url("**/pesanan/**")
    assert shopper.page.url == other.url and shopper.orders.count() == 1


@at_both_widths
def test_back_finds_the_form_as_it_was_and_the_same_order_and_asks_before_another(shopper: Shopper) -> None:
    page = shopper.page
    shopper.fill(quantity=2)
    shopper.press()
    shopper.arrive()
    order = page.url
    page.go_back()
    page.wait_for_url("**/beli/")
    expect(page.locator("[name=contact]")).to_have_value(CONTACT)
    expect(page.locator("[name=quantity]")).to_have_value("2")
    shopper.press()
    shopper.arrive()
    assert page.url == order and shopper.orders.count() == 1
    page.go_back()
    page.wait_for_url("**/beli/")
    page.fill("[name=quantity]", "3")
    shopper.press()
    page.get_by_text("Formulir ini sudah pernah dikirim dengan isi lain").first.wait_for()
    look(page)
    expect(page.locator("[name=contact]")).to_have_value(CONTACT)
    assert shopper.orders.count() == 1
    shopper.press()
    shopper.arrive()
    assert shopper.orders.count() == 2


@at_both_widths
def test_a_line_that_breaks_after_the_server_got_the_order_is_mended_without_a_second_one(shopper: Shopper) -> None:
    shopper.fill()
    shopper.line.broken = True
    shopper.press()
    shopper.page.get_by_text("Sambungan terputus. Isian Anda masih ada").wait_for()
    look(shopper.page)
    wait_until(lambda: shopper.orders.count() == 1)
    expect(shopper.page.locator("[name=contact]")).to_have_value(CONTACT)
    shopper.line.broken = False
    shopper.arrive()
    assert shopper.page.url.endswith(shopper.orders.get().get_absolute_url())


@at_both_widths
def test_a_reload_while_the_answer_is_owed_still_makes_one_order_and_keeps_no_contact(shopper: Shopper) -> None:
    page = shopper.page
    shopper.fill(quantity=4)
    shopper.line.broken = True
    shopper.press()
    page.get_by_text("Sambungan terputus").wait_for()
    kept = page.evaluate("JSON.stringify(sessionStorage) + JSON.stringify(localStorage)")
    assert "token" in kept and CONTACT.partition("@")[0] not in kept
    shopper.line.broken = False
    page.goto(shopper.line.url + "/beli/")
    page.get_by_text("Pesanan yang Anda kirim tadi belum terjawab").wait_for()
    look(page)
    expect(page.locator("[name=quantity]")).to_have_value("4")
    page.fill("[name=contact]", CONTACT)
    shopper.press()
    shopper.arrive()
    assert page.url.endswith(shopper.orders.get().get_absolute_url())
    page.goto(shopper.line.url + "/beli/")
    expect(page.locator("[data-owed]")).to_be_hidden()


@at_both_widths
def test_an_order_pressed_without_a_line_is_sent_when_the_line_is_back(shopper: Shopper) -> None:
    shopper.fill()
    shopper.context.set_offline(True)
    shopper.press()
    shopper.page.get_by_text("Sambungan terputus").wait_for()
    assert not shopper.orders.exists()
    shopper.context.set_offline(False)
    shopper.arrive()
    assert shopper.orders.count() == 1


# --- waiting for the money


@at_both_widths
def test_the_page_follows_again_when_the_line_comes_back_and_the_money_came_meanwhile(shopper: Shopper) -> None:
    page = shopper.page
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status) if answer.url.endswith("/kabar/") else None)
    order = shopper.place()
    with page.expect_response(lambda answer: answer.url.endswith("/kabar/") and answer.status == 304):
        pass  # nothing new: an empty answer
    shopper.context.set_offline(True)
    pay(order, shopper.site)
    page.get_by_text("Sambungan terputus").wait_for()
    wait_until(lambda: Order.objects.filter(pk=order.pk, state="paid").exists())
    shopper.context.set_offline(False)
    page.get_by_text("Lunas").wait_for()
    expect(page.get_by_text("Sambungan terputus")).to_be_hidden()
    look(page)
    followed = len(answers)
    page.wait_for_timeout(3000)
    assert len(answers) == followed, "nothing moves any more, and the page still asks"


@at_both_widths
def test_money_that_comes_late_revives_the_order_on_its_page(shopper: Shopper) -> None:
    page = shopper.page
    order = shopper.place()
    Order.objects.filter(pk=order.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    page.get_by_role("heading", name="Batas waktu bayar sudah lewat").wait_for()
    look(page)
    pay(order, shopper.site)
    wait_until(lambda: Order.objects.filter(pk=order.pk, state="paid").exists())
    page.get_by_role("button", name="Saya sudah bayar").or_(page.get_by_text("Lunas")).first.click()
    page.get_by_text("Lunas").wait_for()
    look(page)


# --- the order's other pages


@at_both_widths
def test_the_address_is_changed_from_the_letter_on_another_device(shopper: Shopper) -> None:
    page, site = shopper.page, shopper.site
    order = shopper.place()
    page.get_by_role("link", name="Ganti alamat surel").click()
    look(page)
    page.fill("[name=email]", "siti")
    page.get_by_role("button", name="Kirim surat persetujuan").click()
    page.locator(".errors").wait_for()
    look(page)
    new = f"baru{order.pk}@contoh.example"
    page.fill("[name=email]", new)
    page.get_by_role("button", name="Kirim surat persetujuan").click()
    page.get_by_text(f"Surat dikirim ke {new}").wait_for()
    look(page)
    wait_until(lambda: letters(site, new))
    link = re.search(r"http\S+/surel/\S+", letters(site, new)[0])
    assert link and shopper.context.browser
    device = shopper.context.browser.new_context(viewport=page.viewport_size)
    other = device.new_page()
    other.goto(link[0])
    look(other)
    assert Order.objects.get(pk=order.pk).email == CONTACT
    other.get_by_role("button", name="Ya, pakai alamat ini").click()
    other.get_by_text("Alamat surel sudah diganti").wait_for()
    assert Order.objects.get(pk=order.pk).email == new
    other.goto(link[0])
    other.get_by_role("heading", name="Alamat surel tidak diganti").wait_for()
    look(other)
    device.close()
    wait_until(lambda: any(f"{order.code}: alamat surel" in text for text in letters(site, CONTACT)))
    page.reload()  # the link of before holds
    page.get_by_text("b***@contoh.example").wait_for()


@at_both_widths
def test_the_same_again_and_everything_in_one_file(shopper: Shopper) -> None:
    page = shopper.page
    order = shopper.place(quantity=2)
    address = page.url
    pay(order, shopper.site)
    page.get_by_text("Lunas").wait_for()
    page.set_input_files("input[type=file]", DATA / "letter.pdf")
    page.get_by_role("button", name="Unggah dan pilih tempat").click()
    page.get_by_role("button", name="Pakai tempat ini").click()
    page.check("[name=final]")
    page.get_by_role("button", name="Bubuhkan meterai").click()
    page.locator("a[href$='/unduh/']").wait_for()
    page.goto(address)
    page.locator("#daftar-meterai summary").click()
    look(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Unduh semuanya (ZIP)").click()
    bundle = zipfile.ZipFile(download.value.path())
    assert bundle.testzip() is None
    assert bundle.namelist() == [f"kuitansi-{order.code}.pdf", "letter-bermeterai.pdf", "DAFTAR.txt"]
    page.get_by_role("link", name="Pesan lagi").click()
    page.wait_for_url("**/beli/?jumlah=2")
    expect(page.locator("[name=quantity]")).to_have_value("2")
    expect(page.locator("[name=contact]")).to_have_value("")
    page.fill("[name=contact]", CONTACT)
    shopper.press()
    shopper.arrive()
    assert shopper.orders.count() == 2


# --- without script


@without_script
def test_without_script_a_person_buys_stamps_and_downloads(shopper: Shopper) -> None:
    page = shopper.page
    shopper.fill()
    stays_inside(page)
    shopper.press()
    shopper.arrive()
    address = page.url
    page.get_by_role("link", name="Buka halaman pembayaran").wait_for()  # the page comes again by itself
    stays_inside(page)
    page.get_by_role("link", name="Ikuti perubahan di halaman ini").click()
    pay(shopper.orders.get(), shopper.site)
    page.get_by_text("Lunas").wait_for()  # and again
    page.goto(address)
    page.set_input_files("input[type=file]", DATA / "letter.pdf")
    page.get_by_role("button", name="Unggah dan pilih tempat").click()
    page.get_by_role("button", name="Kanan atas").click()
    page.get_by_role("button", name="Pakai tempat ini").click()
    page.check("[name=final]")
    page.get_by_role("button", name="Bubuhkan meterai").click()
    page.goto(address + "?ikuti=1")
    page.get_by_text("Siap diunduh").wait_for()
    stays_inside(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Unduh letter.pdf").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")


@without_script
def test_without_script_a_broken_line_and_back_keep_the_form_and_make_one_order(shopper: Shopper) -> None:
    page = shopper.page
    shopper.fill(quantity=2)
    shopper.line.broken = True
    with pytest.raises(Error):  # the browser's own page for a broken line
        shopper.press()
        page.wait_for_url("**/pesanan/**", timeout=5000)
    assert shopper.orders.count() == 1
    shopper.line.broken = False
    page.go_back()
    expect(page.locator("[name=contact]")).to_have_value(CONTACT)
    expect(page.locator("[name=quantity]")).to_have_value("2")
    shopper.press()
    shopper.arrive()
    assert page.url.endswith(shopper.orders.get().get_absolute_url())
