"""A company sends a ZIP, reads the report, agrees once and takes the result home; also without script."""

import json
import zipfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.journeys.looking import look
from tests.running_site import Site
from tests.stamping import zips


def paid_order(site: Site, page: Page, quantity: int) -> str:
    """The address of an order that was bought and paid in this browser."""
    page.goto(site.url + "/beli/")
    page.fill("[name=quantity]", str(quantity))
    page.fill("[name=contact]", "ani@contoh.example")
    page.locator("form:has([name=contact]) button").last.click()
    page.wait_for_url("**/pesanan/**")
    order = page.url.split("#", maxsplit=1)[0].split("?", maxsplit=1)[0]
    page.get_by_role("link", name="Buka halaman pembayaran").click()
    page.get_by_role("button", name="Bayar sekarang").click()
    page.wait_for_url("**/pesanan/**")
    return order


def archive(folder: Path) -> Path:
    path = folder / "surat.zip"
    path.write_bytes(zips.packed(zips.letters(3) | {"catatan.txt": b"bukan PDF"}))
    return path


def test_a_zip_is_checked_agreed_to_and_taken_home(site: Site, phone_or_desk: BrowserContext, tmp_path: Path) -> None:
    page = phone_or_desk.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    order = paid_order(site, page, 3)
    page.goto(order)
    page.get_by_role("link", name="Banyak dokumen sekaligus").click()
    look(page)
    page.set_input_files("[name=archive]", archive(tmp_path))
    page.get_by_role("button", name="Unggah dan periksa").click()
    page.locator("[data-say]", has_text="3 berkas siap, 1 ditolak").wait_for()
    look(page)
    page.reload()
    page.check("[name=final]")
    page.get_by_role("button", name="Bubuhkan 3 meterai").click()
    page.locator("[data-say]", has_text="3 dari 3 berkas sudah dibubuhi").wait_for()
    look(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Unduh hasilnya (ZIP)").click()
    download.value.save_as(tmp_path / "hasil.zip")
    with zipfile.ZipFile(tmp_path / "hasil.zip") as result:
        lines = [json.loads(line) for line in result.read("laporan.jsonl").splitlines()]
        assert [line["verdict"] for line in lines] == ["refused", "sealed", "sealed", "sealed"]
        assert all(result.read(line["result"]).startswith(b"%PDF") for line in lines[1:])
    assert troubles == []


def test_without_script_the_page_follows_by_itself_to_the_end(site: Site, browser: Browser, tmp_path: Path) -> None:
    scripted = browser.new_context(locale="en-US")
    order = paid_order(site, scripted.new_page(), 2)
    plain = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    page = plain.new_page()
    page.goto(order + "banyak/")
    page.set_input_files("[name=archive]", archive(tmp_path))
    page.get_by_role("button", name="Unggah dan periksa").click()
    page.get_by_text("3 berkas siap, 1 ditolak").wait_for()
    page.get_by_text("tinggal punya 2 meterai untuk 3 berkas").wait_for()
    page.check("[name=final]")
    page.get_by_role("button", name="Bubuhkan pada 2 berkas pertama saja").click()
    page.get_by_text("2 dari 2 berkas sudah dibubuhi").wait_for()
    plain.close()
    scripted.close()
