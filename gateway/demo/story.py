"""
The demo's story: an e-service has three hashes and two PDFs signed, gets them, has them verified, and spoils some.

Every line is a fact that was found and what it had to be; the demo is right when all of them are. Verifiers that we did
not write judge the same files, and must agree with us as far as each of them looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Empty
from typing import Any

from pyhanko.sign.timestamps import HTTPTimeStamper

from gateway.demo import documents, spoiling
from gateway.demo.browser import Browser, Page, PageProblem
from gateway.demo.eservice import Content, EService, ReturnAddress
from gateway.demo.verdict import OracleVerdict
from gateway.demo.verifiers import pdf_verdicts, xades_verdicts
from gateway.sandbox.files import pem
from gateway.sandbox.layout import Sandbox
from gateway.sandbox.persons import PERSONS, TestPerson

HASHES = ("sha1", "sha256", "sha512")
_RELAY_STATE = "demo <relay> & state"
_RETURN_S = 30
_LANGUAGES = ("ro", "ru", "en")


@dataclass(frozen=True, slots=True)
class Line:
    """One fact: *found* and what was *expected*; *right* when they agree."""

    step: str
    what: str
    found: str
    right: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """One signed file: its name, whether it is a PDF, the file, and for XAdES the content whose hash was signed."""

    name: str
    pdf: bool
    signature: bytes
    content: bytes = b""
    algorithm: str = ""

    @property
    def digest(self) -> bytes | None:
        """The hash that was signed; None for PDFs."""
        return None if self.pdf else hashlib.new(self.algorithm, self.content).digest()


class Story:
    """Played once against a gateway that is already serving."""

    def __init__(
        self,
        sandbox: Sandbox,
        service: EService,
        page_url: str,
        files: Path,
        now: datetime,
        tell: Callable[[str], None],
    ) -> None:
        """*files*: folder for what was signed; *tell* is given each step's name as it begins."""
        self._sandbox, self._service, self._page_url = sandbox, service, page_url
        self._files, self._now, self._tell = files, now, tell
        self._person = PERSONS[0]
        self._anchors = [pem(sandbox.certificates["root"]), pem(sandbox.certificates["time-stamping"])]
        self._intermediates = [pem(sandbox.certificates["issuing"])]
        self.lines: list[Line] = []
        self.signed: list[Signed] = []

    @property
    def right(self) -> bool:
        """Whether every line was."""
        return bool(self.lines) and all(line.right for line in self.lines)

    def play(self) -> None:
        """The whole story. What goes wrong in a step becomes a wrong line, and the next step is tried."""
        with self._step("three hashes"):
            self._sign_hashes()
        with self._step("two PDFs"):
            self._sign_pdfs()
        with self._step("verification"):
            self._verify()
        with self._step("one changed byte"):
            self._spoil()
        with self._step("other programs"):
            self._ask_others()
        wanted = len(HASHES) + 2
        self._line("the end", "files signed", str(len(self.signed)), right=len(self.signed) == wanted)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._tell(name)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever went wrong is a line of the table
            self._line(name, "went wrong", f"{type(error).__name__}: {error}"[:300], right=False)

    def _line(self, step: str, what: str, found: str, *, right: bool) -> None:
        self.lines.append(Line(step, what, found, right))

    # ------------------------------------------------------------------ signing

    def _sign_hashes(self) -> None:
        contents = [(name, f"content for {name}, made by the demo at {self._now}\n".encode()) for name in HASHES]
        posted = [Content(name, f"{name}.txt", hashlib.new(name, data).digest()) for name, data in contents]
        results = self._signed_batch("three hashes", "Hash", posted, "Three TEST hashes")
        for name, data in contents:
            self._keep(Signed(f"hash-{name}.xml", False, results[name], data, name))
            (self._files / f"hash-{name}.txt").write_bytes(data)

    def _sign_pdfs(self) -> None:
        first = documents.agreement(self._now)
        stamper = HTTPTimeStamper(self._sandbox.tsa_url)
        second = documents.signed_by_a_stranger(documents.minutes(self._now), self._sandbox.stranger(), stamper)
        posted = [
            Content("agreement", "agreement.pdf", first),
            Content("minutes", "minutes.pdf", second, multiple_signatures=True),
        ]
        results = self._signed_batch("two PDFs", "Pdf", posted, "Two TEST documents")
        for content in posted:
            signature = results[content.correlation_id]
            same = signature.startswith(content.data)
            self._line("two PDFs", f"{content.name} unchanged below", "yes" if same else "no", right=same)
            self._keep(Signed(content.name, True, signature))

    def _keep(self, signed: Signed) -> None:
        (self._files / signed.name).write_bytes(signed.signature)
        self.signed.append(signed)

    def _signed_batch(self, step: str, kind: str, contents: Sequence[Content], short: str) -> dict[str, bytes]:
        request_id = self._service.post(
            kind, contents, short=short, description=f"{short} of the demo", expected=self._person.personal_identifier
        )
        self._line(step, "PostSignRequest", f"{len(contents)} contents posted", right=len(request_id) == 32)
        before = str(self._service.response(request_id).Status)
        self._line(step, "GetSignResponse before", before, right=before == "Pending")
        back = visit(self._page_url, request_id, self._person)
        expected = {"RequestID": request_id, "RelayState": _RELAY_STATE}
        complete = back == expected
        told = "with RequestID and RelayState" if complete else f"with {', '.join(sorted(back))}"
        self._line(step, "browser came back", told, right=complete)
        response = self._service.response(request_id)
        found = list(response.Results.SignResult) if response.Results is not None else []
        whole = [r.CorrelationID for r in found if r.Signature and r.Certificate]
        right = response.Status == "Success" and whole == [c.correlation_id for c in contents]
        self._line(step, "GetSignResponse after", f"{response.Status}, {len(whole)} signatures", right=right)
        return {str(r.CorrelationID): bytes(r.Signature) for r in found if r.Signature}

    # ------------------------------------------------------------------ verification by the gateway

    def _verify(self) -> None:
        for signed in self.signed:
            said = []
            for language in _LANGUAGES:
                result = self._answer(signed, signed.signature, language)
                said.append(str(result.Message))
                certificates = result.Certificates.VerificationCertificate if result.Certificates else []
                stamped = all(c.SignedAt is not None and c.SignatureValid for c in certificates)
                signers = 2 if signed.name == "minutes.pdf" else 1
                if not (result.SignaturesValid and stamped and len(certificates) == signers):
                    self._line("verification", signed.name, f"{language}: {result.Message}", right=False)
            self._line("verification", signed.name, " · ".join(said), right=len(set(said)) == len(_LANGUAGES))

    def _answer(self, signed: Signed, signature: bytes, language: str) -> Any:
        kind = "Pdf" if signed.pdf else "Hash"
        (result,) = self._service.verify(kind, [(signed.name, signature, signed.digest)], language)
        return result

    def spoiled(self) -> Iterator[tuple[str, Signed, bytes, str]]:
        """Each kind of spoiled file: what was changed, its origin, the bytes, and the reason to be given for it."""
        xades = next(s for s in self.signed if s.name == "hash-sha256.xml")
        pdf = next(s for s in self.signed if s.name == "agreement.pdf")
        yield "hash signature", xades, spoiling.spoiled_signature(xades.signature), "The signature is not valid"
        yield (
            "PDF",
            pdf,
            spoiling.spoiled_document(pdf.signature, b"Amount due: 100 lei", b"Amount due: 900 lei"),
            "The document was changed after it was signed",
        )
        yield (
            "time-stamp",
            xades,
            spoiling.spoiled_time_stamp(xades.signature),
            "The time-stamp of the signature is not valid",
        )

    def _spoil(self) -> None:
        for what, signed, data, reason in self.spoiled():
            suffix = "pdf" if signed.pdf else "xml"
            (self._files / f"spoiled-{what.replace(' ', '-').lower()}.{suffix}").write_bytes(data)
            result = self._answer(signed, data, "en")
            right = not result.SignaturesValid and result.Message == reason
            self._line("one changed byte", f"in the {what}", str(result.Message), right=right)

    # ------------------------------------------------------------------ other programs

    def _ask_others(self) -> None:
        for signed in self.signed:
            answers = self._verdicts(signed, signed.signature)
            self._judged(signed.name, answers, {answer.name: True for answer in answers})
        for what, signed, data, _ in self.spoiled():
            answers = self._verdicts(signed, data)
            blind = what == "time-stamp"
            expected = {a.name: blind and not a.looks_at_time_stamps for a in answers}
            self._judged(f"spoiled {what}", answers, expected)

    def _verdicts(self, signed: Signed, data: bytes) -> list[OracleVerdict]:
        if signed.pdf:
            return pdf_verdicts(data, self._anchors, self._intermediates, online=True)
        return xades_verdicts(data, signed.content, self._anchors, self._intermediates)

    def _judged(self, name: str, answers: Sequence[OracleVerdict], expected: dict[str, bool]) -> None:
        said = ", ".join(f"{a.name} {'accepts' if a.accepted else 'refuses'}" for a in answers)
        wrong = [a for a in answers if a.accepted != expected[a.name]]
        if wrong:
            said += "; unexpected: " + "; ".join(f"{a.name}: {a.detail}" for a in wrong)
        self._line("other programs", name, said, right=bool(answers) and not wrong)


def visit(page_url: str, request_id: str, person: TestPerson) -> dict[str, str]:
    """
    One person's visit: arrive, say who, consent with the PIN, return. Gives the fields that came back to the e-service.

    Raises:
        PageProblem: A page is not what the person would have needed.

    """
    back = ReturnAddress()
    browser = Browser()
    try:
        arrival = {"ReturnUrl": back.url, "RelayState": _RELAY_STATE, "lang": "en"}
        page = browser.arrive(f"{page_url}{request_id}", arrival)
        if page.has_field("person"):
            page = browser.submit(page, page.form_with("person"), person=person.personal_identifier)
        page = browser.submit(page, page.form_with("pin"), pin=person.pin)
        browser.submit(page, _way_back(page, back.url))
        return back.returned.get(timeout=_RETURN_S)
    except Empty:
        raise PageProblem("nothing came back to the e-service") from None
    finally:
        browser.close()
        back.close()


def _way_back(page: Page, url: str) -> Any:
    for form in page.tree.forms:
        if form.action == url and (form.method or "").upper() == "POST":
            return form
    raise PageProblem(f"the page “{page.title}” (status {page.status}) has no way back to the e-service")
