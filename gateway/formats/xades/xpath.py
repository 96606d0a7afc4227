"""Asking the process that evaluates XPath (``worker``), a few times for each file and never for long (decision 29)."""

from __future__ import annotations

import io
from collections.abc import Mapping

from lxml import etree

from gateway.formats.isolated import Answer
from gateway.formats.isolation import Declined, Isolation, Stopped
from gateway.formats.pades.streams import lent
from gateway.formats.xades.budget import Budget
from gateway.formats.xades.canonical import NotCanonicalisable, canonical
from gateway.formats.xades.documents import Document
from gateway.formats.xades.names import ds
from gateway.formats.xades.structure import Reference
from gateway.formats.xades.transforms import NotTransformable

_WORKER = "gateway.formats.xades.worker"


class XPathProcesses:
    """The processes of a reader, started when they are first needed."""

    def __init__(self, processes: int = 2, seconds: float = 5.0, memory_bytes: int = 1 << 30) -> None:
        """*seconds* for all of a document's own references, and for each to data from outside."""
        self._work = Isolation(_WORKER, processes=processes, seconds=seconds, memory=memory_bytes)

    def ask(self, name: str, arguments: Mapping[str, str], data: bytes, budget: Budget) -> list[Answer]:
        """What operation *name* of ``worker`` answers over *data*, in time. Raises ``ServiceBusy``."""
        if not budget.can_call():
            return []
        try:
            with lent(io.BytesIO(data)) as descriptor:
                return self._work.run(name, arguments, descriptor)
        except Stopped as problem:
            budget.stop_calling()
            return problem.answers
        except Declined:
            return []


class SelectedBy:
    """``references.Selecting`` for one document: its own references are asked for all at once."""

    def __init__(self, document: Document, processes: XPathProcesses, budget: Budget) -> None:
        """Nothing is asked yet."""
        self._document = document
        self._processes = processes
        self._budget = budget
        self._own: dict[etree._Element, tuple[bytes, bool]] | None = None

    def __call__(self, reference: Reference, data: bytes | None) -> tuple[bytes, bool]:
        """See ``references.Selecting``. Raises ``NotTransformable``, ``ServiceBusy``."""
        found = self._same(reference) if data is None else self._outside(reference, data)
        if found is None:
            raise NotTransformable("no answer")
        return found

    def _same(self, reference: Reference) -> tuple[bytes, bool] | None:
        if self._own is None:
            answers = self._processes.ask("same", {}, self._document.data, self._budget)
            elements = list(self._document.root.iter(ds("Reference")))
            self._own = {elements[int(answer.fields["number"])]: _read(answer) for answer in answers}
        return self._own.get(reference.element)

    def _outside(self, reference: Reference, data: bytes) -> tuple[bytes, bool] | None:
        transforms = reference.element.find(ds("Transforms"))
        if transforms is None:
            return None
        try:
            written = canonical(transforms, None).decode("utf-8")
        except NotCanonicalisable:
            return None
        answers = self._processes.ask("outside", {"transforms": written}, data, self._budget)
        return _read(answers[0]) if answers else None


def _read(answer: Answer) -> tuple[bytes, bool]:
    return answer.blobs[0], answer.fields["whole"] is True
