"""The dashboard in a real browser: what it shows, by mouse and keyboard, small, dark, live."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from latbase.db import Store, queries
from latbase.db.duckdb_store import DuckDbStore
from latbase.db.records import Configuration, SearchStatus
from latbase.db.service.running import Service
from latbase.db.tokens import Role
from tests.studied import EVALUATIONS, SUPERNET

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

PATIENCE_MS = 60_000
"""The machine may be busy with other tests; nothing here depends on speed."""

VIEWS = {
    "fleet": "bench",
    "coverage": "latency_ms",
    "latency": "240 sub-networks",
    "searches": "81search",
    "search/10search": "Hypervolume",
    "compare": "Hypervolume lost",
    "launch": "None yet",
}
"""Every view, and something it says of the store."""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*sandbox, "--enable-unsafe-swiftshader"]
        )
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, service: Service) -> Page:
    """Return the page as ``latbase ui`` opens it; any script error fails the test."""
    opened = context.new_page()
    opened.on("pageerror", lambda error: pytest.fail(str(error)))
    opened.goto(f"{service.url}/ui/#token={service.bearer}")
    expect(opened.get_by_role("heading", name="Fleet")).to_be_visible()
    return opened


def go(page: Page, view: str) -> None:
    page.goto(f"{page.url.split('#')[0]}#/{view}")


def test_every_view_shows_the_store_and_asks_nobody_else(page: Page, service: Service) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for view, said in VIEWS.items():
        go(page, view)
        expect(page.locator("main")).to_contain_text(said)
    assert len(asked) > len(VIEWS)
    assert all(url.startswith(service.url) for url in asked)


def test_the_token_leaves_the_address(page: Page, service: Service) -> None:
    assert service.bearer not in page.url


def test_a_sub_network_is_chosen_by_keyboard_and_copied(page: Page) -> None:
    go(page, "search/10search")
    rows = page.locator("section tbody tr")
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    panel = page.locator("aside")
    expect(panel.locator("tbody tr")).to_have_count(2)
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    assert page.evaluate("document.querySelector('.chart').data.at(-1).name") == "chosen"
    panel.get_by_role("button", name="Copy as JSON").click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert set(copied) == {"d", "e", "ks"}


def test_a_point_is_hovered_and_clicked(page: Page) -> None:
    go(page, "search/10search")
    expect(page.locator(".chart .xtick").first).to_be_visible()
    x, y = page.evaluate(
        """() => {
            const chart = document.querySelector(".chart");
            const { left, top } = chart.getBoundingClientRect();
            const { xaxis, yaxis } = chart._fullLayout, { x, y } = chart.data[1];
            const at = (axis, value) => axis._offset + axis.l2p(value);
            return [left + at(xaxis, x[2]), top + at(yaxis, y[2])];
        }"""
    )
    page.mouse.move(x - 1, y)
    page.mouse.move(x, y)
    expect(page.locator(".hoverlayer")).to_contain_text("latency_ms")
    page.mouse.click(x, y)
    expect(page.locator("aside tbody tr")).to_have_count(2)


def test_a_sub_network_tells_every_configuration_and_comes_into_view_on_a_small_screen(
    page: Page, store: DuckDbStore
) -> None:
    place = queries.configuration(store, queries.search(store, "10").configuration_id or "")
    store.write([Configuration.of(hardware_id=place.hardware_id, threads=4)])
    page.set_viewport_size({"width": 360, "height": 740})
    go(page, "search/10search")
    page.locator("section tbody tr").first.click()
    rows = page.locator("aside tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("4 threads")
    expect(rows.last).to_contain_text("not measured")
    expect(page.locator("aside")).to_be_in_viewport()


def test_numbers_keep_their_zeros(page: Page) -> None:
    latencies = [1230.0, 100.0, 0.5, 12.34567, 1e-9, 20.0]
    body = {
        "subnet_id": [f"s{number}" for number in range(len(latencies))],
        "x_ms": latencies,
        "y_ms": latencies,
    }
    page.route("**/v1/page/latency?*", lambda route: route.fulfill(json=body))
    go(page, "latency")
    page.get_by_text("The 6 points as a table").click()
    cells = page.locator(".points tbody td:nth-child(2)")
    expect(cells).to_have_text(["1230", "100", "0.5", "12.35", "1e-9", "20"])


@pytest.mark.parametrize(("view", "points"), [("latency", 240), ("compare", None)])
def test_points_are_reached_by_keyboard(page: Page, view: str, points: int | None) -> None:
    go(page, view)
    page.locator(".points summary").focus()
    page.keyboard.press("Enter")
    rows = page.locator(".points tbody tr")
    expect(rows.first).to_be_visible()
    if points is not None:
        expect(rows).to_have_count(100)
        page.get_by_role("button", name="Show more (140 left)").click()
        expect(rows).to_have_count(200)
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.locator("aside tbody tr")).to_have_count(2)


def test_what_has_the_focus_keeps_it_while_the_view_is_kept_fresh(
    page: Page, store: DuckDbStore
) -> None:
    go(page, "searches")
    link = page.get_by_role("link", name="10search")
    link.focus()
    record = replace(
        queries.search(store, "10"), search_id="zzsearch", created_at=datetime.now(UTC)
    )
    store.write([record])
    expect(page.locator("tbody tr")).to_have_count(5)
    expect(link).to_be_focused()
    go(page, "search/zzsearch")
    expect(page.locator("main")).to_contain_text("No evaluation yet")
    go(page, "launch")
    page.get_by_role("button", name="Launch", exact=True).click()
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    page.get_by_role("button", name="Launch", exact=True).dispatch_event("click")
    expect(stop).to_have_count(2)
    expect(stop.nth(1)).to_be_focused()
    stop.nth(1).click()  # the launch that it stood for before another came
    expect(page.locator("section tbody tr").nth(1)).to_contain_text("ended with")
    expect(stop).to_have_count(1)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 502, "body": "<html>Bad gateway</html>"}, "The service failed (502"),
        ({"status": 200, "body": "<html>Log in</html>"}, "The service failed (200"),
        (None, "The service does not answer"),
    ],
)
def test_answers_that_are_none_are_said_in_a_sentence(
    page: Page, answer: dict[str, Any] | None, said: str
) -> None:
    page.route(
        "**/v1/page/coverage",
        lambda route: route.abort() if answer is None else route.fulfill(**answer),
    )
    go(page, "coverage")
    expect(page.get_by_role("alert")).to_contain_text(said)


def test_without_a_clipboard_the_text_is_selected(page: Page) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.reload()
    go(page, "search/10search")
    page.locator("section tbody tr").first.click()
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_role("button", name="Selected")).to_be_visible()
    assert page.evaluate("getSelection().toString()").startswith("{")


def test_the_cost_of_another_machines_front_is_told(page: Page) -> None:
    go(page, "compare")
    page.get_by_label("80search").uncheck()
    page.get_by_label("10search").check()
    expect(page.locator("section")).to_contain_text("Hypervolume lost")
    expect(page.locator("section tbody tr")).to_have_count(2)
    page.get_by_label("81search").uncheck()
    expect(page.locator("section tbody tr")).to_have_count(0)


def test_ten_thousand_points_are_drawn_by_webgl(page: Page) -> None:
    count = 10_000
    body = {
        "subnet_id": [f"s{number}" for number in range(count)],
        "x_ms": [10 + number % 997 / 100 for number in range(count)],
        "y_ms": [20 + number % 613 / 100 for number in range(count)],
        "verdict": ["stable"] * count,
    }

    def answer(route: Route) -> None:
        route.fulfill(json=body)

    page.route("**/v1/page/latency?*", answer)
    go(page, "latency")
    expect(page.locator("main")).to_contain_text("10,000 sub-networks")
    kinds = page.evaluate("document.querySelector('.chart').data.map((t) => [t.type, t.x.length])")
    assert kinds == [["scattergl", count]]
    expect(page.locator(".chart canvas").first).to_be_visible()


@pytest.mark.parametrize("view", VIEWS)
def test_a_small_screen_needs_no_sideways_scrolling(page: Page, view: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    go(page, view)
    expect(page.locator("main")).to_contain_text(VIEWS[view])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_dark_mode_is_dark(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == "rgb(18, 23, 29)"


def test_a_running_search_grows_while_it_is_watched(page: Page, store: DuckDbStore) -> None:
    record = replace(
        queries.search(store, "10"), search_id="livesearch", status=SearchStatus.RUNNING
    )
    rows = [replace(row, search_id="livesearch") for row in queries.evaluations(store, "10search")]
    store.write([record, *rows[:5]])
    go(page, "search/livesearch")
    expect(page.locator("main")).to_contain_text("5 sub-networks evaluated")
    store.write(rows[5:])
    expect(page.locator("main")).to_contain_text(f"{EVALUATIONS} sub-networks evaluated")
    expect(page.locator("#live")).to_contain_text("live")
    store.write([replace(record, status=SearchStatus.FINISHED)])
    expect(page.locator("h1")).to_contain_text("finished")


def test_an_operator_launches_and_stops(page: Page) -> None:
    go(page, "launch")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.locator("section")).to_contain_text(f"--new -- {SUPERNET}")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("section")).to_contain_text("ended with")


def test_without_a_token_the_page_asks_for_one_and_readers_launch_nothing(
    context: BrowserContext, service: Service, store: Store
) -> None:
    bearer = store.tokens.create("someone", Role.READER).bearer
    page = context.new_page()
    page.goto(f"{service.url}/ui/")
    page.get_by_label("Token").fill(bearer)
    page.get_by_role("button", name="Open").click()
    expect(page.locator("main")).to_contain_text("bench")
    go(page, "launch")
    expect(page.get_by_role("button", name="Launch", exact=True)).to_be_disabled()
