"""Files: written whole with the rights of the user's umask, read within bounds."""

import ast
import copy
import csv
import gzip
import json
import os
import re
import stat
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

import cpu_gpu_env
from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.agents.pretrained import MODELS
from cpu_gpu_env.agents.saving import load_agent
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.errors import is_printable, printable
from cpu_gpu_env.io.atomic_files import (
    write_bytes_atomically,
    write_csv_atomically,
    write_text_atomically,
)
from cpu_gpu_env.io.bounded_files import (
    open_zip,
    parse_json,
    read_array,
    read_bytes,
    read_json,
    read_member,
)
from cpu_gpu_env.model.profile import cluster_to_profile, load_profile, resolve_cluster

ROOT = Path(cpu_gpu_env.__file__).parents[1]


@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_rights_that_the_umask_leaves(
    umask: int, rights: int, tmp_path: Path
) -> None:
    path = tmp_path / "folder" / "a.txt"
    before = os.umask(umask)
    try:
        write_text_atomically(path, "new")
        write_text_atomically(path, "ä")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == rights
    assert path.read_bytes() == "ä".encode()
    assert list(path.parent.iterdir()) == [path]


def test_readers_see_a_whole_file_while_writers_replace_it(tmp_path: Path) -> None:
    path, contents = tmp_path / "a", [bytes([letter]) * 100_000 for letter in range(4)]

    def write(content: bytes) -> None:
        for _ in range(50):
            write_bytes_atomically(path, content)

    write_bytes_atomically(path, contents[0])
    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "key 'c' stands twice in one object"),
        (b"\xff", "can't decode byte"),
        (b'"a" "b"', "Extra data"),
        (b"[" * 100_000, "recursion"),
        (b"", "Expecting value"),
    ],
)
def test_what_is_no_json_is_told_with_its_file(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(HybridClusterError, match=reason) as told:
        read_json(path, 2**20, "profile")
    assert str(told.value).startswith(f"{path}: not a JSON file: ")
    with pytest.raises(HybridClusterError, match=r"^settings are none: "):
        parse_json(content, "settings are none")


def test_json_is_read_with_a_byte_order_mark_and_without(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "a.json").write_text('{"ä": [1, 2.5, null]}', encoding=encoding)
        assert read_json(tmp_path / "a.json", 100, "profile") == {"ä": [1, 2.5, None]}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_another_encoding_is_refused_by_name(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}', encoding=encoding)
    told = f"^{re.escape(str(path))}: not a JSON file: it is in UTF-16 or UTF-32; save it in UTF-8$"
    with pytest.raises(HybridClusterError, match=told):
        read_json(path, 100, "profile")


def test_a_profile_is_a_cluster_with_a_byte_order_mark_and_without(tmp_path: Path) -> None:
    path, shipped = tmp_path / "p.json", resolve_cluster("t4-node")
    text = json.dumps(cluster_to_profile(shipped, "für alle"), ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text(text, encoding=encoding)
        assert resolve_cluster(str(path)) == load_profile(path) == shipped
    path.write_text(text, encoding="latin-1")
    with pytest.raises(HybridClusterError, match=r"can't decode byte 0xfc .*; save it in UTF-8"):
        resolve_cluster(path)


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps("x" * 98))
    assert read_json(path, 100, "profile") == "x" * 98
    with pytest.raises(HybridClusterError, match=f"{path}: it has more than 99 bytes"):
        read_json(path, 99, "profile")
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(HybridClusterError, match="more than 100 bytes"):
        read_json(path, 100, "profile")


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it to read would wait for ever
    for path, reason in (
        (tmp_path / "pipe", "no regular file"),
        (Path(os.devnull), "no regular file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "missing", "No such file"),
        (tmp_path / "a\0b", "null"),
    ):
        with pytest.raises(HybridClusterError, match=f"cannot read the thing: .*{reason}"):
            read_json(path, 100, "thing")


def test_a_hint_follows_what_cannot_be_read_alone(tmp_path: Path) -> None:
    with pytest.raises(HybridClusterError, match=r"; make one$"):
        read_json(tmp_path / "a.json", 100, "thing", "; make one")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(HybridClusterError, match="double quotes"):
        read_json(tmp_path / "a.json", 100, "thing", "; make one")


def test_the_bound_is_an_argument_that_the_error_names(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" + 200 * " " + "]")
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(10_000)))
    for read in (
        lambda: read_json(tmp_path / "a.json", 100, "thing"),
        lambda: read_bytes(tmp_path / "a.gz", 9_999, "thing", gzipped=True),
        lambda: load_profile(tmp_path / "a.json", max_bytes=100),
        lambda: load_agent(MODELS / "dqn.zip", max_bytes=100),
        lambda: load_forest(MODELS / "random-forest.npz", max_bytes=2**20),
    ):
        with pytest.raises(HybridClusterError, match="argument max_bytes"):
            read()
    assert read_bytes(tmp_path / "a.gz", 10_000, "thing", gzipped=True) == bytes(10_000)


def test_a_list_of_members_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30_000):
            archive.writestr(f"{number:050}", "")
    with (
        pytest.raises(HybridClusterError, match="its list of members has more than"),
        open_zip(path, 2**30, "thing", "not a thing"),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("bad\udcff", "bad\\udcff"),
        ("\u202eevil", "\\u202eevil"),
        ("\u2028", "\\u2028"),
        ("ä 日本\u3000語 ±", "ä 日本\u3000語 ±"),
    ],
)
def test_an_error_is_one_line_that_any_terminal_shows(text: str, shown: str) -> None:
    assert str(HybridClusterError(f"{text}: no")) == f"{shown}: no"
    assert printable(text) == shown
    assert is_printable(text) == (text == shown)


def test_an_error_is_the_same_in_another_process() -> None:
    error = HybridClusterError("a\nb")
    assert str(copy.copy(error)) == str(error) == "a\\nb"  # copied as a pool of processes does


def test_no_cell_of_a_csv_file_is_a_formula(tmp_path: Path) -> None:
    texts = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        " =1",
        "|x",
        "\t=1",
        "a=1",
        "",
        "\x1b[31m",
        "bad\udcff",
    ]
    rows = [{"a": text, "b": -1.5, "c": None} for text in texts]
    write_csv_atomically(tmp_path / "a.csv", ["a", "b", "c"], rows)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["b"] for row in found] == ["-1.5"] * len(rows)
    cells = [row["a"] for row in found]
    assert cells[:6] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "' =1", "'|x"]
    assert cells[6:] == ["\\t=1", "a=1", "", "\\x1b[31m", "bad\\udcff"]


def test_members_of_a_zip_file_are_read_up_to_their_bounds(tmp_path: Path) -> None:
    path, array = tmp_path / "a.npz", np.arange(6.0).reshape(2, 3)
    np.savez_compressed(path, a=array)
    with open_zip(path, 2**20, "thing", "not a thing") as archive:
        size = archive.getinfo("a.npy").file_size
        assert np.array_equal(read_array(archive, "a", size), array)
        assert len(read_member(archive, "a.npy", size)) == size
        with pytest.raises(HybridClusterError, match=f"a.npy has {size} bytes; allowed: at most 9"):
            read_array(archive, "a", 9)
        with pytest.raises(HybridClusterError, match=r"b\.npy is missing"):
            read_array(archive, "b", size)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(whole[60:70], bytes(10), 1))
    with (
        open_zip(path, 2**20, "thing", "not a thing") as archive,
        pytest.raises(HybridClusterError, match=r"a\.npy is damaged"),
    ):
        read_member(archive, "a.npy", size)


def shipped_members() -> list[tuple[str, bytes]]:
    """Everything in the files that come with the package, by file and member."""
    folders = MODELS, Path(cpu_gpu_env.__file__).parent / "model" / "profiles"
    found = []
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found += [(f"{path.name}/{n}", archive.read(n)) for n in archive.namelist()]
        else:
            found.append((path.name, path.read_bytes()))
    return found


@pytest.mark.parametrize(("name", "content"), shipped_members(), ids=lambda value: value[:40])
def test_nothing_that_ships_is_anything_but_text_and_numbers(name: str, content: bytes) -> None:
    """Each byte is accounted for by hand, so there is no room for a pickle."""
    if name.endswith(".npy"):
        assert content.startswith(b"\x93NUMPY\x01\x00")
        end = 10 + int.from_bytes(content[8:10], "little")
        header = ast.literal_eval(content[10:end].decode())
        kind = header["descr"]
        assert kind[0] in "<|"
        assert kind[1] in "fiU"
        width = int(kind[2:]) * (4 if kind[1] == "U" else 1)
        assert len(content) == end + width * int(np.prod(header["shape"], dtype=int))
    elif name.endswith(".safetensors"):
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:end])
        place = 0
        for tensor in sorted(header.values(), key=lambda tensor: tensor["data_offsets"]):
            assert tensor["dtype"] == "F32"
            first, after = tensor["data_offsets"]
            assert (first, after - first) == (place, 4 * int(np.prod(tensor["shape"], dtype=int)))
            place = after
        assert len(content) == end + place
    elif name.endswith(".json"):
        json.loads(content)
    else:
        assert name.endswith(".md")
        content.decode()


def test_no_source_can_load_a_pickle() -> None:
    forbidden = {"pickle", "cloudpickle", "dill", "marshal", "shelve"}
    calls = {("torch", "load"), ("torch", "save"), ("joblib", "load"), ("joblib", "dump")}
    sources = [
        p
        for room in ("agents", "baselines", "cpu_gpu_env", "scripts")
        for p in (ROOT / room).rglob("*.py")
    ]
    assert len(sources) > 100
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                assert not forbidden & {alias.name.split(".")[0] for alias in node.names}, source
            elif isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] not in forbidden, source
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in calls, source
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), source
                assert node.value.value is False, source
