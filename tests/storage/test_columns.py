"""Values come back from a row as they went in."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from gateway.domain.messages import MessageKey
from gateway.storage.columns import BigNumber, BytesList, Member, Moment, TextList, TextMap, Words

texts = st.text(st.characters())
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
DIALECTS = [sqlite.dialect(), postgresql.dialect()]


def there_and_back(kind, value):
    for dialect in DIALECTS:
        bound = kind.process_bind_param(value, dialect)
        bound.encode()
        assert "\0" not in bound
        assert kind.process_result_value(bound, dialect) == value


@given(texts)
def test_any_text(value):
    there_and_back(Words(), value)


@given(st.text(alphabet="\x1b\x000123456789abcdef\ud800\udfff", max_size=12))
def test_texts_that_look_escaped(value):
    there_and_back(Words(), value)


@given(texts, texts)
def test_different_texts_stay_different(one, other):
    bound = [Words().process_bind_param(value, DIALECTS[0]) for value in (one, other)]
    assert (bound[0] == bound[1]) == (one == other)


@given(st.dictionaries(texts, st.none() | texts))
def test_names_and_texts(value):
    there_and_back(TextMap(), value)


@given(st.lists(texts).map(tuple))
def test_lists_of_texts(value):
    there_and_back(TextList(), value)


@given(st.lists(st.binary()).map(tuple))
def test_lists_of_bytes(value):
    there_and_back(BytesList(), value)


@given(st.integers())
def test_numbers_of_any_size(value):
    there_and_back(BigNumber(), value)


@given(st.sampled_from(MessageKey))
def test_members_of_an_enumeration(value):
    there_and_back(Member(MessageKey), value)


def test_a_member_that_this_version_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="of-another-version"):
        Member(MessageKey).process_result_value("of-another-version", DIALECTS[0])


def test_a_time_without_its_zone_is_refused():
    naive = NEW_YEAR.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        Moment().process_bind_param(naive, DIALECTS[0])
    assert Moment().process_result_value(naive, DIALECTS[0]) == NEW_YEAR


@pytest.mark.parametrize(
    "kind", [Moment(), Words(), Member(MessageKey), BigNumber(), TextMap(), TextList(), BytesList()]
)
def test_nothing_stays_nothing(kind):
    for dialect in DIALECTS:
        assert kind.process_bind_param(None, dialect) is None
        assert kind.process_result_value(None, dialect) is None
