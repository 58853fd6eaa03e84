"""Times in traces are read as what they are, or refused with what is allowed."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from trace_files import AZURE_HEADER, write

from cpu_gpu_env import AzureLLM, HybridClusterError, load_trace
from cpu_gpu_env.model.traces.loading import resolve_workload

DAY_S = 86_400.0


def arrivals(tmp_path: Path, times: list[str], unit: str = "auto") -> list[float]:
    path = write(tmp_path / "t.csv", [AZURE_HEADER, *(f"{time},1,1" for time in times)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy's of time zones is for users of NumPy
        arrival_s = load_trace(path, AzureLLM(time_unit=unit)).pool.arrival_s
    return [float(value) for value in arrival_s]


def refusal(tmp_path: Path, times: list[str], unit: str = "auto") -> str:
    with pytest.raises(HybridClusterError) as caught:
        arrivals(tmp_path, times, unit)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "t.csv"))
    assert "\n" not in message
    return message


READ = {
    "relative seconds": (["0", "1", "2.5"], [0.0, 1.0, 2.5]),
    "a year and a half in one file": (["2023", "2024"], [0.0, 1.0]),
    "from some beginning": (["7200.25", "7201"], [0.0, 0.75]),
    "scientific": (["1e3", "1.5e3"], [0.0, 500.0]),
    "epoch seconds": (["1715299200", "1715299201"], [0.0, 1.0]),
    "epoch seconds with a fraction": (["1715299200.5", "1715299203"], [0.0, 2.5]),
    "epoch milliseconds": (["1715299200123", "1715299200124"], [0.0, 0.001]),
    "epoch microseconds": (["1715299200123456", "1715299200123457"], [0.0, 1e-6]),
    "epoch nanoseconds": (["1715299200123456789", "1715299200123456790"], [0.0, 1e-9]),
    "dates": (["2023-11-16 18:17:03.9799600", "2023-11-16T18:17:04"], [0.0, 0.02004]),
    "to the minute, to the day": (["2023-11-16 23:59", "2023-11-17"], [0.0, 60.0]),
    "UTC": (["2024-05-10 00:00:00.009930+00:00", "2024-05-10T00:00:01.00993Z"], [0.0, 1.0]),
    "zones": (["2024-05-10 02:00:00+02:00", "2024-05-09T19:00:01-0500"], [0.0, 1.0]),
    "half an hour": (["2024-05-10 05:30:00+05:30", "2024-05-10 00:00:02 +00"], [0.0, 2.0]),
    "leap day": (["2024-02-28 12:00:00", "2024-03-01 12:00:00"], [0.0, 2 * DAY_S]),
    "all that fits": (["1970-01-01 00:00:00", "2261-12-31 00:00:00"], [0.0, 106_650 * DAY_S]),
}


@pytest.mark.parametrize(("times", "expected"), READ.values(), ids=READ)
def test_times_are_what_they_say(times: list[str], expected: list[float], tmp_path: Path) -> None:
    assert arrivals(tmp_path, times) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("unit", "second"), [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)])
def test_the_argument_says_what_numbers_are(unit: str, second: float, tmp_path: Path) -> None:
    times = ["20231116", "20231117", "30231116"]  # might be dates, so no unit fits by itself
    expected = [0.0, second, 1e7 * second]
    assert arrivals(tmp_path, times, unit) == pytest.approx(expected, rel=1e-12)
    path = write(tmp_path / "u.csv", [AZURE_HEADER, "0,1,1", "3000,1,1"])
    workload = resolve_workload(f"azure-llm:{path}?time_unit={unit}")
    assert workload.pool.arrival_s[1] == pytest.approx(3000 * second, rel=1e-12)
    assert workload.name == f"azure-llm:u.csv?time_unit={unit}"


REFUSED = {
    "now": (["now"], "line 2: TIMESTAMP is 'now'; allowed: a time such as 2023-11-16"),
    "today": (["2023-11-16 18:17:03", "today"], "line 3: TIMESTAMP is 'today'"),
    "a date without separators": (["20231116"], "line 2: TIMESTAMP is '20231116'; allowed: a time"),
    "an hour": (["2023111618"], "TIMESTAMP is '2023111618'"),
    "a minute": (["202311161817"], "TIMESTAMP is '202311161817'"),
    "a second": (["20231116181703"], "TIMESTAMP is '20231116181703'"),
    "between the units": (["50000000000"], "time_unit=s, ms, us or ns"),
    "two units": (["0", "1715299200"], "line 3: TIMESTAMP is '1715299200'; allowed: a number in"),
    "a date among numbers": (["0", "2023-11-16 18:17:03"], "line 3: TIMESTAMP is '2023-11-16"),
    "a number among dates": (["2023-11-16 18:17:03", "17"], "line 3: TIMESTAMP is '17'"),
    "negative": (["-5"], "line 2: TIMESTAMP is '-5'"),
    "nan": (["nan"], "line 2: TIMESTAMP is 'nan'"),
    "NaT": (["NaT"], "line 2: TIMESTAMP is 'NaT'"),
    "infinite": (["0", "inf"], "line 3: TIMESTAMP is 'inf'"),
    "underscores": (["1_000"], "line 2: TIMESTAMP is '1_000'"),
    "hexadecimal": (["0x10"], "line 2: TIMESTAMP is '0x10'"),
    "fullwidth digits": (["\uff11\uff12"], "line 2: TIMESTAMP is '\uff11\uff12'"),
    "blank": (["2023-11-16 18:17:03", ""], "line 3: TIMESTAMP is ''"),
    "beyond 64 bits": (["2262-01-01 00:00:00"], "1970 to 2261"),
    "before 1970": (["1677-01-01 00:00:00"], "1970 to 2261"),
    "no such day": (["2024-01-01 00:00", "2023-02-30 00:00"], "line 3: TIMESTAMP is '2023-02-30"),
    "no such hour": (["2023-02-03 25:00"], "no calendar has this one"),
    "picoseconds": (["2023-02-03 05:00:00.0000000001"], "line 2: TIMESTAMP"),
    "a named zone": (["2023-02-03 05:00:00 PST"], "line 2: TIMESTAMP"),
    "zones and none": (["2023-02-03 05:00:00+01:00", "2023-02-03 06:00:00"], "line 3: TIMESTAMP"),
    "American": (["11/16/2023 18:17"], "line 2: TIMESTAMP is '11/16/2023 18:17'"),
}


@pytest.mark.parametrize(("times", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_may_be_something_else_is_refused(
    times: list[str], expected: str, tmp_path: Path
) -> None:
    assert expected in refusal(tmp_path, times)


def test_a_unit_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HybridClusterError, match="unknown time_unit of azure-llm traces 'min'"):
        AzureLLM(time_unit="min")
    assert "line 2: TIMESTAMP is '9" in refusal(tmp_path, ["9" * 5_000], "s")


def test_nanoseconds_since_1970_lose_no_digit(tmp_path: Path) -> None:
    start = 1_715_299_200_123_456_789
    steps = np.random.default_rng(0).integers(0, 1_000, 200).cumsum()
    found = arrivals(tmp_path, [str(start + step) for step in steps.tolist()])
    assert found == ((steps - steps[0]) * 1e-9).tolist()
