"""What holds for every page that a journey passes."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def look(page: Page) -> None:
    """No accessibility violation, and nothing that scrolls sideways."""
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    stays_inside(page)


def stays_inside(page: Page) -> None:
    """Nothing scrolls sideways."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
