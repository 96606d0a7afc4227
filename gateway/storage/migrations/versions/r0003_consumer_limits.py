"""What a consumer may use, and what it uses."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name in ("open_requests", "stored_bytes", "request_bytes"):
        op.add_column("consumers", sa.Column(name, sa.BigInteger))
    op.add_column("requests", sa.Column("stored_bytes", sa.BigInteger))
    op.execute(
        "UPDATE requests SET stored_bytes = "
        "(SELECT sum(content_length) FROM contents WHERE contents.request_id = requests.id)"
    )
    op.create_index(
        "ix_requests_consumer_id_outcome_recorded_expires", "requests", ["consumer_id", "outcome_recorded", "expires"]
    )
    op.create_index("ix_requests_consumer_id_stored_bytes", "requests", ["consumer_id", "stored_bytes"])
