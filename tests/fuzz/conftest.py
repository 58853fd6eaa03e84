"""Fuzzers: each test tries many inputs that were spoiled in many ways."""

import pytest


@pytest.fixture(scope="session")
def hours(request: pytest.FixtureRequest) -> float:
    """Hours for each fuzzer."""
    tests = sum("fuzz" in item.path.parts for item in request.session.items)
    return float(request.config.getoption("--hours")) / max(tests, 1)
