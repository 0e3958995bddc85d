"""A person buys, pays, uploads, drags the stamp, downloads, verifies and complains, in a real browser."""

from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys.conftest import DATA
from tests.journeys.looking import look
from tests.running_site import Site


def test_from_the_front_page_to_a_valid_file_and_a_complaint(
    site: Site, phone_or_desk: BrowserContext, tmp_path: Path
) -> None:
    page = phone_or_desk.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if "Content Security Policy" in line.text else None)

    page.goto(site.url + "/")
    expect(page.locator("html")).to_have_attribute("lang", "id")
    look(page)
    page.get_by_role("link", name="Beli e-meterai").first.click()
    look(page)
    page.fill("[name=contact]", "ani@contoh.example")
    page.locator("form[action$='/beli/'], form:has([name=contact])").first.locator("button").last.click()
    page.wait_for_url("**/pesanan/**")
    order = page.url
    look(page)

    page.set_input_files("input[type=file]", DATA / "letter.pdf")
    page.get_by_role("button", name="Unggah dan pilih tempat").click()
    page.wait_for_url("**/dokumen/**")
    look(page)
    before = drag(page)
    page.get_by_role("button", name="Pakai tempat ini").click()
    page.get_by_text("Hasilnya akan seperti ini").wait_for()
    look(page)
    assert page.input_value("[name=x]") != before
    page.check("[name=final]")
    page.get_by_role("button", name="Setuju, bubuhkan setelah dibayar").click()
    page.get_by_text("Menunggu pembayaran").wait_for()

    page.goto(order)
    page.get_by_role("link", name="Buka halaman pembayaran").click()
    page.get_by_role("button", name="Bayar sekarang").click()
    page.wait_for_url("**/pesanan/**")
    page.get_by_text("Siap diunduh").wait_for()
    look(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Unduh letter.pdf").click()
    sealed = tmp_path / "sealed.pdf"
    download.value.save_as(sealed)

    page.goto(site.url + "/periksa/")
    look(page)
    page.set_input_files("input[type=file]", sealed)
    page.locator("main").get_by_role("button", name="Periksa").click()
    page.locator(".verdict-valid").wait_for()
    look(page)

    page.goto(order)
    page.get_by_role("link", name="Buat aduan").first.click()
    look(page)
    page.select_option("[name=category]", index=1)
    page.fill("[name=text]", "Saya belum menerima surel.")
    page.get_by_role("button", name="Kirim aduan").click()
    page.wait_for_url("**/aduan/AD-**")
    look(page)
    assert troubles == []


def drag(page: Page) -> str:
    """Drag the stamp up and to the left, then nudge it by keyboard; returns where it had been, from the left."""
    stamp = page.locator(".placer-stamp")
    stamp.scroll_into_view_if_needed()
    before = page.input_value("[name=x]")
    box = stamp.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 20, box["y"] - 60, steps=6)
    page.mouse.up()
    dragged = float(page.input_value("[name=x]"))
    assert dragged < float(before)
    stamp.focus()
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("[name=x]")) > dragged
    return before


def test_a_document_prepared_early_is_sealed_by_one_payment_in_english(
    site: Site, phone_or_desk: BrowserContext, tmp_path: Path
) -> None:
    page = phone_or_desk.new_page()
    page.goto(site.url + "/en/siapkan/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.set_input_files("input[type=file]", DATA / "rotated-90.pdf")
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url("**/en/dokumen/**")
    look(page)
    page.locator("button[name=save]").click()
    page.locator("a[href*='/beli/?dokumen=']").click()
    page.fill("[name=contact]", "0812 3456 7890")
    page.locator("form:has([name=contact]) button").last.click()
    page.wait_for_url("**/en/pesanan/**")
    page.locator("a[href*='/pay/']").click()
    page.get_by_role("button", name="Bayar sekarang").click()
    page.wait_for_url("**/en/pesanan/**")
    page.locator("form[action*='/pakai/'] button").click()
    page.wait_for_url("**/en/dokumen/**")
    page.check("[name=final]")
    page.locator("form[action*='/setuju/'] button").click()
    download = page.locator("a[href$='/unduh/']")
    download.wait_for()
    look(page)
    with page.expect_download() as sealed:
        download.click()
    sealed.value.save_as(tmp_path / "sealed.pdf")
    page.goto(site.url + "/en/periksa/")
    page.set_input_files("input[type=file]", tmp_path / "sealed.pdf")
    page.locator("form[action$='/periksa/'] button").last.click()
    page.locator(".verdict-valid").wait_for()
