"""The first shape: consumers, requests with contents and progress, arrivals, signers' keys, tries, certificates."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _consumers()
    _requests()
    _contents()
    _signers()
    _certificates()


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _consumers() -> None:
    op.create_table(
        "consumers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("serial", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("return_origins", sa.Text, nullable=False),
        sa.Column("addresses", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consumers"),
        sa.UniqueConstraint("name", name="uq_consumers_name"),
        sa.UniqueConstraint("issuer", "serial", name="uq_consumers_issuer_serial"),
    )


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("consumer_id", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("short_description", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("signature_reason", sa.Text),
        sa.Column("signer_identifier", sa.Text),
        sa.Column("signer_delegator_type", sa.Text),
        sa.Column("signer_delegator_id", sa.Text),
        sa.Column("signer_delegated_role", sa.BigInteger),
        sa.Column("created", _moment(), nullable=False),
        sa.Column("expires", _moment(), nullable=False),
        sa.Column("outcome_message", sa.Text),
        sa.Column("outcome_recorded", _moment()),
        sa.Column("pen_session", sa.Text),
        sa.Column("pen_browser", sa.LargeBinary),
        sa.Column("pen_created", _moment()),
        sa.Column("pen_instrument", sa.Text),
        sa.Column("pen_holder", sa.Text),
        sa.Column("pen_certificate", sa.LargeBinary),
        sa.Column("pen_consent_nonce", sa.LargeBinary),
        sa.Column("pen_consented", _moment()),
        sa.Column("pen_memo", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
        sa.UniqueConstraint("pen_session", name="uq_requests_pen_session"),
    )
    op.create_index("ix_requests_created", "requests", ["created"])
    op.create_table(
        "arrivals",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("browser", sa.LargeBinary, nullable=False),
        sa.Column("created", _moment(), nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("carried", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "browser", name="pk_arrivals"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_arrivals_request_id", ondelete="CASCADE"),
    )


def _contents() -> None:
    op.create_table(
        "contents",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("correlation_id", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("content_id", sa.Text),
        sa.Column("content_length", sa.BigInteger),
        sa.Column("content_sha256", sa.LargeBinary),
        sa.Column("multiple_signatures", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "position", name="pk_contents"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_contents_request_id", ondelete="CASCADE"),
    )
    op.create_index("ix_contents_content_id", "contents", ["content_id"])
    op.create_table(
        "progress",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("prepared_octets", sa.LargeBinary),
        sa.Column("prepared_state", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        sa.Column("certificate", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
        sa.Column("result_id", sa.Text),
        sa.Column("result_length", sa.BigInteger),
        sa.Column("result_sha256", sa.LargeBinary),
        sa.PrimaryKeyConstraint("request_id", "position", name="pk_progress"),
        sa.ForeignKeyConstraint(
            ["request_id", "position"],
            ["contents.request_id", "contents.position"],
            name="fk_progress_request_id_position",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_progress_result_id", "progress", ["result_id"])


def _signers() -> None:
    op.create_table(
        "signer_keys",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("personal_identifier", sa.Text, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", _moment(), nullable=False),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("locked_until", _moment()),
        sa.PrimaryKeyConstraint("id", name="pk_signer_keys"),
    )
    op.create_index("ix_signer_keys_personal_identifier", "signer_keys", ["personal_identifier"])
    op.create_table(
        "address_tries",
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.Column("since", _moment(), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_address_tries"),
    )
    op.create_index("ix_address_tries_since", "address_tries", ["since"])


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("issuer_key_hash", sa.LargeBinary, nullable=False),
        sa.Column("serial", sa.Text, nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("issued", _moment(), nullable=False),
        sa.Column("revoked", _moment()),
        sa.Column("reason", sa.Integer),
        sa.PrimaryKeyConstraint("issuer_key_hash", "serial", name="pk_certificates"),
    )
    op.create_index("ix_certificates_issuer_key_hash_revoked", "certificates", ["issuer_key_hash", "revoked"])
