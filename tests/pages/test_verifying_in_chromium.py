"""The verify page in a real browser: under its own policy, by keyboard, on a narrow screen, with the report at hand."""

import importlib.util
import shutil
import threading
from pathlib import Path

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

pytestmark = pytest.mark.browser
_spec = importlib.util.spec_from_file_location("verifying_standins", Path(__file__).with_name("test_verifying.py"))
standins = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(standins)


class _Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served():
    house = standins.House()
    server = make_server("127.0.0.1", 0, house.client.application, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield house, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(chromium, request):
    """A page whose complaints about security or script fail the test."""
    options = getattr(request, "param", {})
    context = chromium.new_context(accept_downloads=True, **options)
    page, complaints = context.new_page(), []
    refused = "Failed to load resource"  # an answer that is no 200 is one of ours, and looked at below
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" and refused not in m.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "contract.pdf"
    path.write_bytes(b"%PDF-1.7 signed")
    return path


NARROW = {"viewport": {"width": 320, "height": 700}}


@pytest.mark.parametrize(
    "page",
    [{}, {"java_script_enabled": False}, NARROW, {"color_scheme": "dark"}],
    ids=["usual", "without script", "narrow", "dark"],
    indirect=True,
)
def test_a_file_is_verified_and_the_report_is_taken_along(served, page, file):
    _, address = served
    page.goto(f"{address}?lang=en")
    page.set_input_files("#signature", file)
    page.get_by_role("button", name="Verify").click()
    assert page.get_by_role("heading", level=1).inner_text() == "The signature is valid"
    if page.viewport_size["width"] == 320:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    with page.expect_download() as started:
        page.get_by_role("link", name="Report to read (HTML)").click()
    assert started.value.suggested_filename == "verification.html"
    assert Path(started.value.path()).read_text().startswith("contract.pdf")


def test_everything_is_reached_by_keyboard_and_focus_shows(served, page, file):
    _, address = served
    page.goto(f"{address}?lang=en")
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached[:3] == ["Skip to content", "Română", "Русский"]
    assert [one for one in reached if one in ("signature", "content", "hash", "Verify")] == [
        "signature",
        "content",
        "hash",
        "Verify",
    ]


def test_what_is_missing_takes_the_focus_and_leads_to_its_field(served, page):
    _, address = served
    page.goto(f"{address}?lang=en")
    page.get_by_role("button", name="Verify").click()
    assert page.title().startswith("Error: ")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    page.get_by_role("link", name="Choose the file that you want to have verified").click()
    assert page.evaluate("document.activeElement.id") == "signature"


def test_a_file_may_be_dropped_on_its_field(served, page, file):
    """The browser does it by itself; nothing of ours may be in the way."""
    _, address = served
    page.goto(f"{address}?lang=en")
    handle = page.evaluate_handle(
        "() => { const d = new DataTransfer(); d.items.add(new File(['%PDF-'], 'dropped.pdf')); return d; }"
    )
    page.evaluate(
        "d => { const input = document.getElementById('signature'); input.files = d.files; }",
        handle,
    )
    page.get_by_role("button", name="Verify").click()
    assert page.get_by_text("dropped.pdf").is_visible()
