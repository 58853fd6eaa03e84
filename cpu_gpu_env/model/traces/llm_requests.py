"""Requests to a language model: what the tokens of a request cost, for all traces of such."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cpu_gpu_env.errors import unknown_name
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.model.traces.mapping import TraceMapping

JOINED, PREFILL_DECODE = "joined", "prefill-decode"
SPLITS = {
    JOINED: "a request is one task, prefill and decode together",
    PREFILL_DECODE: "a request is two tasks, and its decode does not wait for its prefill",
}
"""How a request becomes tasks, in words."""


@dataclass(frozen=True)
class LLMRequests(TraceMapping):
    """Requests to a language model of P parameters of b bytes, with k bytes of KV cache a token.

    A trace gives the time of each request, the tokens n_in of its context and the tokens n_out
    generated. FLOP and bytes follow once a model is fixed, with two operations a parameter and
    token (Kaplan et al., "Scaling Laws for Neural Language Models", 2020, section 2.1; attention
    itself is left out):

    - prefill: size ``2 P n_in``, bytes moved ``P b + k n_in``, working set ``k n_in``; of the
      n_hit tokens that a prefix cache holds, keys and values are read and not computed: size
      ``2 P (n_in - n_hit)``, and nothing is left to do where all are held;
    - decode: size ``2 P n_out``, bytes moved ``n_out (P b / B + k (n_in + n_out / 2))``, since
      each token reads all weights, once for the B requests of a batch, and its request's cache so
      far; working set ``k (n_in + n_out)``.

    The default is one task a request with the sums of both and the working set of the decode.
    Assumptions: servers batch, and as much of a batch's time is a request's as its part of the
    work; the kernels of a layer follow one another, products bound by computing or weights and
    attention by the cache, so computing and traffic do not overlap (`Tasks.overlaps`); weights and
    cache stay on every device, and what crosses the link, the tokens, is nothing beside them; the
    decode of a request does not wait for its prefill where the two are apart. The default model has
    7e9 parameters in 16 bits and the cache of a 7B Llama 2 (32 layers, two vectors of 4,096 values
    of 2 bytes each).
    """

    parameters: float = 7e9
    """Parameters P of the model."""
    bytes_per_parameter: float = 2.0
    """Bytes b of a parameter."""
    kv_bytes_per_token: float = 524_288.0
    """Bytes k of KV cache a token."""
    batch: int = 32
    """Requests B that a decode step serves at once; 1: they are served one by one."""
    precision: str = "fp16"
    """Number format of the model (`cpu_gpu_env.model.precision.PRECISIONS`)."""
    split: str = JOINED
    """``"joined"``: one task a request; ``"prefill-decode"``: two."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.split not in SPLITS:
            raise unknown_name(f"split of {self.format} traces", self.split, SPLITS)

    def _price(
        self,
        path: str,
        arrival_s: FloatArray,
        tokens_in: FloatArray,
        tokens_out: FloatArray,
        tokens_hit: FloatArray | float = 0.0,
    ) -> tuple[Tasks, tuple[str, ...]]:
        """Turn requests, in order of arrival, into tasks and what they assume.

        Args:
            path: File of the trace, for errors.
            arrival_s: Times [s], (requests,).
            tokens_in: Tokens of the context, (requests,).
            tokens_out: Tokens generated, (requests,).
            tokens_hit: Tokens of the context that a prefix cache holds, (requests,).
        """
        per_token_flop = 2 * self.parameters
        weights, cache = self.parameters * self.bytes_per_parameter, self.kv_bytes_per_token
        computed = tokens_in - tokens_hit
        prefill_bytes = np.where(computed > 0, weights + cache * tokens_in, 0.0)
        decode_bytes = tokens_out * (weights / self.batch + cache * (tokens_in + tokens_out / 2))
        # One row a request, one column a phase.
        size = np.stack([per_token_flop * computed, per_token_flop * tokens_out], axis=1)
        moved = np.stack([prefill_bytes, decode_bytes], axis=1)
        memory = np.stack([cache * tokens_in, cache * (tokens_in + tokens_out)], axis=1)
        if self.split == JOINED:
            size, moved = size.sum(axis=1, keepdims=True), moved.sum(axis=1, keepdims=True)
            memory = memory[:, 1:]
        some = size > 0
        arrivals = np.broadcast_to(arrival_s[:, None], size.shape)
        tasks = self._make_tasks(
            path,
            arrivals[some],
            size[some],
            size[some] / moved[some],
            memory[some],
            transfer_bytes=np.zeros(()),
            overlaps=np.zeros((), np.bool_),
        )
        return tasks, self._model_notes(int(size.size - some.sum()))

    def _model_notes(self, without_tokens: int) -> tuple[str, ...]:
        model = (
            f"the model has {self.parameters:g} parameters of {self.bytes_per_parameter:g} bytes "
            f"and {self.kv_bytes_per_token:g} bytes of KV cache a token, computes in "
            f"{self.precision}, and stays on every device; the working set is the KV cache, which "
            "stays there too"
        )
        served = (
            "requests are not batched"
            if self.batch == 1
            else f"a decode step serves {self.batch} requests, which share the reading of weights"
        )
        notes = (model, f"{SPLITS[self.split]}; {served}")
        if not without_tokens:
            return notes
        return (*notes, f"{without_tokens:,} tasks without tokens are left out")
