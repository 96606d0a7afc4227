"""How much of a message is read before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

_TEXT = 1_000_000
_TEXT_OF_CONTENT = 1000


@dataclass(frozen=True, slots=True)
class SoapLimits:
    """
    Bounds of one message; sizes in bytes unless named otherwise.

    Args:
        body: the HTTP body as it travels. A batch of 500 MB has 667 MB in base64 and 684 MB in lines.
        document: one decoded content or signature.
        contents: SignContent or VerificationContent elements.
        memory: a decoded content up to this size stays in memory; a larger one goes to the content store.
        text: characters of all text members together.
        depth: elements nested in each other.
        attributes: attributes of one element, and namespace declarations of one element.
        attribute_chars: characters of one element's attributes and declarations, names included.
        unknown_drain: what is still read of a body that is refused unread, so that the fault can be received.
        large: messages above this size are counted,
        in_flight: and have so many bytes together, in one process at once.

    """

    body: int = 708_000_000
    document: int = 100_000_000
    contents: int = 1000
    memory: int = 16 * 1024
    text: int = _TEXT
    depth: int = 32
    attributes: int = 32
    attribute_chars: int = 16 * 1024
    unknown_drain: int = 1024 * 1024
    large: int = 1_000_000
    in_flight: int = 2_000_000_000

    @classmethod
    def of(cls, *, contents: int, document: int, batch: int, text: int = _TEXT, **others: int) -> SoapLimits:
        """
        The bounds that let every message through which the operation may accept.

        Args:
            contents: of one request.
            document: bytes of one content.
            batch: bytes of all contents together; base64 broken into lines and all other members come on top.
            text: characters of all text members together; never less than the contents' own members may need.
            others: bounds by their names here.

        """
        text = max(text, contents * _TEXT_OF_CONTENT)
        return cls(body=batch * 7 // 5 + text * 8, document=document, contents=contents, text=text, **others)

    @property
    def elements(self) -> int:
        """Elements of a message: sixteen for each content, where the contract has six, and some for all else."""
        return 1000 + 16 * self.contents
