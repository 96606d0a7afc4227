"""
A self-hosted gateway for electronic signatures, wire-compatible with Moldova's MSign.

Information systems (*consumers*) post a batch of hashes or PDFs over SOAP; a person opens the sign page, reviews and
signs the batch; the consumer fetches XAdES or PAdES signatures, time-stamped, and may have signatures validated.

The shortest working example needs only a shell::

    ./gw demo
"""

__version__ = "0.1.0"
