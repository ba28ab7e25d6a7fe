"""The pages in a real Chromium: by keyboard, on a phone, in light and dark, live, with nothing from elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clikit import Project
from listenkit import ENVIRON, Listener, listener

from a2pcli.ledger.conversations import Heard
from a2pcli.ledger.store import Ledger

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="Chromium or its driver is not installed: apt install chromium chromium-driver",
)

OPS = "ops-secret-0123456789"
SETTINGS = """\
region: GB
rates: rates.csv
replies: {texts: keep}
listen:
  public_url: http://127.0.0.1:9
  tokens:
    ops: {file: ops.txt, scopes: [read, inbox]}
"""
LINK = re.compile(r"http://127\.0\.0\.1:9(/u/[0-9A-Za-z]+)")

PALE = """
const parse = c => c.match(/[\\d.]+/g).map(Number);
const light = c => { const [r, g, b] = parse(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if (parse(c)[3] !== 0) return c; }
  return getComputedStyle(document.documentElement).colorScheme.includes("dark") &&
    matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)"; };
return [...document.querySelectorAll("body *")].filter(e => e.checkVisibility() &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).map(e => {
  const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
  return [e.tagName, e.textContent.trim().slice(0, 30), (a + 0.05) / (b + 0.05)]; })
  .filter(([, , ratio]) => ratio < 4.5);
"""
"""Texts whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3)."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(CHROMIUM)
    folder = tmp_path_factory.mktemp("chromium")
    for one in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run",
                "disable-background-networking", "disable-component-update", f"user-data-dir={folder}"):  # fmt: skip
        options.add_argument(f"--{one}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options, Service(str(DRIVER), env={**os.environ, "HOME": str(folder)}))
    made.set_page_load_timeout(60)
    yield made
    made.quit()


@pytest.fixture
def heard(project: Project) -> Iterator[Listener]:
    project.starter(campaign=CAMPAIGN)
    project.write("ops.txt", OPS)
    project.write("a2pcli.yaml", SETTINGS)
    with listener(project.folder, settings=None) as made:
        yield made


CAMPAIGN = """\
name: spring-sale
objective: Tell gold customers about the sale
purpose: marketing
programme: news
contacts: people.csv
message: "Hi {{ first_name }}, 20% off. Opt out: {{ unsubscribe_url }}"
"""


def hears(ledger: Ledger, why: str) -> None:
    ledger.conversations.hear(Heard("+447911123456", "sms", "outbox", "Shop", None, why))


def until(what: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.1)
    assert found
    return found


def size(browser: Any, width: int, *, dark: bool = False) -> None:
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def focused(browser: Any) -> Any:
    return browser.switch_to.active_element


def text_of(browser: Any, css: str) -> str:
    """What can be read there now; in one step, since the page replaces what has changed."""
    return str(browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", css))


def press(browser: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def fits_and_is_readable(browser: Any) -> None:
    """In both schemes and at both sizes: nothing runs over the side, no text is pale, buttons are large enough."""
    for width in (320, 1280):
        for dark in (False, True):
            size(browser, width, dark=dark)
            over = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, (width, over)
            assert browser.execute_script(PALE) == [], (width, dark)
    small = (
        "return [...document.querySelectorAll('button, input:not([type=hidden]):not([hidden])')]"
        ".filter(e => (e.type === 'checkbox' ? e.closest('label') : e).offsetHeight < 44).length"
    )
    assert browser.execute_script(small) == 0
    unnamed = (
        "return [...document.querySelectorAll('input:not([type=hidden]):not([hidden]), button, textarea')]"
        ".filter(e => !(e.labels && e.labels.length) && !e.textContent.trim()).length"
    )
    assert browser.execute_script(unnamed) == 0
    assert browser.execute_script("return document.documentElement.lang") == "en"


def is_of_one_place(browser: Any, base: str) -> None:
    """Nothing was loaded from elsewhere, and the browser complained of nothing."""
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert loaded
    assert all(one.startswith(base + "/") for one in loaded), loaded
    complaints = [
        line for line in browser.get_log("browser") if line["level"] in ("SEVERE", "WARNING")
        and "401 (Unauthorized)" not in line["message"]
    ]  # fmt: skip
    assert complaints == []


def test_by_keyboard_alone_one_logs_in_and_sees_runs_and_the_inbox(
    browser: Any, heard: Listener, project: Project
) -> None:
    from selenium.webdriver.common.keys import Keys

    assert project.run("send", "sale.yaml", "--yes", **ENVIRON).status == 0
    project.write("replies.csv", "phone,text\n07911123456,<b>Is it open on Sunday?</b>\n")
    project.run("optout", "replies", "replies.csv", **ENVIRON)
    with Ledger.open_with(str(project.folder / ".a2pcli/ledger.db"), None) as ledger:
        hears(ledger, "no rule matches it")
    size(browser, 1280)
    browser.get(heard.url + "/")
    until(lambda: focused(browser).get_attribute("id") == "token")
    press(browser, OPS, Keys.ENTER)
    until(lambda: "spring-sale" in text_of(browser, "#live"))
    assert "open on Sunday?</b>" in text_of(browser, "#live")
    assert "no rule matches it" in text_of(browser, "#live")
    is_of_one_place(browser, heard.url)


@pytest.mark.slow
def test_by_keyboard_alone_one_logs_in_and_sees_a_run_come_by_itself(
    browser: Any, heard: Listener, project: Project
) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.delete_all_cookies()
    size(browser, 1280)
    browser.get(heard.url + "/")
    until(lambda: focused(browser).get_attribute("id") == "token")
    press(browser, "wrong-secret-0123456789", Keys.ENTER)
    until(lambda: browser.find_elements(By.CSS_SELECTOR, "[role=alert]"))
    fits_and_is_readable(browser)
    size(browser, 1280)
    press(browser, OPS, Keys.ENTER)
    until(lambda: "There are no runs yet" in text_of(browser, "body"))

    press(browser, Keys.TAB)
    skip = focused(browser)
    assert skip.text == "Skip to the content"
    assert skip.rect["x"] >= 0, "it can be seen while it has the focus"
    press(browser, Keys.ENTER)
    until(lambda: focused(browser).get_attribute("id") == "main")

    assert project.run("send", "sale.yaml", "--yes", **ENVIRON).status == 0
    until(lambda: "spring-sale" in text_of(browser, "#live"))
    row = text_of(browser, "#live tbody tr")
    assert "finished" in row
    project.write("replies.csv", "phone,text\n07911123456,<b onclick=alert(1)>Is it open on Sunday?</b>\n")
    project.run("optout", "replies", "replies.csv", **ENVIRON)
    until(lambda: "open on Sunday?</b>" in text_of(browser, "#live"))
    with Ledger.open_with(str(project.folder / ".a2pcli/ledger.db"), None) as ledger:
        hears(ledger, "no rule matches it")
        until(lambda: "no rule matches it" in text_of(browser, "#live"))
        browser.find_element(By.TAG_NAME, "textarea").send_keys("We open at nine")
        hears(ledger, "another reason")
        time.sleep(6)
        assert (
            browser.execute_script("return document.querySelector('textarea').value") == "We open at nine"
        ), "what is being written stays"
        fits_and_is_readable(browser)
        size(browser, 1280)
        browser.find_element(By.TAG_NAME, "textarea").send_keys(Keys.TAB, Keys.ENTER)
        until(lambda: "We open at nine" in text_of(browser, "#live li.ours"))
    is_of_one_place(browser, heard.url)

    assert browser.execute_script("return document.cookie") == "", "scripts cannot read the cookie"
    browser.find_element(By.CSS_SELECTOR, "header button").send_keys(Keys.ENTER)
    until(lambda: browser.find_elements(By.ID, "token"))
    browser.back()
    browser.refresh()
    until(lambda: browser.find_elements(By.ID, "token"))


@pytest.mark.slow
def test_the_page_says_so_when_the_listener_is_gone(browser: Any, heard: Listener) -> None:
    from selenium.webdriver.common.by import By

    browser.get(heard.url + "/")
    browser.find_element(By.ID, "token").send_keys(OPS)
    browser.find_element(By.TAG_NAME, "button").click()
    until(lambda: browser.find_elements(By.ID, "live"))
    heard.process.kill()
    heard.process.wait()
    until(lambda: "Not updated" in text_of(browser, "#state"))
    assert "no runs yet" in text_of(browser, "#live"), "what was read stays"
    browser.get("about:blank")
    browser.get_log("browser")


@pytest.mark.slow
def test_somebody_unsubscribes_with_one_button(browser: Any, heard: Listener, project: Project) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    project.run("send", "sale.yaml", "--yes", **ENVIRON)
    (body,) = [one["body"] for one in project.outbox() if one["to"] == "+447911123456"]
    path = LINK.search(body)[1]  # type: ignore[index]

    def out() -> list[Any]:
        return list(project.run("optout", "list", "--json", **ENVIRON).json["suppressions"])

    browser.get_log("browser")
    browser.get(heard.url + path)
    assert "“news”" in text_of(browser, "main")
    fits_and_is_readable(browser)
    browser.refresh()
    assert out() == []
    press(browser, Keys.TAB)
    assert focused(browser).text == "Unsubscribe"
    press(browser, Keys.ENTER)
    until(lambda: browser.find_elements(By.CSS_SELECTOR, "[role=status]"))
    assert "You are unsubscribed" in text_of(browser, "h1")
    fits_and_is_readable(browser)
    is_of_one_place(browser, heard.url)
    assert len(out()) == 1
