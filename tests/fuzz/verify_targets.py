"""
What ``gw fuzz verify`` throws at, and what must hold of every answer.

Nothing but the error family may be raised, nothing may take long, and a file that is believed must say what a good one
said: the same signer and time, the same signed content.
"""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import time
from contextlib import contextmanager
from io import BytesIO

from lxml import etree
from signxml import XMLSigner

from gateway.domain.contents import ContentDigest
from gateway.domain.verification import DetachedContent
from gateway.errors import GatewayError, UnreadableSignature
from gateway.formats.isolated import Refused
from gateway.formats.pades.documents import with_reader
from gateway.formats.pades.engine import PadesEngine
from gateway.formats.pades.found import found_in
from gateway.formats.pades.reading import DocumentReader
from gateway.formats.pades.surveying import comparisons, survey
from gateway.formats.xades.engine import XadesEngine
from gateway.formats.xades.reader import XadesReader
from tests.formats.pades import conftest as pdfs

LONGEST_SECONDS = 20.0
"""Far more than any input takes, for machines that others use too; the real bound is the process's."""

_HASHED = 1 << 30
_DS = "{http://www.w3.org/2000/09/xmldsig#}"


class Finding(Exception):
    """Something that must not be; its text says what."""


@contextmanager
def in_time():
    """Stop what takes too long, as a finding."""

    def stop(_number, _frame):
        raise Finding(f"took more than {LONGEST_SECONDS:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class XmlTarget:
    """Our signature over a hash, and a stranger's around a document."""

    def __init__(self):
        self._reader = XadesReader(seconds=2.0)
        town = pdfs.Town()
        self._digest = hashlib.sha256(b"content").digest()
        detached = BytesIO()
        self._sign(town, detached)
        self.samples = [detached.getvalue(), _enveloped(town)]
        self._said = {self._told(data) for data in self.samples}
        if None in self._said:
            raise Finding("a good sample is not believed")

    def _sign(self, town, out):
        engine, signer = XadesEngine(), town.signer("p-256")
        content = ContentDigest.of(self._digest)
        prepared = engine.prepare(content, signer.parameters())
        value = signer.value(prepared.data)
        engine.complete(content, prepared, value, town.token_of(engine.imprint(prepared, value)), out)

    def check(self, data):
        """Whether *data* was believed. Raises ``Finding``, or whatever the reader should not."""
        told = self._told(data)
        if told is None:
            return False
        said, times, part = told
        if not any(said == one and part == other and times in (when, ()) for one, when, other in self._said):
            raise Finding("believed, and says something else than was signed")
        return True

    def _told(self, data):
        """What a believed file says; None for one that is not."""
        outside = [DetachedContent(None, None, "sha256", self._digest)]
        try:
            verdicts = self._reader.read_file(BytesIO(data), outside)
        except GatewayError:
            return None
        if not verdicts or not all(one.crypto_valid and one.structure_valid is not False for one in verdicts):
            return None
        if any(one.certificate_reference_matches is False for one in verdicts):
            return None
        said = tuple((_signer(one), one.signature_digests) for one in verdicts)
        # A comment inside the time is not signed and leaves it unread, which is no other time.
        times = tuple(one.claimed_signing_time for one in verdicts if one.claimed_signing_time is not None)
        return said, times, _signed_part(data)


def _signer(verdict):
    """Whom the signature itself names; certificates that are only sent along are the trust's question."""
    return verdict.certificate if verdict.certificate_reference_matches else None


def _signed_part(data):
    """The document without its signatures, in canonical form without comments; of a lone signature, its references."""
    root = etree.fromstring(data)
    if root.tag == f"{_DS}Signature":
        return etree.tostring(root.find(f"{_DS}SignedInfo"), method="c14n", with_comments=False)
    for signature in list(root.iter(f"{_DS}Signature")):
        parent, before, tail = signature.getparent(), signature.getprevious(), signature.tail or ""
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
        parent.remove(signature)
    return etree.tostring(root, method="c14n", with_comments=False)


def _enveloped(town):
    person = town.signer("p-256").holder
    document = etree.fromstring(b'<order xmlns="urn:a"><item amount="1">pen</item><note>none</note></order>')
    signed = XMLSigner(signature_algorithm="ecdsa-sha256").sign(document, key=person.key, cert=[person.cert])
    return etree.tostring(signed)


class PdfTarget:
    """Signed documents of three layouts, one with a later time-stamp."""

    def __init__(self):
        logging.disable(logging.CRITICAL)  # as in the isolated process
        town, engine = pdfs.Town(), PadesEngine(container_bytes=4096, processes=1)
        signer = town.signer("p-256")
        plain = signer.sign(engine, pdfs.blank_pdf(), stamped=False)
        self.samples = [
            plain,
            signer.sign(engine, pdfs.blank_pdf(object_streams=True)),
            signer.sign(engine, pdfs.form_pdf(value="100")),
            town.time_stamped(pdfs.with_store(plain, certs=[town.root.der])),
        ]
        self._said = {self._told(data) for data in self.samples}
        if None in self._said:
            raise Finding("a good sample is not believed")

    def check(self, data):
        """Whether *data* was believed. Raises ``Finding``, or whatever the reader should not."""
        began = time.monotonic()
        told = self._told(data)
        if told is not None and told not in self._said:
            raise Finding("believed, and shows or says something else than was signed")
        if time.monotonic() - began > LONGEST_SECONDS:
            raise Finding("took too long")
        return told is not None

    def _told(self, data):
        descriptor = os.memfd_create("fuzz")
        try:
            os.write(descriptor, data)
            return self._judged(descriptor, data)
        except (Refused, UnreadableSignature):
            return None
        finally:
            os.close(descriptor)

    def _judged(self, descriptor, data):
        surveyed = with_reader(descriptor, survey)
        found, store = found_in([surveyed.answer, *comparisons(surveyed)], lambda at, size: data[at : at + size])
        verdicts = DocumentReader(BytesIO(data), len(data), store, _HASHED).verdicts(found)
        believed = verdicts and all(
            one.crypto_valid
            and one.structure_valid
            and one.certificate_reference_matches is not False
            and (one.covers_whole_document or one.modified_after_signing is False)
            for one in verdicts
        )
        if not believed:
            return None
        first = verdicts[0]
        covered = frozenset(_covered(data, one.byte_range) for one in found)
        return _signer(first), first.claimed_signing_time, covered, _shown(surveyed.reader)


def _covered(data, byte_range):
    start, length, second, rest = byte_range
    return hashlib.sha256(data[start : start + length] + data[second : second + rest]).digest()


def _shown(reader):
    """The contents of every page, its annotations' kinds, and the values of the form."""
    shown = []
    for kid in reader.root["/Pages"]["/Kids"]:
        page = kid.get_object()
        notes = page["/Annots"] if "/Annots" in page else []  # noqa: SIM401 - get would leave the reference
        kinds = tuple(str(note.get_object()["/Subtype"]) for note in notes)
        shown.append((bytes(page["/Contents"].data), kinds))
    fields = [field.get_object() for field in reader.root["/AcroForm"]["/Fields"]]
    values = [str(field["/V"]) for field in fields if str(field["/FT"]) != "/Sig" and "/V" in field]
    return shown[0], len(shown), tuple(values)


TARGETS = {"xml": XmlTarget, "pdf": PdfTarget}
