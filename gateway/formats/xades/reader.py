"""XML with signatures anywhere in it, read: XAdES and plain XML signatures that others made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO

from gateway.asn1.public_keys import public_key_of
from gateway.domain.verdicts import IntegrityVerdict
from gateway.domain.verification import DetachedContent
from gateway.formats.xades.budget import Budget
from gateway.formats.xades.documents import Document
from gateway.formats.xades.outside import Outside
from gateway.formats.xades.parsing import FILES, parse, read_bounded
from gateway.formats.xades.reading import judge_file
from gateway.formats.xades.references import References
from gateway.formats.xades.structure import MANY
from gateway.formats.xades.xpath import SelectedBy, XPathProcesses


class XadesReader:
    """
    Implements ``formats.api.SignatureReader`` for XML: enveloped, enveloping and detached signatures, with manifests,
    counter-signatures, and DIGIDOC-XML.

    One reader serves all threads of a worker. Public keys of certificates read lately are kept; processes that
    evaluate XPath start when a signature first needs them. XSLT is never run, and nothing is ever fetched.
    """

    def __init__(self, *, keys: int = 256, processes: int = 2, seconds: float = 5.0) -> None:
        """*keys*: how many are kept; *processes* and *seconds* of XPath for each file."""
        self._key_of = lru_cache(maxsize=keys)(public_key_of)
        self._processes = XPathProcesses(processes, seconds)

    def read_file(
        self,
        signature: BinaryIO,
        contents: Sequence[DetachedContent],
        *,
        as_stated: bool = False,
        certificates: Sequence[bytes] = (),
    ) -> Sequence[IntegrityVerdict]:
        """
        A verdict on each signature of an XML document of at most 32 MiB, counter-signatures too.

        What a reference names outside the document is found among *contents*; see ``formats.api``.

        Raises:
            UnreadableSignature: Not XML, beyond the bounds, or with a DTD.
            ServiceBusy: Too many documents need XPath.

        """
        data = read_bounded(signature, FILES.size)
        return self.read_xml(data, Outside(contents), Budget(), as_stated=as_stated, certificates=certificates)

    def read_xml(
        self, data: bytes, outside: Outside, budget: Budget, *, as_stated: bool, certificates: Sequence[bytes] = ()
    ) -> list[IntegrityVerdict]:
        """The same for *data* at hand, with what lies *outside*, within the *budget* of what they are part of."""
        document = Document(data, parse(data, FILES))
        selecting = SelectedBy(document, self._processes, budget)
        references = References(document, outside, selecting, as_stated, MANY, budget, tuple(certificates))
        return judge_file(references, self._key_of)
