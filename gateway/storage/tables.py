"""
The database's shape, portable between SQLite and PostgreSQL. Rows hold references to large contents, never their bytes.

``migrations/`` makes a database of this shape, step by step; a test holds the two against each other.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

from gateway.domain.contents import ContentType
from gateway.domain.messages import Language, MessageKey
from gateway.domain.parties import DelegatorType
from gateway.domain.requests import ContentState
from gateway.domain.verification_jobs import JobState
from gateway.storage.columns import BigNumber, BytesList, Member, Moment, TextList, TextMap, Words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

consumers = Table(
    "consumers",
    metadata,
    Column("id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("issuer", Words, nullable=False),
    Column("serial", Words, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("return_origins", TextList, nullable=False),
    Column("addresses", TextList, nullable=False),
    Column("open_requests", BigInteger),
    Column("stored_bytes", BigInteger),
    Column("request_bytes", BigInteger),
    UniqueConstraint("name"),
    UniqueConstraint("issuer", "serial"),
)

# Apart, for a consumer is looked up with every call, and what its signatures look like once a signing.
appearances = Table(
    "appearances",
    metadata,
    Column("consumer_id", Words, ForeignKey("consumers.id", ondelete="CASCADE"), primary_key=True),
    Column("description", Words, nullable=False),
)

# What was posted, who holds the pen and how it ended stand in one row, so that every guard is a condition on one row.
requests = Table(
    "requests",
    metadata,
    Column("id", Words, primary_key=True),
    Column("consumer_id", Words, nullable=False),
    Column("content_type", Member(ContentType), nullable=False),
    Column("short_description", Words, nullable=False),
    Column("description", Words, nullable=False),
    Column("signature_reason", Words),
    Column("signer_identifier", Words),
    Column("signer_delegator_type", Member(DelegatorType)),
    Column("signer_delegator_id", Words),
    Column("signer_delegated_role", BigInteger),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("outcome_message", Member(MessageKey)),
    Column("outcome_recorded", Moment),
    Column("pen_session", Words),
    Column("pen_browser", LargeBinary),
    Column("pen_created", Moment),
    Column("pen_instrument", Words),
    Column("pen_holder", Words),
    Column("pen_certificate", LargeBinary),
    Column("pen_consent_nonce", LargeBinary),
    Column("pen_consented", Moment),
    Column("pen_memo", TextMap),
    Column("stored_bytes", BigInteger),
    UniqueConstraint("pen_session"),
    Index(None, "created"),
    Index(None, "consumer_id", "outcome_recorded", "expires"),
    Index(None, "consumer_id", "stored_bytes"),
)

contents = Table(
    "contents",
    metadata,
    Column("request_id", Words, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("correlation_id", Words),
    Column("name", Words),
    Column("digest", LargeBinary),
    Column("content_id", Words),
    Column("content_length", BigInteger),
    Column("content_sha256", LargeBinary),
    Column("multiple_signatures", Boolean, nullable=False),
    Index(None, "content_id"),
)

# A content without a row here waits.
progress = Table(
    "progress",
    metadata,
    Column("request_id", Words, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("state", Member(ContentState), nullable=False),
    Column("reason", Member(MessageKey)),
    Column("prepared_octets", LargeBinary),
    Column("prepared_state", LargeBinary),
    Column("value", LargeBinary),
    Column("certificate", LargeBinary),
    Column("result", LargeBinary),
    Column("result_id", Words),
    Column("result_length", BigInteger),
    Column("result_sha256", LargeBinary),
    ForeignKeyConstraint(["request_id", "position"], ["contents.request_id", "contents.position"], ondelete="CASCADE"),
    Index(None, "result_id"),
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("request_id", Words, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
    Column("browser", LargeBinary, primary_key=True),
    Column("created", Moment, nullable=False),
    Column("turn", BigInteger, nullable=False),
    Column("carried", TextMap, nullable=False),
)

signer_keys = Table(
    "signer_keys",
    metadata,
    Column("id", Words, primary_key=True),
    Column("personal_identifier", Words, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("chain", BytesList, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", Moment, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("locked_until", Moment),
    Index(None, "personal_identifier"),
)

address_tries = Table(
    "address_tries",
    metadata,
    Column("address", LargeBinary, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Index(None, "since"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("issuer_key_hash", LargeBinary, primary_key=True),
    Column("serial", BigNumber, primary_key=True),
    Column("der", LargeBinary, nullable=False),
    Column("issued", Moment, nullable=False),
    Column("revoked", Moment),
    Column("reason", Integer),
    Index(None, "issuer_key_hash", "revoked"),
)

verification_jobs = Table(
    "verification_jobs",
    metadata,
    Column("id", Words, primary_key=True),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("language", Member(Language), nullable=False),
    Column("policy", Words, nullable=False),
    Column("tasks", Words, nullable=False),
    Column("state", Member(JobState), nullable=False),
    Column("claims", Integer, nullable=False),
    Column("claimed_until", Moment),
    Column("answers", Words),
    Index(None, "expires"),
)
