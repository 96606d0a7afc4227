"""The XAdES engine: hash contents signed and read behind the door of ``formats``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO

from gateway.asn1.public_keys import public_key_of
from gateway.domain.appearance import VisibleSignature
from gateway.domain.contents import ContentDigest
from gateway.domain.signatures import PreparedSignature, SignatureValue
from gateway.domain.verdicts import IntegrityVerdict
from gateway.domain.verification import DetachedContent
from gateway.errors import UnsignableDocument
from gateway.formats.api import SignatureParameters
from gateway.formats.xades import writing
from gateway.formats.xades.budget import Budget
from gateway.formats.xades.documents import Document
from gateway.formats.xades.outside import Outside
from gateway.formats.xades.own import OwnSignatures
from gateway.formats.xades.parsing import parse, read_bounded
from gateway.formats.xades.reading import judge_over_hash
from gateway.formats.xades.references import References
from gateway.formats.xades.structure import FEW
from gateway.formats.xades.xpath import SelectedBy, XPathProcesses


class XadesEngine:
    """
    XAdES baseline B and T over hashes (EN 319 132-1, decision 20); implements ``SignatureEngine``.

    One engine serves all threads of a worker. It keeps warm a template for each certificate that signed lately and the
    public keys of certificates that it read lately; all follow from their certificates alone, so they are never stale.
    """

    def __init__(self, templates: int = 256, keys: int = 256) -> None:
        """*templates* and *keys*: how many are kept, at most."""
        self._template = lru_cache(maxsize=templates)(writing.Template.of)
        self._key_of = lru_cache(maxsize=keys)(public_key_of)
        self._own = OwnSignatures(self._key_of, kept=keys)
        self._processes = XPathProcesses()

    def inspect(
        self,
        document: BinaryIO,  # noqa: ARG002 - the door's shape
        *,
        multiple_signatures: bool,  # noqa: ARG002
        appearance: VisibleSignature | None = None,  # noqa: ARG002
    ) -> None:
        """Hashes are no documents: always raises ``UnsignableDocument``."""
        raise UnsignableDocument("a hash is signed as it is; there is no document to inspect")

    def prepare(self, content: ContentDigest | BinaryIO, parameters: SignatureParameters) -> PreparedSignature:
        """
        Build everything but the signature value, over *content*.

        Raises:
            UnsignableDocument: The content is a document, the certificate's key is of a kind that we do not sign with,
                or a parameter does not have its form.

        """
        template = self._template(*writing.template_key(parameters.certificate))
        return template.prepare(_digest(content), parameters.signing_time, parameters.signature_id)

    def imprint(self, prepared: PreparedSignature, value: SignatureValue) -> bytes:
        """
        SHA-256 over the exclusive C14N of ds:SignatureValue (EN 319 132-1 § 5.3).

        Raises:
            UnreadableSignature: The prepared signature is damaged or of an unknown layout.

        """
        return writing.imprint(prepared, value)

    def complete(
        self,
        content: ContentDigest | BinaryIO,
        prepared: PreparedSignature,
        value: SignatureValue,
        token: bytes | None,
        out: BinaryIO,
    ) -> None:
        """
        Write the signature to *out*: level T with *token*, B without.

        *content* was prepared and is not needed again. Whether *value* is the key's is not asked here: what was
        written is read back by the caller (decision 22).

        Raises:
            UnreadableSignature: The prepared signature is damaged or of an unknown layout.
            UnsignableDocument: The content is a document.

        """
        _digest(content)
        out.write(writing.completed(prepared, value, token))

    def read(self, signature: BinaryIO, content: bytes | None) -> Sequence[IntegrityVerdict]:
        """
        A verdict on each signature in an XML document of at most 8 MiB.

        *content* is the hash that was signed: of the one thing outside the document that the signature names, itself
        or in a manifest. Whatever else it references is in the document and compared too; counter-signatures are not
        answered for. Without the hash nothing can hold: ``crypto_valid`` is False and ``structure_valid`` None
        (undetermined), with failure FORMAT unless something is wrong in itself. The same goes for what this reader
        cannot judge: transforms of the content other than canonicalisation, unknown algorithms, unusable keys, several
        contents. ``structure_valid`` is None, too, where the signature does not say whose it is.

        Raises:
            UnreadableSignature: Not XML, beyond the bounds, with a DTD, or without a signature of the usual shape.
            ServiceBusy: Too many documents need XPath.

        """
        data = read_bounded(signature)
        own = None if content is None else self._own.read(data, content)
        if own is not None:
            return [own]
        document = Document(data, parse(data))
        budget = Budget()
        selecting = SelectedBy(document, self._processes, budget)
        references = References(document, _hash_outside(content), selecting, False, FEW, budget)
        return judge_over_hash(references, self._key_of, given=content is not None)


def _hash_outside(content: bytes | None) -> Outside:
    """The caller's hash, whose algorithm follows from its length, as the only content."""
    if content is None:
        return Outside(())
    try:
        algorithm = ContentDigest.of(content).algorithm.value
    except ValueError:
        algorithm = None
    return Outside((DetachedContent(digest_algorithm=algorithm, digest=content),))


def _digest(content: ContentDigest | BinaryIO) -> ContentDigest:
    if not isinstance(content, ContentDigest):
        raise UnsignableDocument("only hashes are signed in this format")
    return content
