"""A person puts the stamp by mouse, finger, keys and without script, on a phone and at a desk, in a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from stamping.models import Document
from stamping.pdf import looking
from stamping.pdf.geometry import DEFAULT_SIZE, Placement
from stamping.pdf.page_look import MM
from tests.journeys.looking import look
from tests.running_site import Site, wait_until
from tests.stamping.test_placing_page import contract

WIDTHS = (360, 1280)
SMALLEST_TARGET = 44


@pytest.fixture
def web(parts: Site) -> Site:
    """A site of which only the pages are needed: no worker, no gateway."""
    parts.web()
    wait_until(lambda: Site._answers(f"{parts.url}/siapkan/"))
    return parts


@contextmanager
def opened(browser: Browser, web: Site, *, width: int, count: int = 3, script: bool = True) -> Iterator[Page]:
    """The placing page of a contract, in a fresh browser; nothing may go wrong unseen in its script."""
    window = {"width": width, "height": 800}
    context = browser.new_context(viewport=window, has_touch=width < 500, java_script_enabled=script)
    context.set_default_timeout(20_000)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if "Content Security Policy" in line.text else None)
    page.goto(web.url + "/siapkan/")
    file = {"name": "kontrak.pdf", "mimeType": "application/pdf", "buffer": contract(count)}
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Unggah dan periksa").click()
    page.wait_for_url("**/dokumen/**")
    yield page
    context.close()
    assert troubles == []


def place(page: Page) -> tuple[float, float]:
    """Millimetres from the left and the bottom, as they would be sent."""
    return tuple(float(page.input_value(f"[name={name}]").replace(",", ".")) for name in ("x", "y"))  # type: ignore[return-value]


def middle(page: Page, what: str = ".placer-stamp") -> tuple[float, float]:
    box = page.locator(what).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def pixels(page: Page) -> float:
    """Pixels a millimetre of the page picture."""
    box = page.locator(".placer-page").bounding_box()
    assert box
    return box["width"] / (595.276 / MM)


def saved(page: Page) -> Document:
    page.locator(".placing-bar [name=save]").click()
    page.wait_for_url("**#setuju")
    return Document.objects.latest("created_at")


# --- by mouse


def test_by_mouse_the_stamp_follows_the_pointer_and_stays_on_the_page(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=1280) as page:
        before, (x, y) = place(page), middle(page)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 40 * pixels(page), y + 30 * pixels(page), steps=8)
        assert place(page) == pytest.approx((before[0] + 40, before[1] - 30), abs=1.01)
        page.mouse.move(x + 4_000, y + 10, steps=4)
        page.mouse.up()
        right = int(595.276 / MM - DEFAULT_SIZE / MM)
        assert place(page)[0] == right
        page.mouse.move(x, y)  # let go: it does not follow any more
        assert place(page)[0] == right
        document = saved(page)
        assert document.x == pytest.approx(right * MM, abs=0.1)
        stamp, picture = (page.locator(one).bounding_box() for one in (".placer-stamp", ".placer-page"))
        assert stamp and picture
        assert stamp["x"] + stamp["width"] <= picture["x"] + picture["width"] + 1


def test_a_click_on_the_page_puts_the_stamp_there(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=1280) as page:
        picture = page.locator(".placer-page").bounding_box()
        assert picture
        page.mouse.click(picture["x"] + 100 * pixels(page), picture["y"] + 90 * pixels(page))
        assert middle(page) == pytest.approx(
            (picture["x"] + 100 * pixels(page), picture["y"] + 90 * pixels(page)), abs=2 * pixels(page)
        )


# --- by finger


def touch(line: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    """One real touch event, as the screen sends it."""
    at = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})


def drag(line: CDPSession, start: tuple[float, float], by: tuple[float, float], *, steps: int = 8) -> None:
    """A finger put down and moved, not yet lifted."""
    touch(line, "touchStart", start)
    for step in range(1, steps + 1):
        touch(line, "touchMove", (start[0] + by[0] * step / steps, start[1] + by[1] * step / steps))


def test_by_finger_the_stamp_moves_and_the_page_does_not_scroll(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=360) as page:
        line = page.context.new_cdp_session(page)
        page.evaluate("scrollTo(0, 120)")
        scrolled, before = page.evaluate("scrollY"), place(page)
        drag(line, middle(page), (60, -110))
        assert page.locator(".placer.is-dragging").count() == 1
        touch(line, "touchEnd")
        moved = place(page)
        assert moved == pytest.approx((before[0] + 60 / pixels(page), before[1] + 110 / pixels(page)), abs=1.5)
        assert page.evaluate("scrollY") == scrolled
        assert page.locator(".placer.is-dragging").count() == 0
        document = saved(page)
        assert document.y == pytest.approx(moved[1] * MM, abs=0.1)


def test_a_finger_that_the_system_takes_away_changes_nothing(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=360) as page:
        line, before = page.context.new_cdp_session(page), place(page)
        drag(line, middle(page), (50, -50))
        assert place(page) != before
        touch(line, "touchCancel")
        page.wait_for_function("!document.querySelector('.placer.is-dragging')")
        assert place(page) == before


def test_a_second_finger_does_not_make_the_stamp_jump(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=360) as page:
        line, start, before = page.context.new_cdp_session(page), middle(page), place(page)
        drag(line, start, (30, 0))
        after = round(before[0] + 30 / pixels(page)), before[1]
        page.wait_for_function("x => Number(document.querySelector('[name=x]').value) === x", arg=after[0])
        touch(line, "touchStart", (start[0] + 30, start[1]), (40, 300))
        touch(line, "touchMove", (start[0] + 30, start[1]), (90, 400))
        touch(line, "touchEnd")
        page.wait_for_function("!document.querySelector('.placer.is-dragging')")
        assert place(page) == after


def test_a_finger_beside_the_stamp_scrolls_the_page_and_moves_nothing(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=360) as page:
        line, before = page.context.new_cdp_session(page), place(page)
        box = page.locator(".placer-page").bounding_box()
        assert box
        drag(line, (box["x"] + 250, box["y"] + 300), (0, -200))
        touch(line, "touchEnd")
        page.wait_for_function("scrollY > 50")
        assert place(page) == before


def test_a_tap_puts_the_stamp_under_the_finger(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=360) as page:
        box = page.locator(".placer-page").bounding_box()
        assert box
        page.touchscreen.tap(box["x"] + 200, box["y"] + 200)
        assert middle(page) == pytest.approx((box["x"] + 200, box["y"] + 200), abs=2)


# --- by keys


def test_by_keys_the_stamp_moves_a_millimetre_or_ten_and_says_where_it_is(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=1280) as page:
        page.locator(".leaf").last.focus()
        page.keyboard.press("Tab")
        expect(page.locator(".placer-stamp")).to_be_focused()
        assert page.locator(".placer-stamp").evaluate("one => getComputedStyle(one).outlineWidth") == "4px"
        x, y = place(page)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowDown")
        assert place(page) == (x + 11, y - 9)
        expect(page.locator("form [role=status]")).to_contain_text(
            f"{x + 11:.0f} mm dari kiri, {y - 9:.0f} mm dari bawah"
        )
        for _ in range(30):
            page.keyboard.press("Shift+ArrowLeft")
        assert place(page) == (0, y - 9)


def test_a_warning_is_spoken_and_seen_while_the_stamp_moves(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=360) as page:
        warning = page.locator("[data-covering]")
        expect(warning).to_be_hidden()
        page.locator(".placer-stamp").focus()
        for _ in range(10):
            page.keyboard.press("Shift+ArrowUp")
        expect(warning).to_be_visible()
        expect(warning).to_contain_text("menutupi tulisan")
        expect(warning).to_be_in_viewport()
        expect(page.locator("form [role=status]")).to_contain_text("menutupi tulisan")
        page.get_by_role("button", name="Saran kami").click()
        expect(warning).to_be_hidden()
        look(page)


def test_enter_in_a_field_shows_the_preview_and_saves_nothing(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=1280) as page:
        page.get_by_text("Atur dengan milimeter").click()
        page.fill("[name=x]", "44,5")
        page.keyboard.press("Enter")
        page.get_by_text("Tempat ini belum disimpan").wait_for()
        assert place(page)[0] == 44.5
        assert Document.objects.latest("created_at").state == Document.State.DRAFT


# --- the script and the server say the same


def test_the_script_warns_exactly_where_the_server_does(browser: Browser, web: Site) -> None:
    known = {number: one for number, one, _little in looking.look(contract())}[3]
    with opened(browser, web, width=1280) as page:
        wrong = []
        for x in range(2, 178, 11):
            for y in range(3, 266, 17):
                said = page.evaluate(
                    """([x, y]) => {
                        const form = document.querySelector("form[data-placing]");
                        [form.elements.x.value, form.elements.y.value] = [x, y];
                        form.elements.y.dispatchEvent(new Event("input", {bubbles: true}));
                        const warning = form.querySelector("[data-covering]");
                        return warning.hidden ? "" : warning.textContent;
                    }""",
                    [x, y],
                )
                kind = known.covers(Placement(page=3, x=x * MM, y=y * MM))
                words = {"": "", "ink": "tulisan", "picture": "gambar"}[kind]
                if bool(said) != bool(kind) or words not in said:
                    wrong.append((x, y, kind, said))
        assert wrong == []


def test_another_page_comes_without_a_reload_and_keeps_the_focus(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=360) as page:
        page.evaluate("window.same = true")
        page.locator(".leaf[value='1']").click()
        page.locator(".leaf[value='1'][aria-current]").wait_for()
        expect(page.locator(".leaf[value='1']")).to_be_focused()
        assert page.evaluate("window.same")
        assert page.input_value("[name=page]") == "1"
        expect(page.locator(".placing-why")).to_contain_text("Saran kami untuk halaman 1")
        document = saved(page)
        assert document.page == 1


def test_a_line_that_breaks_ends_in_a_plain_submit(browser: Browser, web: Site) -> None:
    with opened(browser, web, width=360) as page:
        page.evaluate("() => { window.fetch = () => Promise.reject(new Error('broken')); }")
        page.locator(".leaf[value='2']").click()
        page.wait_for_url("**/tempat/**")
        expect(page.locator(".leaf[value='2']")).to_have_attribute("aria-current", "true")


# --- without script


@pytest.mark.parametrize("width", WIDTHS)
def test_without_script_presets_numbers_pages_and_preview_do_it_all(browser: Browser, web: Site, width: int) -> None:
    with opened(browser, web, width=width, script=False) as page:
        still = page.locator(".placer-still")
        expect(page.get_by_text("di samping tempat tanda tangan").first).to_be_visible()
        expect(still).to_be_visible()
        expect(page.locator(".placer-stamp")).to_be_hidden()
        page.get_by_role("button", name="Kanan bawah").click()
        assert place(page)[1] == 13
        page.locator(".leaf[value='2']").click()
        assert page.input_value("[name=page]") == "2"
        page.get_by_role("button", name="5 mm ke atas").click()
        page.get_by_text("Atur dengan milimeter").click()
        page.fill("[name=x]", "30,5")
        page.fill("[name=y]", "200")
        page.locator(".placing-bar [name=look]").click()
        expect(page.get_by_text("menutupi tulisan").first).to_be_visible()
        assert float(still.get_attribute("x") or 0) == pytest.approx(30.5 * MM, abs=0.01)
        expect(page.get_by_role("img", name="Meterai dari dekat")).to_be_visible()
        page.get_by_role("button", name="Tetap di sini").click()
        page.wait_for_url("**#setuju")
        expect(page.get_by_text("isinya tidak boleh diubah lagi")).to_be_visible()
        document = Document.objects.latest("created_at")
        assert (document.page, document.x, document.y) == (
            2,
            pytest.approx(30.5 * MM, abs=0.01),
            pytest.approx(200 * MM, abs=0.01),
        )
        stays_inside_without_script(page)


def stays_inside_without_script(page: Page) -> None:
    width = page.locator("main").bounding_box()
    assert width and page.viewport_size
    assert width["width"] <= page.viewport_size["width"]


# --- for everybody


@pytest.mark.parametrize("width", WIDTHS)
def test_every_state_of_the_page_is_accessible_and_stays_inside(browser: Browser, web: Site, width: int) -> None:
    with opened(browser, web, width=width, count=15) as page:
        look(page)
        if width < 500:  # the thumb finds it without scrolling
            expect(page.locator(".placing-bar [name=save]")).to_be_in_viewport()
        page.locator(".placing-bar [name=look]").click()
        page.locator("#setuju").wait_for()
        look(page)
        page.get_by_text("Atur dengan milimeter").click()
        page.fill("[name=side]", "3")
        page.locator(".placing-bar [name=save]").click()
        page.get_by_text("paling kecil 19 mm").first.wait_for()
        look(page)
        page.fill("[name=side]", "30")
        document = saved(page)
        look(page)
        assert document.size == pytest.approx(30 * MM, abs=0.01)


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_to_press_is_large_enough_for_a_thumb(browser: Browser, web: Site, width: int) -> None:
    with opened(browser, web, width=width) as page:
        page.get_by_text("Atur dengan milimeter").click()
        small = page.evaluate(
            """least => [...document.querySelectorAll("form[data-placing] :is(button, summary, input)")]
                .filter(one => one.type !== "hidden" && one.checkVisibility() && !one.classList.contains("hush"))
                .map(one => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
                .filter(([, box]) => box.width < least || box.height < least).map(([html]) => html)""",
            SMALLEST_TARGET,
        )
        assert small == []
        page.locator(".placer-stamp").scroll_into_view_if_needed()
        reach = page.evaluate(
            """() => { const at = document.querySelector(".placer-stamp").getBoundingClientRect();
                const x = at.left + at.width / 2, y = at.top + at.height / 2;
                return [[-21, 0], [21, 0], [0, -21], [0, 21]].every(([dx, dy]) =>
                    document.elementFromPoint(x + dx, y + dy).closest(".placer-stamp")); }"""
        )
        assert reach
