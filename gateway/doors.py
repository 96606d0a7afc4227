"""
The front doors, wired: WSGI applications over one ``House`` each.

Built in each worker, after the fork. What implements what is chosen in ``app``; here it is only put behind addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from gateway.app import House, WsgiApplication, utc_now
from gateway.domain.messages import Language, MessageKey
from gateway.domain.verification import DetachedContent, FileFormat, VerificationResult
from gateway.messages.catalog import load_catalog
from gateway.pages.application import build_pages_wsgi
from gateway.pages.texts import zone_of
from gateway.pages.verifying import ReportKind, build_verify_wsgi
from gateway.reports.api import Validated
from gateway.reports.html import HtmlReports
from gateway.reports.xml import xml_report
from gateway.rest.application import build_rest_wsgi
from gateway.settings import Environment, LimitSettings, Settings
from gateway.soap.application import build_soap_wsgi
from gateway.soap.faults import FaultCodeForm
from gateway.soap.limits import SoapLimits
from gateway.soap.published import contract_wsgi

_UPLOAD_OVERHEAD = 1024 * 1024


def soap_limits(limits: LimitSettings) -> SoapLimits:
    """The bounds of a message."""
    return SoapLimits.of(
        contents=limits.contents,
        document=limits.document_bytes,
        batch=limits.batch_bytes,
        text=limits.text_chars,
        depth=limits.depth,
        attributes=limits.attributes,
        large=limits.large_bytes,
        in_flight=limits.large_in_flight_bytes,
    )


def soap_application(settings: Settings, certificate_of: Callable[[dict[str, Any]], bytes | None]) -> WsgiApplication:
    """The front door for consumers; *certificate_of* finds the connection's client certificate (DER)."""
    house, limits = House(settings), settings.limits
    return build_soap_wsgi(
        post=house.post_sign_request,
        get=house.get_sign_response,
        verify=house.verify_signatures,
        consumers=house.consumers,
        contents=house.contents,
        catalog=load_catalog(),
        certificate_of=certificate_of,
        location=settings.soap.public_url,
        limits=soap_limits(limits),
        has_room=lambda size: house.contents.has_room(size, limits.keep_free_bytes),
        strict=settings.soap.strict,
        fault_codes=FaultCodeForm(settings.soap.fault_codes),
    )


def pages_application(settings: Settings) -> WsgiApplication:
    """The signer's pages, and beside them the contract for integrators (decision 17)."""
    house = House(settings)
    base_path = urlsplit(settings.pages.public_url).path

    def resolve(name: str | None) -> str | None:
        instrument = house.instruments.resolve(name)
        return instrument.name if instrument is not None else None

    pages = build_pages_wsgi(
        signing=house.signing,
        consumers=house.consumers,
        arrivals=house.arrivals,
        contents=house.contents,
        catalog=load_catalog(),
        resolve_instrument=resolve,
        secret_key=settings.pages.secret_key(),
        base_path=base_path,
        secure_cookies=settings.pages.secure,
        test_band=settings.environment is Environment.SANDBOX,
        time_zone=settings.pages.time_zone,
        clock=utc_now,
    )
    beside = {f"{base_path}MSign.svc": contract_wsgi(settings.soap.public_url)}
    if settings.validation.open_to_all:
        beside |= {f"{base_path}verify": _verify_page(house), f"{base_path}api": _rest(house)}
    return DispatcherMiddleware(pages, beside)


def _verify_page(house: House) -> WsgiApplication:
    """Where anybody has a signature verified."""
    settings, catalog = house.settings, load_catalog()
    zone = settings.pages.time_zone
    pages = HtmlReports(catalog, zone_of(zone))

    def validated(name: str, sha256: bytes, result: VerificationResult) -> Validated:
        return Validated(name, result, utc_now().replace(microsecond=0), settings.validation.policy, sha256)

    def html(name: str, sha256: bytes, result: VerificationResult, language: Language) -> bytes:
        return pages.html(validated(name, sha256, result), language).encode()

    def xml(name: str, sha256: bytes, result: VerificationResult, language: Language) -> bytes:
        del language  # for programs
        return xml_report(validated(name, sha256, result), house.report_seal)

    def verify(
        file_format: FileFormat | None, signature: BinaryIO, contents: Sequence[DetachedContent]
    ) -> VerificationResult:
        return house.verify_any(file_format, signature, contents)

    def explain(prefix: str, key: MessageKey, language: Language) -> str:
        return catalog.text(f"{prefix}.{key.value}", language)

    return build_verify_wsgi(
        verify=verify,
        explain=partial(explain, "explained"),
        advise=partial(explain, "advice"),
        reports={
            "html": ReportKind("html", "text/html", html),
            "xml": ReportKind("xml", "application/xml", xml),
        },
        throttle=house.verification_throttle,
        catalog=catalog,
        clock=utc_now,
        upload_limit=settings.limits.document_bytes + _UPLOAD_OVERHEAD,
        secure=settings.pages.secure,
        test_band=settings.environment is Environment.SANDBOX,
        time_zone=zone,
    )


def _rest(house: House) -> WsgiApplication:
    """The same for programs."""
    return build_rest_wsgi(
        verify=house.verify_any,
        report=house.verification_facts,
        jobs=house.verification_jobs,
        contents=house.contents,
        throttle=house.verification_throttle,
        clock=utc_now,
        policy=house.settings.validation.policy,
        body_limit=house.settings.limits.document_bytes + _UPLOAD_OVERHEAD,
    )
