"""Who is trusted at which time, on files laid around today: what we say, and whether EU DSS says the same."""

from __future__ import annotations

import pytest

from gateway.domain.verdicts import SignatureKind


def _word(conclusion) -> tuple[str, str | None]:
    sub = conclusion.sub_indication
    return conclusion.indication.value, sub.value if sub is not None else None


def _ours(we_say, policy, name, form):
    result = we_say[policy, name, form]
    (only,) = [c for c in result.conclusions if c.integrity.kind is SignatureKind.SIGNATURE]
    return _word(only)


def test_we_say_what_is_so(we_say, cases, name, form):
    case = cases.CASES[name]
    assert _ours(we_say, "etsi", name, form) == case.ours
    assert _ours(we_say, "msign-compat", name, form) == (case.compat or case.ours)


@pytest.mark.oracle
@pytest.mark.java
@pytest.mark.slow
def test_eu_dss_agrees_or_the_difference_is_argued(dss_says, cases, name, form):
    """A case that differs says why; one that no longer differs must not say so any more."""
    case = cases.CASES[name]
    report = dss_says[name, form]
    found = report.signature.indication, report.signature.sub_indication
    assert found == (case.theirs or case.ours), report.signature.errors
    assert (case.theirs is None or case.theirs == case.ours) == (not case.why)


def test_nothing_passes_here_that_eu_dss_refuses(cases):
    """Where we differ from EU DSS we are the stricter, whatever the policy, but for time-stamps that outlive."""
    outlive = {"long_term_after_the_stampers_expiry"}
    for name, case in cases.CASES.items():
        if case.theirs is not None and case.theirs[0] != cases.PASSED:
            assert case.ours[0] != cases.PASSED
            assert name in outlive or (case.compat or case.ours)[0] != cases.PASSED


def test_every_file_is_what_its_case_wants(worlds, corpus):
    """Splicing broke nothing: the signature of every file still holds, and its bytes are its own."""
    _, files = corpus
    seen = {path.read_bytes() for path in files.values()}
    assert len(seen) == len(files)
    stamped = files["archived_after_everybodys_expiry", "pades"].read_bytes()
    assert worlds.revisions(stamped) == 4
