"""What text files bring: marks, line ends, quotes, comments and numbers of other scripts."""

import codecs
from pathlib import Path

import pytest
from trace_files import AZURE_HEADER, TASK_HEADER, job, write

from cpu_gpu_env import HybridClusterError, load_trace
from cpu_gpu_env.model.traces.loading import resolve_workload

ROWS = [f"{i},{i + 1}e12,10,1e9" for i in range(3)]
SIZES = [1e12, 2e12, 3e12]


def sizes(path: Path, text: str, encoding: str = "utf-8") -> list[float]:
    path.write_bytes(text.encode(encoding))
    return [float(size) for size in load_trace(path).pool.size_flop]


def refusal(path: Path, text: str) -> str:
    with pytest.raises(HybridClusterError) as caught:
        sizes(path, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marks_and_line_ends(end: str, encoding: str, tmp_path: Path) -> None:
    text = "".join(line + end for line in [TASK_HEADER, *ROWS])
    assert sizes(tmp_path / "t.csv", text, encoding) == SIZES


def test_the_mark_of_utf_16_in_the_other_order(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    text = "\n".join([TASK_HEADER, *ROWS])
    path.write_bytes(codecs.BOM_UTF16_BE + text.encode("utf-16-be"))
    assert load_trace(path).pool.size_flop.tolist() == SIZES


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_other_separators_end_no_line(separator: str, tmp_path: Path) -> None:
    lines = [f"{TASK_HEADER},note", *(f"{row},a{separator}0,9,9,9,b" for row in ROWS)]
    rows = [f'{row},"a{separator}0,9,9,9,b"' for row in ROWS]
    assert sizes(tmp_path / "t.csv", "\n".join([lines[0], *rows])) == SIZES
    assert "line 2: 9 values" in refusal(tmp_path / "u.csv", "\n".join(lines))


def test_values_in_quotes_and_over_lines(tmp_path: Path) -> None:
    header = '"note","arrival_s","size_flop","intensity_flop_per_byte","memory_bytes"'
    rows = [f'"one, ""two""\n{i}",{row.replace(",", "  ,")}' for i, row in enumerate(ROWS)]
    assert sizes(tmp_path / "t.csv", "\n".join([header, *rows])) == SIZES
    assert sizes(tmp_path / "u.csv", f'{TASK_HEADER}\n"0","1e12","10","1e9"\n') == [1e12]


def test_an_open_quote_swallows_nothing(tmp_path: Path) -> None:
    lines = [f"note,{TASK_HEADER}", f"a,{ROWS[0]}", f'"b,{ROWS[1]}', f"c,{ROWS[2]}"]
    assert "t.csv: line 4: no CSV" in refusal(tmp_path / "t.csv", "\n".join(lines))


def test_commas_at_the_end(tmp_path: Path) -> None:
    rows = [f"{row}," for row in ROWS]
    assert sizes(tmp_path / "t.csv", "\n".join([f"{TASK_HEADER},", *rows])) == SIZES
    assert sizes(tmp_path / "u.csv", "\n".join([TASK_HEADER, *rows])) == SIZES
    assert sizes(tmp_path / "v.csv", "\n".join([f"{TASK_HEADER},,", *ROWS])) == SIZES
    lines = [TASK_HEADER, f"{ROWS[0]},7"]
    assert "line 2: 5 values" in refusal(tmp_path / "w.csv", "\n".join(lines))


def test_a_column_that_is_there_twice(tmp_path: Path) -> None:
    twice = "\n".join([f"{TASK_HEADER},size_flop", "0,1,1,1,2"])
    assert "needed, once each: arrival_s, size_flop" in refusal(tmp_path / "t.csv", twice)
    other = "\n".join([f"{TASK_HEADER},note,note", "0,1,1,1,x,y"])
    assert sizes(tmp_path / "u.csv", other) == [1.0]


@pytest.mark.parametrize(
    "value",
    [
        "1_000",
        "0x10",
        "nan",
        "inf",
        "-inf",
        "\uff11\uff12",
        "\u0661",
        "1,5",
        "-1",
        "1e400",
        "\ufeff1",
    ],
)
def test_what_is_no_number_to_all(value: str, tmp_path: Path) -> None:
    text = f'{TASK_HEADER}\n0,1,1,1\n0,"{value}",1,1\n'
    message = refusal(tmp_path / "t.csv", text)
    assert "t.csv: line 3: size_flop is " in message
    assert "allowed: a finite number > 0" in message


@pytest.mark.parametrize("value", [" 5", "5 ", "+5", "5.", "5e0", "0.5E+1", "5\u00a0", "\u20285"])
def test_how_numbers_may_be_written(value: str, tmp_path: Path) -> None:
    assert sizes(tmp_path / "t.csv", f"{TASK_HEADER}\n0,{value},1,1\n") == [5.0]


@pytest.mark.parametrize("token", ["-1", "1_000", "0x10", "inf", "\uff11", ""])
def test_tokens_are_numbers(token: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [AZURE_HEADER, "0,1,1", f"1,{token},1"])
    with pytest.raises(HybridClusterError, match="line 3: ContextTokens is"):
        resolve_workload(f"azure-llm:{path}")


JOB = job(0, 100, allocated=2)
"""200 core seconds."""


def core_seconds(path: Path, lines: list[str]) -> list[float]:
    text = write(path, lines) + "?flops_per_core=1e9&bandwidth_per_core=1e8"
    pool = resolve_workload(text).pool
    rate = [min(1e9, 1e8 * intensity) for intensity in pool.intensity_flop_per_byte.tolist()]
    return [round(s / r, 6) for s, r in zip(pool.size_flop.tolist(), rate, strict=True)]


@pytest.mark.parametrize(
    "comment",
    [
        "; plain",
        "   ; after blanks",
        "\t;after a tab",
        "\x0c; after a form feed",
        "\x0c",
        "; with a form feed\x0c 1 2 3",
        "\x85; after a next line",
        "\u2028; after a line separator",
        "; with one \u2028 1 2 3",
        "\ufeff; marked",
        ";",
    ],
)
def test_comments_of_swf(comment: str, tmp_path: Path) -> None:
    lines = [JOB, comment, JOB, f"{JOB} ; 2 processors"]
    if comment.startswith("\ufeff"):
        lines = [comment, *lines[:1], *lines[2:]]
    assert core_seconds(tmp_path / "log.swf", lines) == [200.0] * 3


def test_fields_and_names_of_swf(tmp_path: Path) -> None:
    names = " ".join(f"field_{number}" for number in range(1, 19))
    lines = [names, JOB, f"{JOB} 7 8 9", f"{JOB} more", "  " + JOB.replace(" ", "\t")]
    assert core_seconds(tmp_path / "log.swf", lines) == [200.0] * 4
    assert core_seconds(tmp_path / "crlf.swf", [f"{line}\r" for line in lines]) == [200.0] * 4
    for bad, where in (
        ([JOB, names], "line 2: "),
        (["a log of 18 jobs", JOB], "line 1: 5 values"),
        ([JOB.replace("100", "1_00")], "line 1: run time is '1_00'"),
        ([JOB.rsplit(" ", 1)[0] + " ; a comment is no field"], "line 1: 17 values"),
    ):
        with pytest.raises(HybridClusterError, match=where):
            core_seconds(tmp_path / "bad.swf", bad)


def part(number: int, submit: float, run: float, status: int, processors: int = 2) -> str:
    fields = job(submit, run, allocated=processors).split()
    fields[0], fields[10] = str(number), str(status)
    return " ".join(fields)


def test_a_checkpointed_job_is_one_task(tmp_path: Path) -> None:
    lines = [
        part(1, 5, 300, 1),  # the summary
        part(1, 5, 100, 2),
        part(1, -1, 150, 2),
        part(1, -1, 50, 3),
        part(2, 50, 10, 1),
        part(3, 60, 40, 2),  # no line sums these up
        part(3, -1, 20, 4, processors=4),
        part(4, 70, 7, 0),
    ]
    path = tmp_path / "log.swf"
    assert core_seconds(path, lines) == [600.0, 20.0, 160.0, 14.0]
    workload = load_trace(path)
    assert workload.pool.arrival_s.tolist() == [0.0, 45.0, 55.0, 65.0]
    assert "4 lines of parts of checkpointed jobs are in the lines of the jobs" in workload.notes
    unknown = [part(-1, 5, 100, 2), part(-1, 6, 100, 3)]
    assert core_seconds(tmp_path / "unknown.swf", unknown) == [200.0, 200.0]
