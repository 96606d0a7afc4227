"""What only a real browser decides: which cookies go along, what the policies permit, what the script does."""

import shutil
import threading
from urllib.parse import urlencode

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from gateway.domain.parties import Consumer, ConsumerId

pytestmark = pytest.mark.browser
WAIT_MS = 15_000


class _Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


class _Served:
    """A WSGI application on a port of loopback."""

    def __init__(self, application):
        self.server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join(timeout=10)
        self.server.server_close()


class _Service:
    """An e-service: a page that posts to the sign page, and the address where the signer comes back."""

    def __init__(self):
        self.returned, self.page = [], ""

    @Request.application
    def __call__(self, request):
        if request.method == "POST":
            self.returned.append(request.form.to_dict())
            return Response("<title>back</title>welcome back", mimetype="text/html")
        return Response(self.page, mimetype="text/html")


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


@pytest.fixture
def town(house):
    """The pages at 127.0.0.1 and the e-service at localhost: two sites, as far as a browser can tell."""
    service = _Service()
    house.consumers.by_id = {
        "c1": Consumer(ConsumerId("c1"), "Serviciul de probă", "CN=CA", "01", return_origins=("http://localhost",))
    }
    servers = [_Served(house.build(secure_cookies=False)), _Served(service)]
    house.base = f"http://127.0.0.1:{servers[0].server.port}"
    house.service, house.service_base = service, f"http://localhost:{servers[1].server.port}"
    yield house
    for server in servers:
        server.stop()


def _go_by_post(town, page, request_id, state):
    """Press the e-service's own button."""
    fields = {"ReturnUrl": f"{town.service_base}/signed", "RelayState": state, "lang": "ro"}
    inputs = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in fields.items())
    town.service.page = f'<form method="post" action="{town.base}/{request_id}">{inputs}<button>Sign</button></form>'
    page.goto(f"{town.service_base}/start")
    page.click("button")


def _sign(page):
    page.fill("[name=person]", "2999000000014")
    page.click("button[form=choose]")
    page.check("[name=agree]")
    page.fill("[name=pin]", "482913")
    page.click("button[form=sign]")


def test_a_signer_comes_by_post_and_is_returned_by_itself(town, chromium):
    """Across sites in both directions, under our policies, with nothing complained about on the console."""
    request_id = town.post()
    context = chromium.new_context(locale="ro")
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if "Security" in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    _go_by_post(town, page, request_id, "state-1")
    assert page.url == f"{town.base}/{request_id}"
    _sign(page)
    assert page.url == f"{town.base}/{request_id}/result"
    page.wait_for_url(f"{town.service_base}/signed", timeout=WAIT_MS)
    assert town.service.returned == [{"RequestID": request_id, "RelayState": "state-1"}]
    page.go_back()
    assert page.url == f"{town.base}/{request_id}"
    assert page.locator("form[data-after]").count() == 0
    assert complaints == []
    context.close()


def test_a_signer_may_stay_on_the_result_page(town, chromium):
    """The automatic return can be stopped, and the button still returns."""
    request_id = town.post()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{town.base}/{request_id}?" + urlencode({"ReturnUrl": f"{town.service_base}/signed"}))
    _sign(page)
    page.click("[data-stay]")
    page.wait_for_timeout(3500)
    assert page.url == f"{town.base}/{request_id}/result"
    page.click("form[data-after] button")
    page.wait_for_url(f"{town.service_base}/signed", timeout=WAIT_MS)
    assert town.service.returned == [{"RequestID": request_id}]
    context.close()


def test_everything_works_without_script_and_in_two_tabs(town, chromium):
    """The second signing arrives by POST while the first one holds its pen; both are signed and returned."""
    first, second = town.post(), town.post()
    context = chromium.new_context(java_script_enabled=False)
    one, two = context.new_page(), context.new_page()
    _go_by_post(town, one, first, "one")
    one.fill("[name=person]", "2999000000014")
    one.click("button[form=choose]")
    _go_by_post(town, two, second, "two")
    one.check("[name=agree]")
    one.fill("[name=pin]", "482913")
    one.click("button[form=sign]")
    _sign(two)
    for page in (one, two):
        page.click("form:has([name=RequestID]) button")
        page.wait_for_url(f"{town.service_base}/signed", timeout=WAIT_MS)
    assert town.service.returned == [
        {"RequestID": first, "RelayState": "one"},
        {"RequestID": second, "RelayState": "two"},
    ]
    context.close()


@pytest.mark.parametrize("width", [320, 1100])
def test_nothing_is_wider_than_the_screen_and_every_target_is_large(town, chromium, width):
    """320 px is a phone, or 400 % zoom (WCAG 1.4.10); 44 px for whatever is pressed."""
    request_id = town.post_documents(("un-nume-de-document-foarte-lung-" * 6 + ".pdf", b"%PDF"), ("b.pdf", b"%PDF"))
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(f"{town.base}/{request_id}?lang=ru")
    for step in ("review", "confirm"):
        assert page.evaluate("document.documentElement.scrollWidth") <= width, step
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, input:not([type=hidden], [type=checkbox]), nav a, .choice, .doc a')]
            .map(e => [e.textContent || e.name, e.getBoundingClientRect().height]).filter(([, height]) => height < 44)"""
        )
        assert small == [], step
        if step == "review":
            page.fill("[name=person]", "2999000000014")
            page.click("button[form=choose]")
    context.close()


def test_the_keyboard_alone_is_enough_and_errors_take_the_focus(town, chromium):
    """Skip link first; the summary is focused; its link leads to the field; Enter sends the form."""
    request_id = town.post()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{town.base}/{request_id}?lang=ro")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("[name=person]")
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "person"
    page.keyboard.type("2999000000014")
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm")
    page.focus("[name=agree]")
    page.keyboard.press("Space")
    page.focus("[name=pin]")
    page.keyboard.type("482913")
    page.keyboard.press("Enter")
    page.wait_for_url("**/result")
    assert town.outcome(request_id) is not None
    context.close()
