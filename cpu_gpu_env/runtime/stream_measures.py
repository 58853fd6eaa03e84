"""What is measured of all lanes of a stream, and how they compare."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.baselines.schedulers import SCHEDULERS
from cpu_gpu_env.checks import check_field
from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.results.confidence_sequence import ConfidenceSequence
from cpu_gpu_env.results.gap import plain_json
from cpu_gpu_env.results.metrics import OBJECTIVE
from cpu_gpu_env.results.records import ORACLE, USUAL_REFERENCE
from cpu_gpu_env.runtime.measures import DEFAULT_WINDOW, LaneMeasures
from cpu_gpu_env.runtime.records import LaneEpisodes

if TYPE_CHECKING:
    from cpu_gpu_env.runtime.engine import Finished


def lane_reference(names: Sequence[str], learned: Collection[str] = ()) -> str:
    """Choose to whom the other lanes are compared, before any has played.

    That is the usual reference of a comparison; if it is not there, the heuristic that is named
    last in `SCHEDULERS`, which lists the better ones later; if there is none, the first lane that
    neither learned nor foresees, or does not foresee, or any.

    Args:
        names: Of the lanes.
        learned: Those that were trained, by name.
    """
    heuristics = [name for name in (USUAL_REFERENCE, *reversed(SCHEDULERS)) if name in names]
    others = [name for name in names if name != ORACLE]
    fixed = [name for name in others if name not in learned]
    return next(iter([*heuristics, *fixed, *others, *names]))


class PairedDifferences:
    """Mean difference of J of each lane to a reference in the same episodes, watched all along.

    The intervals are those of `ConfidenceSequence`: they hold at all times at once, so that one may
    stop, or conclude, when one likes.

    Args:
        names: Of the lanes.
        reference: One of them.

    Raises:
        HybridClusterError: If it is none of them.
    """

    def __init__(self, names: Sequence[str], reference: str) -> None:
        if reference not in names:
            raise unknown_name("reference", reference, names)
        self.reference = reference
        self._sequences = {name: ConfidenceSequence() for name in names if name != reference}

    def add(self, lanes: Mapping[str, LaneEpisodes]) -> None:
        """Add what each lane made of the next episodes."""
        reference = lanes[self.reference].values[OBJECTIVE]
        for name, sequence in self._sequences.items():
            sequence.add(lanes[name].values[OBJECTIVE] - reference)

    def state(self, name: str) -> dict[str, Any] | None:
        """The mean difference of a lane and its interval, as JSON; None for the reference."""
        sequence = self._sequences.get(name)
        if sequence is None:
            return None
        estimate = sequence.estimate
        found: dict[str, Any] = plain_json(
            {
                "reference": self.reference,
                "mean": estimate.mean,
                "low": estimate.mean - estimate.half_width,
                "high": estimate.mean + estimate.half_width,
                "differs": sequence.differs,
            }
        )
        return found

    def to_json(self) -> dict[str, Any]:
        """Describe them in plain values."""
        lanes = {name: sequence.state() for name, sequence in self._sequences.items()}
        return {"reference": self.reference, "lanes": lanes}

    @classmethod
    def from_json(cls, where: str, content: Any, names: Sequence[str]) -> PairedDifferences:
        """Go on from what `to_json` described.

        Raises:
            HybridClusterError: If it is damaged or of other lanes; the message begins with `where`.
        """
        try:
            found = cls(names, check_field(where, content, "reference", str))
            lanes = check_field(where, content, "lanes", dict)
            for name in found._sequences:
                state = check_field("lanes", lanes, name, dict)
                found._sequences[name] = ConfidenceSequence.from_state(state)
        except HybridClusterError as error:
            raise HybridClusterError(f"{where}: {error}") from None
        return found


class StreamMeasures:
    """Measures of all lanes, in the order of their names.

    Args:
        names: Of the lanes.
        window: Episodes of the sliding window.
        electricity_price: Per kWh; None: there is none.
        reference: To whom the others are compared; None: see `lane_reference`.
        learned: Lanes that were trained, by name.

    Raises:
        HybridClusterError: If an argument is not allowed.
    """

    def __init__(
        self,
        names: Sequence[str],
        window: int = DEFAULT_WINDOW,
        electricity_price: float | None = None,
        reference: str | None = None,
        learned: Collection[str] = (),
    ) -> None:
        self.lanes = {name: LaneMeasures(name, window, electricity_price) for name in names}
        """Of each lane, by name."""
        self.differences = PairedDifferences(names, reference or lane_reference(names, learned))
        """Of each lane to the reference."""
        self._window, self._price = window, electricity_price
        self._states: dict[str, dict[str, Any]] | None = None

    def add(self, finished: Finished) -> None:
        """Add the next batch of episodes."""
        arrived = finished.arrived
        for name, lane in finished.lanes.items():
            self.lanes[name].add(lane, arrived.bounds, arrived.batch.phase.problem.cluster)
        self.differences.add(finished.lanes)
        self._states = None

    def states(self) -> dict[str, dict[str, Any]]:
        """The newest state of each lane as JSON, see `LaneMeasures.state`, and its ``difference``.

        It is worked out once a batch; not to be written.
        """
        if self._states is None:
            self._states = {
                name: lane.state() | {"difference": self.differences.state(name)}
                for name, lane in self.lanes.items()
            }
        return self._states

    def to_json(self) -> dict[str, Any]:
        """Describe the measures over all episodes in plain values; the windows are left out."""
        return {
            "lanes": {name: lane.to_json() for name, lane in self.lanes.items()},
            "differences": self.differences.to_json(),
        }

    def restore(self, where: str, content: Any) -> None:
        """Go on with the measures over all episodes that `to_json` described.

        Raises:
            HybridClusterError: If they are damaged or of other lanes; the message begins with
                `where`, and nothing is changed.
        """
        names = list(self.lanes)
        described = check_field(where, content, "lanes", dict)
        lanes = {}
        for name in names:
            of_lane = check_field(f"{where}: lanes", described, name, dict)
            lanes[name] = LaneMeasures.from_json(
                f"{where}: {name}", of_lane, name, self._window, self._price
            )
        differences = check_field(where, content, "differences", dict)
        self.differences = PairedDifferences.from_json(f"{where}: differences", differences, names)
        self.lanes, self._states = lanes, None
