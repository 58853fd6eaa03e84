"""Azure LLM inference traces of 2023 and 2024: requests with the tokens that they bring and get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.traces.llm_requests import LLMRequests
from cpu_gpu_env.model.traces.text_table import read_csv
from cpu_gpu_env.model.traces.timestamps import AUTO, TIME_UNITS, read_times_s

TIME, CONTEXT, GENERATED = COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


@dataclass(frozen=True)
class AzureLLM(LLMRequests):
    """Requests of Azure's LLM inference services, priced as `LLMRequests`.

    The files of AzurePublicDataset (2023: Patel et al., "Splitwise", ISCA 2024; 2024: Stojkovic
    et al., "DynamoLLM", HPCA 2025) are CSV with TIMESTAMP, ContextTokens and GeneratedTokens. Times
    are dates, in UTC where they tell no zone, or numbers (`cpu_gpu_env.model.traces.timestamps`).
    """

    format: ClassVar[str] = "azure-llm"
    choices: ClassVar[Mapping[str, Iterable[str]]] = {"time_unit": TIME_UNITS}
    signature: ClassVar[tuple[str, ...]] = COLUMNS

    time_unit: str = AUTO
    """Of times that are numbers: ``"s"``, ``"ms"``, ``"us"``, ``"ns"``; ``"auto"``: as they tell,
    see `cpu_gpu_env.model.traces.timestamps`."""

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its tasks in order of arrival, and what they assume."""
        table = read_csv(path, COLUMNS, self.max_bytes)
        table, arrival_s = table.in_order(TIME, read_times_s(table, TIME, self.time_unit))
        return self._price(path, arrival_s, table.numbers(CONTEXT), table.numbers(GENERATED))
