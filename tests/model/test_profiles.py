"""The shipped profiles and their catalogue, and what is said of profiles that are wrong."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cpu_gpu_env
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import DEVICE_FIGURES, RATES, REFINEMENTS, Cluster, Device
from cpu_gpu_env.model.profile import (
    OPTIONAL_FIGURES,
    cluster_to_profile,
    device_catalogue,
    load_profile,
    parse_composition,
    parse_profile,
    resolve_cluster,
    save_profile,
    shipped_profiles,
)

ROOT = Path(__file__).resolve().parents[2]
PROFILES = Path(cpu_gpu_env.__file__).parent / "model/profiles"
CATALOGUE: dict[str, dict[str, Any]] = json.loads((PROFILES / "devices.json").read_text())[
    "devices"
]
FIGURES = [
    pytest.param(figure, id=f"{name}-{field}")
    for name, entry in CATALOGUE.items()
    for field, figure in entry.items()
    if field != "kind"
]
ROWS = {
    "t4": "NVIDIA T4",
    "l4": "NVIDIA L4",
    "v100-32gb": "NVIDIA V100-SXM2-32GB",
    "a100-80gb": "NVIDIA A100-SXM4-80GB",
    "h100-80gb": "NVIDIA H100-SXM5",
    "h200-141gb": "NVIDIA H200-SXM",
    "rtx-4090": "NVIDIA RTX 4090",
    "mi250x": "AMD MI250X",
    "mi300x": "AMD MI300X",
    "epyc-7763": "AMD EPYC 7763 (1 socket)",
    "epyc-9654": "AMD EPYC 9654 (1 socket)",
    "xeon-8480": "Intel Xeon Platinum 8480+ (1 socket)",
    "xeon-6248": "Intel Xeon Gold 6248 (1 socket)",
}
"""Catalogue device -> its row in the table of data sheets."""

VALID: dict[str, Any] = {
    "schema_version": 1,
    "name": "small",
    "devices": [
        {
            "name": "some-cpu",
            "kind": "cpu",
            "flops": 1e12,
            "memory_bandwidth": {"peak": 2e11, "efficiency": 0.5, "source": "a data sheet"},
            "launch_s": 0.0,
            "idle_power_w": 60,
            "active_power_w": {"value": 225.0, "source": "a meter", "status": "measured"},
        },
        {"catalogue": "t4", "count": 2},
    ],
}


@pytest.fixture(scope="module")
def data_sheets() -> dict[str, dict[str, str]]:
    """The table that the peaks come from, by device."""
    data = Path(os.environ.get("HYBRIDCLUSTER_DATA", ROOT.parent / "shared" / "data"))
    table = data / "devices" / "device_specs.csv"
    if not table.is_file():
        pytest.skip(f"no table of data sheets at {table}; HYBRIDCLUSTER_DATA names its folder")
    with table.open(encoding="utf-8") as file:
        return {row["device"]: row for row in csv.DictReader(file)}


def first_number(cell: str) -> float:
    """``"5.02 @base (derived)"`` -> 5.02."""
    found = re.match(r"[0-9.]+", cell)
    assert found, cell
    return float(found[0])


def with_change(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    profile = copy.deepcopy(VALID)
    change(profile)
    return profile


def setting(index: int, field: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda profile: profile["devices"][index].update({field: value})


@pytest.mark.parametrize("name", shipped_profiles())
def test_shipped_profile_loads(name: str) -> None:
    cluster = resolve_cluster(name)
    assert cluster.name == name
    assert cluster.cpus
    assert cluster.gpus
    assert json.loads((PROFILES / f"{name}.json").read_text())["description"]
    assert load_profile(name) == cluster == load_profile(PROFILES / f"{name}.json")


def test_a_profile_of_an_unknown_name_is_told_which_there_are() -> None:
    with pytest.raises(HybridClusterError, match=r"a100-nod: .*by name there are: a100-node"):
        load_profile("a100-nod")


def test_the_shipped_profiles_are_these() -> None:
    assert shipped_profiles() == ("a100-node", "h100-node", "laptop-4090", "mixed-node", "t4-node")


def test_the_reference_node() -> None:
    cluster = resolve_cluster("a100-node")
    (cpu,), gpus = cluster.cpus, cluster.gpus
    assert len(gpus) == 4
    assert len(set(gpus)) == 1
    assert cpu.flops == pytest.approx(3.5e12, rel=0.02)
    assert 165e9 <= cpu.memory_bandwidth <= 200e9
    assert (cpu.idle_power_w, cpu.active_power_w) == (100, 225)
    assert gpus[0].flops == pytest.approx(15e12, rel=0.02)
    assert gpus[0].memory_bandwidth == pytest.approx(1.4e12, rel=0.03)
    assert gpus[0].attained_flops("fp16") == pytest.approx(243e12, rel=0.02)
    assert gpus[0].link_bandwidth == pytest.approx(25e9, rel=0.02)
    assert (gpus[0].launch_s, gpus[0].idle_power_w, gpus[0].active_power_w) == (1e-5, 56, 300)


def test_the_mixed_node_mixes_two_kinds_of_gpu() -> None:
    cluster = resolve_cluster("mixed-node")
    assert len(cluster.cpus) == 2
    assert len(cluster.gpus) == 8
    assert len(set(cluster.gpus)) == 2


@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_has_a_source_and_a_status(figure: dict[str, Any]) -> None:
    assert figure["status"] in ("datasheet", "measured", "estimated")
    assert len(figure["source"]) > 10
    measured = figure["status"] == "measured"
    if figure["status"] == "estimated" or ("efficiency" in figure and not measured):
        assert "estimated" in figure["source"]


@pytest.mark.parametrize("name", CATALOGUE)
def test_attained_figures_stay_below_the_peaks(name: str) -> None:
    device = device_catalogue()[name]
    for field, figure in CATALOGUE[name].items():
        if "efficiency" in figure:
            assert 0 < figure["efficiency"] < 1
            assert 0 < getattr(device, field) <= figure["peak"]
        elif field in (*RATES.values(), "memory_bandwidth"):
            pytest.fail(f"{field} has no peak")


@pytest.mark.parametrize("name", CATALOGUE)
def test_narrower_formats_are_no_slower_and_fp64_is_known(name: str) -> None:
    device = device_catalogue()[name]
    rates = [device.attained_flops(precision) for precision in ("fp64", "fp32", "fp16", "int8")]
    assert rates[0] <= rates[1] * 1.3  # tensor cores do FP64, but no FP32
    assert rates[1] <= rates[2] <= rates[3] * 1.13  # INT8 is as fast as FP16 on some


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue_devices_carry_no_stray_fields(name: str) -> None:
    expected = {"kind", *DEVICE_FIGURES} - set(REFINEMENTS)
    if CATALOGUE[name]["kind"] == "cpu":
        expected -= set(OPTIONAL_FIGURES)
    assert set(CATALOGUE[name]) - expected <= {*RATES.values(), "memory_power_w"}
    assert set(CATALOGUE[name]) >= expected


@pytest.mark.parametrize(("name", "row"), ROWS.items())
def test_peaks_are_those_of_the_data_sheets(
    name: str, row: str, data_sheets: dict[str, dict[str, str]]
) -> None:
    entry, sheet = CATALOGUE[name], data_sheets[row]
    assert entry["kind"] == sheet["kind"]
    assert entry["flops"]["peak"] == pytest.approx(first_number(sheet["fp32_tflops"]) * 1e12)
    for field, column in (("tf32", "tf32_dense"), ("fp16", "fp16_tensor_dense")):
        cell = sheet[f"{column}_tflops"]
        if cell[0].isdigit() and "accumulate" not in cell:  # the sum is in FP32 here
            peak = entry[f"flops_{field}"]["peak"]
            assert peak == pytest.approx(first_number(cell) * 1e12, rel=1e-3)
    bandwidth = first_number(sheet["mem_bw_GBps"]) * 1e9
    assert entry["memory_bandwidth"]["peak"] == pytest.approx(bandwidth)
    if entry["kind"] == "gpu":
        memory = first_number(sheet["mem_GB"]) * 1e9
        assert entry["memory_bytes"]["value"] == pytest.approx(memory)
    tdp = first_number(sheet["tdp_W"])
    assert f"{tdp:.0f} W TDP" in entry["active_power_w"]["source"]
    assert entry["idle_power_w"]["value"] < entry["active_power_w"]["value"] < tdp


def test_all_catalogue_devices_but_the_laptop_cpu_have_a_data_sheet() -> None:
    assert set(CATALOGUE) - set(ROWS) == {"core-i9-13900hx"}


def test_a_valid_profile_is_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    save_profile(VALID, path)
    cluster = load_profile(path)
    (cpu,) = cluster.cpus
    assert (cpu.flops, cpu.memory_bandwidth, cpu.active_power_w) == (1e12, 1e11, 225.0)
    assert cluster.gpus == (device_catalogue()["t4"],) * 2
    assert resolve_cluster(path) == cluster
    assert resolve_cluster(str(path)) == cluster
    assert json.loads(path.read_text()) == VALID


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_cluster_survives_being_written_and_read(name: str) -> None:
    cluster = resolve_cluster(name)
    assert parse_profile(cluster_to_profile(cluster)) == cluster


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda p: p.pop("schema_version"), ["schema_version", "None"], id="no-schema"),
        pytest.param(
            lambda p: p.update(schema_version=99), ["schema_version", "99"], id="new-schema"
        ),
        pytest.param(lambda p: p.pop("name"), ["name", "missing"], id="no-name"),
        pytest.param(lambda p: p.update(name=7), ["name", "7"], id="name-type"),
        pytest.param(lambda p: p.pop("devices"), ["devices", "missing"], id="no-devices"),
        pytest.param(lambda p: p.update(devices={}), ["devices", "{}"], id="devices-type"),
        pytest.param(lambda p: p.update(devices=[]), ["no cpu"], id="empty"),
        pytest.param(lambda p: p["devices"].pop(0), ["no cpu"], id="no-cpu"),
        pytest.param(lambda p: p["devices"].pop(1), ["no gpu"], id="no-gpu"),
        pytest.param(lambda p: p["devices"].append("t4"), ["devices[2]", "'t4'"], id="entry-type"),
        pytest.param(
            lambda p: p["devices"][0].pop("flops"),
            ["devices[0]", "flops", "missing"],
            id="no-flops",
        ),
        pytest.param(
            lambda p: p["devices"][0].update(kind="tpu", memory_bytes=1e9, link_bandwidth=1e9),
            ["devices[0]", "kind", "'tpu'"],
            id="unknown-kind",
        ),
        pytest.param(
            setting(0, "kind", "gpu"), ["memory_bytes", "missing"], id="gpu-without-memory"
        ),
        pytest.param(setting(0, "flops", -1.0), ["flops", "-1"], id="negative"),
        pytest.param(setting(0, "flops", 0), ["flops", "0"], id="zero"),
        pytest.param(setting(0, "launch_s", -0.1), ["launch_s", "-0.1"], id="negative-launch"),
        pytest.param(setting(0, "flops", float("nan")), ["flops", "nan"], id="nan"),
        pytest.param(setting(0, "flops", float("inf")), ["flops", "inf"], id="infinite"),
        pytest.param(
            setting(0, "memory_bytes", float("inf")), ["memory_bytes", "inf"], id="infinite-memory"
        ),
        pytest.param(setting(0, "flops", "1e12"), ["flops", "'1e12'"], id="text"),
        pytest.param(setting(0, "flops", True), ["flops", "True"], id="boolean"),
        pytest.param(setting(0, "flops", None), ["flops", "None"], id="null"),
        pytest.param(setting(0, "flops", [1e12]), ["flops", "[1000000000000.0]"], id="list"),
        pytest.param(setting(0, "flops", {"source": "x"}), ["flops", "value"], id="no-value"),
        pytest.param(setting(0, "flops", {"peak": 1e12}), ["flops", "efficiency"], id="only-peak"),
        pytest.param(
            setting(0, "flops", {"peak": 1e12, "efficiency": 1.2}),
            ["flops", "efficiency", "1.2"],
            id="above-peak",
        ),
        pytest.param(
            setting(0, "flops", {"value": 1e12, "sorce": "x"}),
            ["flops", "'sorce'", "Did you mean 'source'"],
            id="misspelt-source",
        ),
        pytest.param(
            setting(0, "flops", {"value": 1e12, "peak": 2e12}),
            ["flops", "either"],
            id="value-and-peak",
        ),
        pytest.param(
            setting(0, "flops", {"value": 1e12, "efficiency": 0.5}),
            ["flops", "either"],
            id="value-and-efficiency",
        ),
        pytest.param(
            setting(0, "flops", {"value": 1e12, "status": "mesured"}),
            ["flops", "status", "Did you mean 'measured'"],
            id="unknown-status",
        ),
        pytest.param(
            setting(0, "flops", {"value": 1e12, "status": ["measured"]}),
            ["flops", "status"],
            id="status-type",
        ),
        pytest.param(
            setting(0, "flops", {"value": 1e12, "source": 3}),
            ["flops", "source", "3"],
            id="source-type",
        ),
        pytest.param(setting(0, "flops", 10**400), ["flops"], id="beyond-float"),
        pytest.param(setting(0, "flops", 1e300), ["flops", "1e+300"], id="beyond-measure"),
        pytest.param(setting(1, "count", 1025), ["devices[1]", "count", "1025"], id="count-large"),
        pytest.param(
            setting(1, "count", 1024), ["devices[1]", "1025", "1024", "whole"], id="too-many"
        ),
        pytest.param(
            setting(0, "active_power_w", 10), ["active_power_w", "10", "60"], id="power-order"
        ),
        pytest.param(setting(1, "count", 0), ["devices[1]", "count", "0"], id="count-zero"),
        pytest.param(setting(1, "count", -2), ["count", "-2"], id="count-negative"),
        pytest.param(setting(1, "count", 1.5), ["count", "1.5"], id="count-fraction"),
        pytest.param(setting(1, "count", "4"), ["count", "'4'"], id="count-text"),
        pytest.param(setting(1, "count", True), ["count", "True"], id="count-boolean"),
        pytest.param(
            setting(1, "catalogue", "a100"),
            ["devices[1]", "'a100'", "'a100-80gb'"],
            id="unknown-device",
        ),
    ],
)
def test_a_bad_profile_is_named_by_file_field_and_value(
    change: Callable[[dict[str, Any]], object], expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(with_change(change)))
    with pytest.raises(HybridClusterError) as caught:
        load_profile(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    for part in expected:
        assert part in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not a JSON file"),
        (b"flops = 1e12", "not a JSON file"),
        (b'{"schema_version": 1,', "not a JSON file"),
        (b"\xff\xfe\x00", "not a JSON file"),
        (b"[" * 200_000, "not a JSON file"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
    ],
    ids=["empty", "text", "cut", "binary", "deep", "list", "null"],
)
def test_a_file_that_holds_no_profile(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(HybridClusterError) as caught:
        load_profile(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(HybridClusterError, match="cannot read") as caught:
            load_profile(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("change", [setting(0, "flops", -1), lambda p: p["devices"].pop(1)])
def test_saving_a_bad_profile_leaves_the_old_file(
    change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    path = tmp_path / "profile.json"
    save_profile(VALID, path)
    before = path.read_bytes()
    with pytest.raises(HybridClusterError):
        save_profile(with_change(change), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saving_that_breaks_off_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: object) -> None:
        raise OSError("no space left")

    path = tmp_path / "profile.json"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        save_profile(VALID, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "nearest"), [("a100-nod", "a100-node"), ("t4node", "t4-node"), ("mixed", "mixed-node")]
)
def test_an_unknown_cluster_suggests_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(HybridClusterError, match=f"Did you mean '{nearest}'") as caught:
        resolve_cluster(name)
    for known in shipped_profiles():
        assert known in str(caught.value)


def test_a_composition_of_catalogue_devices() -> None:
    cluster = resolve_cluster("a100-80gb:2 + epyc-7763 + t4:1")
    kinds = ("epyc-7763", "a100-80gb", "a100-80gb", "t4")
    assert tuple(device.name for device in cluster.devices) == kinds


@pytest.mark.parametrize(
    ("composition", "expected"),
    [
        ("epyc-7763 + a100", "Did you mean 'a100-80gb'"),
        ("epyc-7763 + a100-80gb:0", "'0'"),
        ("epyc-7763 + a100-80gb:-1", "'-1'"),
        ("epyc-7763 + a100-80gb:two", "'two'"),
        ("epyc-7763 + ", "''"),
        ("epyc-7763:1025 + t4", "1026 devices"),
        ("epyc-7763:1024 + t4", "1025 devices; allowed: at most 1024 in the whole cluster"),
        ("epyc-7763:512 + epyc-9654:512 + t4", "1025 devices"),
        ("epyc-7763:10000000000 + t4", "'10000000000'"),
        ("epyc-7763:2", "no gpu"),
        ("a100-80gb", "no cpu"),
    ],
)
def test_a_bad_composition(composition: str, expected: str) -> None:
    with pytest.raises(HybridClusterError, match=re.escape(expected)):
        resolve_cluster(composition)


@pytest.mark.parametrize("cluster", [None, 4, ["a100-node"]])
def test_a_cluster_of_the_wrong_type(cluster: Any) -> None:
    with pytest.raises(HybridClusterError, match=re.escape(repr(cluster))):
        resolve_cluster(cluster)


def test_a_cluster_object_is_taken_as_it_is() -> None:
    cluster = resolve_cluster("t4-node")
    assert isinstance(cluster, Cluster)
    assert resolve_cluster(cluster) is cluster


@pytest.mark.parametrize("extra", [math.nan, math.inf, {1, 2}, b"raw"], ids=repr)
def test_what_json_cannot_hold_is_refused_and_leaves_the_old_file(
    extra: Any, tmp_path: Path
) -> None:
    path = tmp_path / "profile.json"
    save_profile(VALID, path)
    before = path.read_bytes()
    with pytest.raises(HybridClusterError):
        save_profile({**VALID, "raw": extra}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["epyc-7763:2 + a100-80gb:4", "xeon-6248 + t4 + l4:3"])
def test_a_composition_survives_being_written_and_read(name: str, tmp_path: Path) -> None:
    cluster = resolve_cluster(name)
    save_profile(cluster_to_profile(cluster, "composed"), tmp_path / "composed.json")
    assert load_profile(tmp_path / "composed.json") == cluster


def test_devices_in_any_order_survive_being_written_and_read() -> None:
    cpu, first, other = (device_catalogue()[n] for n in ("epyc-7763", "t4", "l4"))
    cluster = Cluster("mixed", (cpu, first, other, first))
    assert parse_profile(cluster_to_profile(cluster)) == cluster


def test_a_gpu_without_limits_survives_being_written_and_read() -> None:
    gpu = Device("unified", "gpu", 1e13, 1e12, math.inf, 0.0, 10.0, 100.0)
    cluster = Cluster("unified", (device_catalogue()["epyc-7763"], gpu))
    assert parse_profile(cluster_to_profile(cluster)) == cluster


@pytest.mark.parametrize("composition", [None, 3, b"t4", ["t4"], "t4 +" * 1000])
def test_what_is_no_composition(composition: Any) -> None:
    with pytest.raises(HybridClusterError, match=r"composition is|device in") as caught:
        parse_composition(composition)
    assert len(str(caught.value)) < 700


def test_a_cluster_has_at_most_1024_devices() -> None:
    cpu, gpu = (device_catalogue()[n] for n in ("epyc-7763", "t4"))
    assert len(resolve_cluster("epyc-7763:512 + t4:512").devices) == 1024
    assert len(Cluster("full", (cpu,) * 512 + (gpu,) * 512).devices) == 1024
    with pytest.raises(HybridClusterError, match="1025 devices; allowed: at most 1024"):
        Cluster("overfull", (cpu,) * 512 + (gpu,) * 513)


def test_devices_may_be_a_list_but_must_be_devices() -> None:
    devices = resolve_cluster("t4-node").devices
    cluster = Cluster("t4-node", list(devices))  # type: ignore[arg-type]
    assert cluster == resolve_cluster("t4-node")
    assert hash(cluster) == hash(resolve_cluster("t4-node"))
    for bad in ("devices", [*devices, "t4"], None, 10**400, {1: 2}):
        with pytest.raises(HybridClusterError, match="cluster 'bad'"):
            Cluster("bad", bad)  # type: ignore[arg-type]
    with pytest.raises(HybridClusterError, match="cluster is \\[Device"):
        resolve_cluster(list(devices))  # type: ignore[arg-type]
    with pytest.raises(HybridClusterError, match="name of a cluster is"):
        Cluster(["t4-node"], devices)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(field, value, id=f"{field}-{type(value).__name__}")
        for field in DEVICE_FIGURES
        for value in (10**400, 10**5000, 1j, "1", None, True, [1.0], math.nan, 1e101)
        if not (value is None and REFINEMENTS.get(field, 0.0) is None)
    ],
)
def test_odd_figures_of_a_device_are_named(field: str, value: Any) -> None:
    with pytest.raises(HybridClusterError, match=f"device 't4': field '{field}' is"):
        dataclasses.replace(device_catalogue()["t4"], **{field: value})
    with pytest.raises(HybridClusterError, match="name of a device is 3"):
        dataclasses.replace(device_catalogue()["t4"], name=3)  # type: ignore[arg-type]


def test_saving_to_what_is_no_place_for_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    for place in (tmp_path, file / "below.json"):
        with pytest.raises(HybridClusterError, match=re.escape(str(place))):
            save_profile(VALID, place)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
    for bad in (3, None, [file]):
        with pytest.raises(HybridClusterError, match="path is"):
            save_profile(VALID, bad)  # type: ignore[arg-type]
        with pytest.raises(HybridClusterError, match="path is"):
            load_profile(bad)  # type: ignore[arg-type]
    for name in ("a\0b.json", "\ud800.json"):
        with pytest.raises(HybridClusterError):
            save_profile(VALID, tmp_path / name)
        with pytest.raises(HybridClusterError):
            resolve_cluster(name)


def test_what_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(HybridClusterError, match="does not fit JSON"):
        save_profile({**VALID, "raw": deep}, tmp_path / "deep.json")
    assert not list(tmp_path.iterdir())


REFINED = Device(
    "refined",
    "cpu",
    1e12,
    1e11,
    math.inf,
    1e-6,
    10.0,
    100.0,
    cache_bytes=5e7,
    cache_bandwidth=4e11,
    ridge_sharpness=1.5,
    memory_power_w=80.0,
)


def test_figures_beyond_the_roofline_may_be_left_out() -> None:
    for device in device_catalogue().values():
        for name in ("cache_bytes", "cache_bandwidth", "ridge_sharpness", "serial_step_s"):
            assert getattr(device, name) == REFINEMENTS[name]
    assert parse_profile(VALID).cpus[0].cache_bytes == 0.0
    profile = cluster_to_profile(resolve_cluster("a100-node"))
    assert set(profile["devices"][0]) & set(REFINEMENTS) == {"flops_fp64"}


def test_figures_beyond_the_roofline_survive_being_written_and_read() -> None:
    cluster = Cluster("refined", (REFINED, device_catalogue()["t4"]))
    assert parse_profile(cluster_to_profile(cluster)) == cluster


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("cache_bytes", -1, ["cache_bytes", "-1"]),
        ("cache_bytes", "many", ["cache_bytes", "'many'"]),
        ("cache_bandwidth", 9e10, ["cache_bandwidth", "[1e+11, "]),
        ("ridge_sharpness", 0.5, ["ridge_sharpness", "0.5", "[1, "]),
        ("ridge_sharpness", True, ["ridge_sharpness", "True"]),
        ("cache_bytes", 1e6, ["cache_bandwidth", "missing"]),
        ("memory_power_w", 59.9, ["memory_power_w", "59.9", "idle_power_w = 60"]),
        ("memory_power_w", None, ["memory_power_w", "None", "a number"]),
        ("memory_power_w", "high", ["memory_power_w", "'high'"]),
        ("memory_power_w", {"value": 90, "statu": "measured"}, ["memory_power_w", "'statu'"]),
        ("memory_powr_w", 90, ["'memory_powr_w'", "'memory_power_w'"]),
    ],
)
def test_bad_figures_beyond_the_roofline(field: str, value: Any, expected: list[str]) -> None:
    with pytest.raises(HybridClusterError) as caught:
        parse_profile(with_change(setting(0, field, value)))
    for part in expected:
        assert part in str(caught.value)
