"""Mooncake's traces: requests to Kimi with the blocks of their prompts, which share prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.model.traces.json_objects import JSONObject, as_table, read_json_objects, take
from cpu_gpu_env.model.traces.llm_requests import LLMRequests
from cpu_gpu_env.model.traces.text_table import TraceTable
from cpu_gpu_env.model.traces.timestamps import TIME_UNITS, read_times_s

TIME, INPUT, OUTPUT = KEYS = ("timestamp", "input_length", "output_length")
BLOCKS = "hash_ids"

NO_CACHE, IDEAL = "none", "ideal"
PREFIX_CACHES = {
    NO_CACHE: "all tokens of a request are computed, also those that an earlier one shares",
    IDEAL: "blocks at the beginning of a request that earlier ones brought are not computed again",
}
"""What a prefix cache saves, in words."""


@dataclass(frozen=True)
class Mooncake(LLMRequests):
    """Requests of Mooncake's files (Qin et al., "Mooncake", FAST 2025), priced as `LLMRequests`.

    JSON lines with timestamp [ms], input_length and output_length [tokens] and hash_ids, one for
    each block of `block_tokens` tokens of the input: two requests begin alike as far as their
    hash_ids do. With ``prefix_cache="ideal"`` the blocks at the beginning of a request that any
    earlier request brought are hits of a cache without limit that all devices share: their keys and
    values are read and not computed.
    """

    format: ClassVar[str] = "mooncake"
    choices: ClassVar[Mapping[str, Iterable[str]]] = {
        "time_unit": TIME_UNITS,
        "prefix_cache": PREFIX_CACHES,
    }
    signature: ClassVar[tuple[str, ...]] = KEYS

    prefix_cache: str = NO_CACHE
    """``"none"``: every token of the input is computed; ``"ideal"``: hits are not."""
    block_tokens: int = 512
    """Tokens of a block, but for the last of a request, which may have fewer."""
    time_unit: str = "ms"
    """Of timestamp: ``"ms"``, as the files have it, ``"s"``, ``"us"`` or ``"ns"``; ``"auto"``: as
    the numbers tell, see `cpu_gpu_env.model.traces.timestamps`."""

    def read(self, path: str) -> tuple[Tasks, tuple[str, ...]]:
        """Read a file: its requests as tasks in order of arrival, and what they assume."""
        objects = read_json_objects(path, self.max_bytes)
        cached = self.prefix_cache == IDEAL
        objects = _with_blocks(path, objects) if cached else objects
        table = as_table(path, objects, (*KEYS, BLOCKS) if cached else KEYS)
        table, arrival_s = table.in_order(TIME, read_times_s(table, TIME, self.time_unit))
        tokens_in, tokens_out = table.numbers(INPUT), table.numbers(OUTPUT)
        hits = self._hits(table, tokens_in) if cached else np.zeros(len(table))
        tasks, notes = self._price(path, arrival_s, tokens_in, tokens_out, hits)
        share = hits.sum() / max(tokens_in.sum(), 1.0)
        cache = f"prefix cache: {PREFIX_CACHES[self.prefix_cache]}"
        return tasks, (*notes, f"{cache}; {share:.1%} of the input tokens are hits")

    def _hits(self, table: TraceTable, tokens_in: FloatArray) -> FloatArray:
        """Tokens that earlier requests brought, (requests,)."""
        hits, seen = np.zeros(len(table)), set[str]()
        for row, text in enumerate(table.columns[BLOCKS]):
            blocks = text.split()
            if len(blocks) != -(-tokens_in[row] // self.block_tokens):
                allowed = (
                    f"one block for each {self.block_tokens} of its {tokens_in[row]:.0f} input "
                    f"tokens (argument block_tokens), not {len(blocks)}"
                )
                raise table.error(row, BLOCKS, allowed)
            hit = next((i for i, block in enumerate(blocks) if block not in seen), len(blocks))
            hits[row] = min(hit * self.block_tokens, tokens_in[row])
            seen.update(blocks)
        return hits


def _with_blocks(
    path: str, objects: Iterator[tuple[int, JSONObject]]
) -> Iterator[tuple[int, JSONObject]]:
    """Make a text of the blocks of each request."""
    for line, item in objects:
        blocks = take(path, line, item, BLOCKS, list)
        yield line, {**item, BLOCKS: " ".join(map(str, blocks))}
