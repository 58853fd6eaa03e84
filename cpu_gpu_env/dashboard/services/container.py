"""All services of a server, made once: routes find them in ``request.app.state.services``."""

from __future__ import annotations

from dataclasses import dataclass

from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.services.audit import AuditService
from cpu_gpu_env.dashboard.services.comparison import ComparisonService
from cpu_gpu_env.dashboard.services.control import ControlService
from cpu_gpu_env.dashboard.services.decisions import DecisionService
from cpu_gpu_env.dashboard.services.deletion import DeletionService
from cpu_gpu_env.dashboard.services.engine_process import EngineProcess
from cpu_gpu_env.dashboard.services.exports import ExportService
from cpu_gpu_env.dashboard.services.history import HistoryService
from cpu_gpu_env.dashboard.services.live import LiveService
from cpu_gpu_env.dashboard.services.log import LogService
from cpu_gpu_env.dashboard.services.prediction_process import PredictionProcess
from cpu_gpu_env.dashboard.services.replay import Replay
from cpu_gpu_env.dashboard.services.runs import RunService
from cpu_gpu_env.dashboard.services.statistics import StatisticsService
from cpu_gpu_env.dashboard.services.telemetry import Telemetry
from cpu_gpu_env.dashboard.settings import DashboardSettings


@dataclass(frozen=True)
class Services:
    """What routes ask; each may be called by several threads at once, unless it says otherwise."""

    source: StoreSource
    """The store, which all of them read."""
    runs: RunService
    """Runs, and what they are made of."""
    comparison: ComparisonService
    """How the schedulers of a run compare."""
    history: HistoryService
    """How a run went."""
    decisions: DecisionService
    """Single decisions."""
    audit: AuditService
    """What each scheduler saw, predicted, chose and got for a task, and what that cost."""
    predictions: PredictionProcess
    """What learned schedulers thought, for the audit."""
    statistics: StatisticsService
    """The newest decisions of a scheduler, summed up."""
    log: LogService
    """What happened in a run."""
    exports: ExportService
    """Rows of a run as a file."""
    live: LiveService
    """The newest state of what is watched; in the event loop."""
    replay: Replay | None
    """What is played of a stored run; None: nothing."""
    telemetry: Telemetry
    """What Prometheus is told."""
    engine: EngineProcess
    """The engine that the server owns."""
    control: ControlService
    """What is asked of engines and of the replay."""
    deletion: DeletionService
    """What is deleted."""

    def close(self) -> None:
        """Close what they hold open, and end the engine once it has stored everything."""
        self.live.close()
        self.predictions.close()
        self.engine.close()
        self.source.close()


def make_services(settings: DashboardSettings) -> Services:
    """Put the services together; nothing is opened or started yet.

    Raises:
        HybridClusterError: If the store is neither a path nor a URL.
    """
    source = StoreSource(settings.store)
    runs, telemetry = RunService(source), Telemetry()
    replay = None if settings.replay is None else Replay(source, settings.replay)
    predictions = PredictionProcess(settings.store)
    engine = EngineProcess(settings.store, None if replay else settings.engine)
    live = LiveService(settings, source, replay, engine.describe, telemetry)
    return Services(
        source=source,
        runs=runs,
        comparison=ComparisonService(source),
        history=HistoryService(source),
        live=live,
        decisions=DecisionService(source),
        audit=AuditService(source, predictions),
        predictions=predictions,
        statistics=StatisticsService(source),
        log=LogService(source),
        exports=ExportService(source),
        replay=replay,
        telemetry=telemetry,
        engine=engine,
        control=ControlService(settings.store, live.watched, runs, engine, replay),
        deletion=DeletionService(settings.store, runs),
    )
