"""Requests: what was posted, who holds the pen, how far each content is, and the one outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, select, union, update

from gateway.domain.contents import ContentId
from gateway.domain.parties import NO_LIMITS, ConsumerId, ConsumerLimits
from gateway.domain.requests import ContentProgress, ContentState, Outcome, RequestId, SignRequest
from gateway.domain.sessions import SessionId, SigningSession
from gateway.errors import RequestNotFound
from gateway.storage import rows, usage
from gateway.storage.api import Forgotten, RequestRecord
from gateway.storage.tables import contents, progress, requests
from gateway.storage.transactions import reading, upsert, writing

_IDS_AT_ONCE = 500
"""How many ids one statement names: below every database's limit of parameters."""

_RANK = {
    ContentState.WAITING: 0,
    ContentState.PREPARED: 1,
    ContentState.SIGNED: 2,
    ContentState.TIME_STAMP_MISSING: 2,
    ContentState.DONE: 3,
    ContentState.FAILED: 3,
}


class SqlRequestStore:
    """
    See the door (``RequestStore``).

    Who holds the pen and how it ended are columns of the request's own row, so that each guard is one condition on one
    row: of two writers one takes effect, and the other is told so, on either database. Progress is written only with
    that row locked, and only forward: a signature value that was kept is never lost to a slower visit.
    """

    def __init__(self, engine: Engine) -> None:
        """*engine*: of ``open_database``."""
        self._engine = engine

    def add(self, request: SignRequest, limits: ConsumerLimits = NO_LIMITS) -> None:
        """See the door."""
        with writing(self._engine) as connection:
            if limits != NO_LIMITS:
                usage.lock(connection, request.consumer_id)
                more = rows.stored_bytes(request)
                usage.refuse_excess(connection, request.consumer_id, request.created, limits, more)
            connection.execute(insert(requests), rows.request_row(request))
            connection.execute(insert(contents), [rows.content_row(request.id, item) for item in request.contents])

    def refuse_excess(self, consumer_id: ConsumerId, now: datetime, limits: ConsumerLimits, more_bytes: int) -> None:
        """See the door."""
        with reading(self._engine) as connection:
            usage.refuse_excess(connection, consumer_id, now, limits, more_bytes)

    def get(self, request_id: RequestId) -> RequestRecord:
        """See the door."""
        progress_columns = [column for column in progress.c if column.name not in contents.c]
        same = and_(progress.c.request_id == contents.c.request_id, progress.c.position == contents.c.position)
        with reading(self._engine) as connection:
            row = connection.execute(select(requests).where(requests.c.id == request_id)).one_or_none()
            if row is None:
                raise RequestNotFound
            found = connection.execute(
                select(contents, *progress_columns)
                .select_from(contents.outerjoin(progress, same))
                .where(contents.c.request_id == request_id)
                .order_by(contents.c.position)
            ).all()
        return RequestRecord(
            request=rows.request_of(row, tuple(rows.content_of(item) for item in found)),
            outcome=rows.outcome_of(row),
            pen=rows.pen_of(row),
            progress=tuple(rows.progress_of(item) for item in found),
        )

    # ------------------------------------------------------------------ the pen

    def take_pen(self, session: SigningSession, now: datetime, *, superseding: SessionId | None) -> bool:
        """See the door."""
        return self._update_one(
            and_(requests.c.id == session.request_id, requests.c.pen_session.is_not_distinct_from(superseding)),
            now,
            rows.pen_row(session),
        )

    def update_session(self, session: SigningSession, now: datetime) -> bool:
        """See the door. A request past its time takes no more."""
        return self._update_one(requests.c.pen_session == session.id, now, rows.choice_row(session))

    def keep_memo(
        self, session_id: SessionId, memo: Mapping[str, str], now: datetime, *, consent: bytes | None
    ) -> bool:
        """See the door."""
        holds = requests.c.pen_session == session_id
        values: dict[str, Any] = {"pen_memo": dict(memo)}
        if consent is not None:
            holds = and_(holds, requests.c.pen_consent_nonce.is_(None))
            values |= {"pen_consent_nonce": consent, "pen_consented": None}
        return self._update_one(holds, now, values)

    def use_consent(self, session_id: SessionId, nonce: bytes, now: datetime) -> bool:
        """See the door. A request past its time takes no more."""
        return self._update_one(
            and_(requests.c.pen_session == session_id, requests.c.pen_consent_nonce == nonce),
            now,
            {"pen_consent_nonce": None, "pen_consented": now},
        )

    def _update_one(self, where: ColumnElement[bool], now: datetime, values: dict[str, Any]) -> bool:
        """One guarded statement; its row count says whether it took effect."""
        with writing(self._engine) as connection:
            taken = connection.execute(update(requests).where(where, _open_at(now)).values(values))
            return taken.rowcount == 1

    # ------------------------------------------------------------------ progress and outcome

    def save_progress(self, session_id: SessionId, updates: Sequence[ContentProgress], now: datetime) -> bool:
        """
        See the door. A request past its time takes no more.

        Nor does one of whose contents more is kept already than *updates* say: another value, or a result.
        """
        with writing(self._engine) as connection:
            request_id = _locked(connection, session_id, now)
            if request_id is None:
                return False
            kept = _kept(connection, request_id)
            if any(_goes_back(kept.get(item.index), item) for item in updates):
                return False
            upsert(connection, progress, [rows.progress_row(request_id, item) for item in updates])
            return True

    def record_outcome(
        self, session_id: SessionId, updates: Sequence[ContentProgress], outcome: Outcome, now: datetime
    ) -> bool:
        """See the door. Success is taken only where every content is done, *updates* included."""
        with writing(self._engine) as connection:
            request_id = _locked(connection, session_id, now)
            if request_id is None or (outcome.message is None and not _all_done(connection, request_id, updates)):
                return False
            taken = connection.execute(
                update(requests)
                .where(requests.c.pen_session == session_id, _open_at(now))
                .values(outcome_message=outcome.message, outcome_recorded=outcome.recorded)
            )
            if taken.rowcount != 1:
                return False
            upsert(connection, progress, [rows.progress_row(request_id, item) for item in updates])
            return True

    # ------------------------------------------------------------------ letting go

    def contents_in_use(self, content_ids: Sequence[ContentId]) -> set[ContentId]:
        """See the door."""
        with reading(self._engine) as connection:
            return _claimed(connection, content_ids)

    def delete_created_before(self, moment: datetime, limit: int) -> Forgotten:
        """See the door. Two runs at once share the work."""
        due = select(requests.c.id).where(requests.c.created < moment).order_by(requests.c.created).limit(limit)
        with writing(self._engine) as connection:
            gone = list(connection.scalars(due.with_for_update(skip_locked=True)))
            released: dict[ContentId, None] = {}
            for some in _pieces(gone):
                for column, owner in (
                    (contents.c.content_id, contents.c.request_id),
                    (progress.c.result_id, progress.c.request_id),
                ):
                    found = connection.scalars(select(column).where(owner.in_(some), column.is_not(None)))
                    released.update(dict.fromkeys(ContentId(content_id) for content_id in found))
                connection.execute(delete(requests).where(requests.c.id.in_(some)))
            still = _claimed(connection, list(released))
        return Forgotten(len(gone), tuple(content_id for content_id in released if content_id not in still))


def _open_at(now: datetime) -> ColumnElement[bool]:
    """No outcome is recorded, and the request has not expired (``status_at``: its end is not part of its time)."""
    return and_(requests.c.outcome_recorded.is_(None), requests.c.expires > now)


def _locked(connection: Connection, session_id: SessionId, now: datetime) -> RequestId | None:
    """The request whose pen the session holds, locked until the transaction ends; None where it may not write."""
    held = select(requests.c.id).where(requests.c.pen_session == session_id, _open_at(now)).with_for_update()
    return connection.scalar(held)


def _kept(connection: Connection, request_id: RequestId) -> dict[int, tuple[ContentState, bytes | None]]:
    """State and value of every content that does not merely wait."""
    found = connection.execute(
        select(progress.c.position, progress.c.state, progress.c.value).where(progress.c.request_id == request_id)
    )
    return {row.position: (row.state, row.value) for row in found}


def _goes_back(kept: tuple[ContentState, bytes | None] | None, item: ContentProgress) -> bool:
    """Whether *item* would lose what is kept: a further state, another value, or the result of a finished content."""
    if kept is None:
        return False
    state, value = kept
    if _RANK[item.state] != _RANK[state]:
        return _RANK[item.state] < _RANK[state]
    if _RANK[state] == _RANK[ContentState.SIGNED]:
        return item.value != value
    return _RANK[state] == _RANK[ContentState.DONE] and item.state is not state


def _all_done(connection: Connection, request_id: RequestId, updates: Sequence[ContentProgress]) -> bool:
    positions = connection.scalars(select(contents.c.position).where(contents.c.request_id == request_id))
    states = {position: state for position, (state, _) in _kept(connection, request_id).items()}
    states.update((item.index, item.state) for item in updates)
    return all(states.get(position) is ContentState.DONE for position in positions)


def _claimed(connection: Connection, content_ids: Sequence[ContentId]) -> set[ContentId]:
    found: set[ContentId] = set()
    for some in _pieces(content_ids):
        claims = union(
            select(contents.c.content_id).where(contents.c.content_id.in_(some)),
            select(progress.c.result_id).where(progress.c.result_id.in_(some)),
        )
        found.update(ContentId(content_id) for content_id in connection.scalars(claims))
    return found


def _pieces(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _IDS_AT_ONCE] for start in range(0, len(ids), _IDS_AT_ONCE)]
