"""BurstGPT: requests to ChatGPT and GPT-4 with the tokens that they brought and got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.traces.llm_requests import LLMRequests
from cpu_gpu_env.model.traces.text_table import read_csv
from cpu_gpu_env.model.traces.timestamps import TIME_UNITS, read_times_s

TIME, REQUEST, RESPONSE = COLUMNS = ("Timestamp", "Request tokens", "Response tokens")


@dataclass(frozen=True)
class BurstGPT(LLMRequests):
    """Requests of the BurstGPT files (Wang et al., "BurstGPT", KDD 2025), priced as `LLMRequests`.

    CSV with Timestamp [s], Request tokens and Response tokens; the other columns (Model, Total
    tokens, Log Type) are ignored: all requests are priced as of one model. Requests with no
    response token failed and are left out.
    """

    format: ClassVar[str] = "burstgpt"
    choices: ClassVar[Mapping[str, Iterable[str]]] = {"time_unit": TIME_UNITS}
    signature: ClassVar[tuple[str, ...]] = COLUMNS

    time_unit: str = "s"
    """Of Timestamp: ``"s"``, as the files have it, ``"ms"``, ``"us"`` or ``"ns"``; ``"auto"``: as
    the numbers tell, see `cpu_gpu_env.model.traces.timestamps`."""

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its requests as tasks in order of arrival, and what they assume."""
        table = read_csv(path, COLUMNS, self.max_bytes)
        answered = table.numbers(RESPONSE) > 0
        table = table.keep(answered)
        table, arrival_s = table.in_order(TIME, read_times_s(table, TIME, self.time_unit))
        tasks, notes = self._price(path, arrival_s, table.numbers(REQUEST), table.numbers(RESPONSE))
        failures = f"{(~answered).sum():,} requests without response tokens (failures) are left out"
        return tasks, (*notes, "all requests are priced as of one model", failures)
