"""Chromium without a window, for what is tested in a browser; without it, or unasked, these tests are skipped."""

import os
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(autouse=True, scope="session")
def wanted():
    if os.environ.get("CS_SITE") != "1":
        pytest.skip("make site-test builds the site, and opens it and JupyterLab in a browser")
    if not CHROMIUM:
        pytest.skip("there is no Chromium")


@pytest.fixture(scope="session")
def browser(wanted):
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()
    playwright.stop()
