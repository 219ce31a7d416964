"""Measuring speed: arithmetic against hand-made timings, the phase through the job."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap

import reports
from bench.machine import load_monitor, nvml
from bench.machine.provenance import Provenance
from bench.spec.device import CPU, FIRST_GPU
from bench.spec.run import RunSpec
from bench.speed import measure as measuring
from bench.speed import phase
from bench.speed.setting import Setting
from bench.statistics.bootstrap import median_interval
from bench.statistics.speed_frames import rounds_frame, speeds_frame
from bench.store.speed_file import FORMAT
from tests.job.test_job import job

CODE = Provenance(code={"training": "as it is"})


def test_the_bootstrap_interval_of_a_median() -> None:
    assert median_interval([3.0] * 9) == (3.0, 3.0)
    assert all(map(math.isnan, (*median_interval([1.0]), *median_interval([]), *median_interval([1.0, math.nan]))))
    low, high = median_interval([1, 2, 3, 4, 100])
    assert 1 <= low < 3 < high <= 100
    assert median_interval([1, 2, 3, 4, 100]) == (low, high), "the same each time"
    wide = median_interval([1, 2, 3, 4, 100], 0.999)
    assert wide[0] <= low and high <= wide[1]


def test_the_bootstrap_interval_is_scipy_s() -> None:
    x = np.random.default_rng(0).lognormal(size=20)
    seed = np.random.default_rng(20_171_001)
    theirs = bootstrap((x,), np.median, n_resamples=4_000, method="percentile", rng=seed).confidence_interval
    assert median_interval(x.tolist()) == (theirs.low, theirs.high)


def test_the_bootstrap_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    samples = np.random.default_rng(5).exponential(size=(300, 15))
    intervals = [median_interval(sample) for sample in samples]
    covered = np.mean([low <= math.log(2) <= high for low, high in intervals])
    assert 0.91 <= covered <= 0.99


def timed(arch: str, seconds: list[float], task: str = "vae", work: str = "train", **extra: Any) -> dict[str, Any]:
    return {"arch": arch, "arch_fingerprint": f"f-{arch}", "task": task, "work": work, "images": 100, "calls": 2,
            "seconds": seconds, "flops_per_image": 1e6, "peak_bytes": 5e6, "joules_per_image": None,
            **extra}  # fmt: skip


def document(works: list[dict[str, Any]], matmul: list[float]) -> dict[str, Any]:
    keys = dict.fromkeys((one["task"], one["work"]) for one in works)
    products = [{"task": t, "work": w, "flops": 1e9, "calls": 1, "seconds": matmul} for t, w in keys]
    return {"format": FORMAT, "works": works, "matmul": products}


def test_speeds_ratios_and_mfu_by_hand() -> None:
    drift = [1.0, 1.0, 1.5, 2.0, 3.0]  # the machine slows down under both alike
    content = document([timed("a", drift), timed("b", [s / 2 for s in drift])], [0.5 * s for s in drift])
    rounds = rounds_frame(content)
    assert len(rounds) == 10
    assert rounds["images_per_s"].tolist()[:2] == [200.0, 200.0]
    assert rounds[rounds["arch"] == "a"]["mfu"].tolist() == pytest.approx([200 * 1e6 / 2e9] * 5), "of the same round"
    a, b = speeds_frame(content, "a").to_dict("records")
    assert (a["images_per_s"], a["low_quartile"], a["high_quartile"]) == pytest.approx((200 / 1.5, 100, 200))
    assert math.isnan(a["ratio"]) and not a["resolved"]
    assert (b["ratio"], b["ratio_low"], b["ratio_high"]) == pytest.approx((2, 2, 2)), "drift cancels round by round"
    assert b["resolved"] and math.isnan(b["joules_per_image"])


def test_a_ratio_that_noise_could_make_is_not_resolved() -> None:
    noise = np.random.default_rng(1).lognormal(0, 0.05, size=(2, 12))
    rows = speeds_frame(document([timed("a", list(noise[0])), timed("b", list(noise[1]))], [1.0] * 12), "a")
    assert not rows["resolved"].any()


def test_without_the_baseline_or_known_flops_there_is_no_ratio_and_no_mfu() -> None:
    rows = speeds_frame(document([timed("a", [1.0, 1.1], flops_per_image=None)], [1.0, 1.0]), "gone")
    assert rows[["ratio", "ratio_low", "mfu", "flops_per_image"]].isna().all(axis=None)


def test_foreign_load_is_what_this_process_did_not_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tick = os.sysconf("SC_CLK_TCK")
    stat = tmp_path / "stat"
    monkeypatch.setattr(load_monitor, "STAT", stat)
    now, own = [100.0], [5.0]
    monkeypatch.setattr(load_monitor.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(load_monitor, "process_cpu_seconds", lambda: own[0])
    stat.write_text(f"cpu {10 * tick} 0 0 {10 * tick} 0 0 0 0 0 0\n", encoding="ascii")
    monitor = load_monitor.LoadMonitor(None)
    now[0], own[0] = 110.0, 14.0  # ten seconds, nine of them this process's
    stat.write_text(f"cpu {22 * tick} 0 0 {14 * tick} 0 0 0 {2 * tick} 0 0\n", encoding="ascii")
    found = monitor.summary()
    assert found["foreign_cores"] == pytest.approx(0.3)
    assert found["stolen"] == pytest.approx(2 / (12 + 4 + 2))
    stat.unlink()
    assert load_monitor.LoadMonitor(None).summary()["foreign_cores"] is None, "no /proc: not known, and not a failure"


def test_a_gpu_is_described_by_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    class NVMLError(Exception):
        pass

    def absent(handle: str) -> None:
        raise NVMLError

    clocks = iter([1500, 1980])
    library = SimpleNamespace(
        NVMLError=NVMLError, NVML_CLOCK_SM=1, nvmlClocksThrottleReasonSwPowerCap=4, nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid, nvmlDeviceGetClockInfo=lambda handle, kind: next(clocks),
        nvmlDeviceGetMaxClockInfo=lambda handle, kind: 1980,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: 4 + 1,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [SimpleNamespace(pid=os.getpid()), SimpleNamespace(pid=1)],
        nvmlDeviceGetTotalEnergyConsumption=absent,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1-2"))
    gpu = nvml.open_gpu(FIRST_GPU)
    assert gpu is not None and gpu.handle == "GPU-1-2"
    assert gpu.joules() is None, "a driver that doesn't count energy"
    monitor = load_monitor.LoadMonitor(gpu)
    monitor.sample_gpu()
    monitor.sample_gpu()
    assert monitor.summary()["gpu"] == {
        "clock_mhz": [1500, 1980], "most_mhz": 1980, "throttling": ["power cap"], "foreign_processes": 1,
    }  # fmt: skip
    assert nvml.open_gpu(CPU) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvml.open_gpu(FIRST_GPU) is None, "without the package nothing is known, and nothing fails"


def test_how_long_it_took_is_counted_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    back = iter([2_000_000.0, 1_000_000.0, 0.0])
    monkeypatch.setattr("bench.speed.measure.time.time", lambda: next(back))
    found = measuring.measure([], Setting(8, 20, "dynamic", CPU, 1), "quick")["environment"]
    assert found["begun"] == 2_000_000.0 and 0 <= found["seconds"] < 60


def spec(**changes: Any) -> RunSpec:
    values = {"arch": "cnn3", "arch_fingerprint": "f", "task": "classifier", "dataset": "digits",
              "data_fingerprint": "d", "likelihood": None, "seed": 0, "epochs": 1, "batch_size": 8, "lr": 1e-3,
              "latent_dim": None, "train_images": None, "device": "cpu", "threads": 1}  # fmt: skip
    return RunSpec(**{**values, **changes})


def test_a_phase_that_fails_says_so_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def broken(*unused: Any, listener: object) -> None:
        raise RuntimeError("the measuring process was killed by SIGKILL")

    monkeypatch.setattr(phase, "call_in_child", broken)
    assert (
        phase.measure_apart(tmp_path, "off", [spec()], CPU, "Invented CPU", (), CODE)
        == "not measured apart: --throughput off"
    )
    assert (
        phase.measure_apart(tmp_path, "quick", [], CPU, "Invented CPU", (), CODE)
        == "not measured apart: no run finished"
    )
    text = phase.measure_apart(tmp_path, "quick", [spec()], CPU, "Invented CPU", (), CODE)
    assert text == "not measured apart: the measuring process was killed by SIGKILL"
    assert capsys.readouterr().err.splitlines()[-1] == f"speed {text}"
    assert list(tmp_path.iterdir()) == []


def nothing_measured(begun: float) -> dict[str, Any]:
    """What a measurement of no architecture returns."""
    setting = {"batch_size": 8, "device": "cpu", "threads": 1, "dtype": "float32"}
    environment = {"begun": begun, "device_name": "Invented CPU", "nvml": False}
    lists: dict[str, Any] = {name: [] for name in ("works", "matmul", "conditions", "failed")}
    return {"format": FORMAT, "mode": "quick", "setting": setting, "environment": environment, **lists}


def test_what_was_measured_is_kept_until_something_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def fake(
        function: object, cells: Any, setting: Setting, mode: str, plugins: Any, listener: object
    ) -> dict[str, Any]:
        measured.append(mode)
        return nothing_measured(1e9)

    monkeypatch.setattr(phase, "call_in_child", fake)
    (tmp_path / "throughput.json").write_text("{half", encoding="utf-8")  # replaced, not stumbled over
    phase.measure_apart(tmp_path, "quick", [spec()], CPU, "Invented CPU", (), CODE)
    again = phase.measure_apart(tmp_path, "quick", [spec(seed=1)], CPU, "Invented CPU", (), CODE)
    assert again == "measured apart by an earlier run of this command"
    phase.measure_apart(tmp_path, "quick", [spec(arch_fingerprint="edited")], CPU, "Invented CPU", (), CODE)
    phase.measure_apart(tmp_path, "full", [spec(arch_fingerprint="edited")], CPU, "Invented CPU", (), CODE)
    phase.measure_apart(
        tmp_path, "quick", [spec(arch_fingerprint="edited")], CPU, "Invented CPU", (), CODE
    )  # the full one answers that
    assert measured == ["quick", "quick", "full"]
    edited = Provenance(code={"training": "edited"})
    phase.measure_apart(tmp_path, "quick", [spec(arch_fingerprint="edited")], CPU, "Invented CPU", (), edited)
    assert measured == ["quick", "quick", "full", "quick"], "the loop is another one now"
    assert [path.name for path in tmp_path.iterdir()] == ["throughput.json"]


def test_a_job_that_trains_more_at_another_hour_adds_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, hour = [1e9], 3600.0

    def fake(*unused: Any, listener: object) -> dict[str, Any]:
        return nothing_measured(clock[0])

    def begun() -> list[float]:
        content = json.loads((tmp_path / "throughput.json").read_text(encoding="utf-8"))
        assert all("identity" not in one and "earlier" not in one for one in content.get("earlier", []))
        return [one["environment"]["begun"] for one in [*content.get("earlier", []), content]]

    def measure(*, anew: bool, **changes: Any) -> None:
        phase.measure_apart(tmp_path, "quick", [spec(**changes)], CPU, "Invented CPU", (), CODE, anew=anew)

    monkeypatch.setattr(phase, "call_in_child", fake)
    monkeypatch.setattr(phase.time, "time", lambda: clock[0])
    measure(anew=True)
    measure(anew=True)
    assert begun() == [1e9], "a minute later it would tell nothing new"
    clock[0] += hour
    measure(anew=False)
    assert begun() == [1e9], "nothing was trained: the command costs no time again"
    for _ in range(6):
        measure(anew=True)
        clock[0] += hour
    assert begun() == [1e9 + hour * n for n in range(2, 7)], "the newest five"
    measure(anew=True, arch_fingerprint="edited")
    assert begun() == [clock[0]], "other code is no session of the same thing"


@pytest.mark.slow
def test_a_job_measures_apart_once(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["--archs", "cnn3", "--tasks", "classifier", "--seeds", "1", "--throughput", "quick"]
    assert job(tmp_path, *arguments) == 0
    assert "measuring speed apart" in capsys.readouterr().err
    file = tmp_path / "report" / "throughput.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    assert {(one["arch"], one["work"]) for one in content["works"]} == {("cnn3", "train"), ("cnn3", "inference")}
    assert all(len(one["seconds"]) >= 5 and min(one["seconds"]) > 0 for one in content["works"])
    assert content["failed"] == []
    apart = reports.load(tmp_path / "report").measured_speeds
    assert apart is not None and apart.tasks == ("classifier",)
    stamp = file.stat().st_mtime_ns
    assert job(tmp_path, *arguments) == 0
    assert file.stat().st_mtime_ns == stamp
