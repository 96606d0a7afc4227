"""A batch asks the judge only what no earlier answer says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.verdicts import Trust, TrustVerdict
from gateway.operations.standings import Standings
from gateway.trust.api import Purpose

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Judge:
    """Good within its time, over a path of the moment's choosing."""

    def __init__(self, first=None, last=None, path_at=lambda _at: (b"signer", b"root")):
        self.first, self.last, self.path_at = first or NOW - 1000 * DAY, last or NOW + DAY, path_at
        self.asked = []

    def judge(self, certificate, purpose, *, at, now, others=(), ocsp_responses=(), crls=()):
        self.asked.append(at)
        trust = Trust.GOOD if self.first <= at <= self.last else Trust.EXPIRED
        return TrustVerdict(trust, at, self.path_at(at))


def standings(judge):
    return Standings(judge, lambda der: der.decode("ascii"), lambda _der: None, NOW)


def ask(asked, at, certificate=b"signer", purpose=Purpose.SIGNING, crls=()):
    return asked.judge(certificate, purpose, at, (), (), crls)


def test_a_hundred_moments_need_three_questions():
    judge = Judge()
    asked = standings(judge)
    for hours in range(100):
        verdict = ask(asked, NOW - 9 * DAY + timedelta(hours=hours))
        assert (verdict.trust, verdict.judged_at) == (Trust.GOOD, NOW - 9 * DAY + timedelta(hours=hours))
    assert len(judge.asked) <= 3


def test_what_lies_outside_the_good_time_is_asked():
    judge = Judge(last=NOW - 2 * DAY)
    asked = standings(judge)
    assert [ask(asked, NOW - n * DAY).trust for n in (9, 5, 1, 3)] == [
        Trust.GOOD,
        Trust.GOOD,
        Trust.EXPIRED,
        Trust.GOOD,
    ]


def test_two_paths_enclose_nothing():
    judge = Judge(path_at=lambda at: (b"old",) if at < NOW - 5 * DAY else (b"new",))
    asked = standings(judge)
    ask(asked, NOW - 9 * DAY)
    ask(asked, NOW - DAY)
    ask(asked, NOW - 7 * DAY)
    assert NOW - 7 * DAY in judge.asked


def test_other_purposes_certificates_and_evidence_are_other_questions():
    judge = Judge()
    asked = standings(judge)
    ask(asked, NOW)
    ask(asked, NOW, purpose=Purpose.TIME_STAMPING)
    ask(asked, NOW, certificate=b"other")
    ask(asked, NOW, crls=(b"crl",))
    assert len(judge.asked) == 4
    ask(asked, NOW)
    assert len(judge.asked) == 4


def test_large_evidence_is_left_to_the_judge():
    judge = Judge()
    asked = standings(judge)
    for _ in range(2):
        ask(asked, NOW, crls=(bytes(100_000),))
    assert len(judge.asked) == 2


def test_a_certificate_is_read_once_and_a_name_that_cannot_be_read_is_none():
    read = []
    asked = Standings(None, lambda der: read.append(der) or der.decode("ascii"), lambda _der: None, NOW)
    assert [asked.subject(b"a"), asked.subject(b"a"), asked.subject(b"\xff"), asked.subject(None)] == [
        "a",
        "a",
        None,
        None,
    ]
    assert read == [b"a", b"\xff"]


@given(
    st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.lists(st.integers(0, 40), min_size=1, max_size=30)
)
def test_remembering_never_changes_an_answer(first, last, change, days):
    """Whatever the judge's good time and path are, the answers are those that it would give."""

    def judge():
        return Judge(NOW - first * DAY, NOW - last * DAY, lambda at: (b"a" if at < NOW - change * DAY else b"b",))

    asked = standings(judge())
    for day in days:
        at = NOW - day * DAY
        assert ask(asked, at) == judge().judge(b"", Purpose.SIGNING, at=at, now=NOW)


def test_where_lists_are_asked_nothing_is_enclosed():
    """A list may have withdrawn its trust for a time in between."""

    class Listed(Judge):
        def judge(self, certificate, purpose, *, at, now, **evidence):
            good = super().judge(certificate, purpose, at=at, now=now, **evidence)
            withdrawn = NOW - 6 * DAY < at < NOW - 4 * DAY
            return TrustVerdict(Trust.NO_PATH, at) if withdrawn else replace(good, by_list=True)

    asked = standings(Listed())
    found = [ask(asked, NOW - n * DAY).trust for n in (9, 1, 5)]
    assert found == [Trust.GOOD, Trust.GOOD, Trust.NO_PATH]
