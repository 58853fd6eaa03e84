"""Tables of the results store, the same for SQLite and PostgreSQL.

Times in a run's life are Unix times [s]; those of tasks count from the first arrival of their
episode, as everywhere in this package.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

from cpu_gpu_env.results.metrics import DECISION_METRICS, STREAM_METRICS

metadata = MetaData()

DELETING = "deleting"
"""Status of a run that is being deleted: readers do not know it any more."""

runs = Table(
    "runs",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # stream, comparison, transfer, pareto
    Column("status", Text, nullable=False),  # running, interrupted, finished, deleting
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("command", Text, nullable=False),
    Column("schedulers", JSON, nullable=False),  # names, in the order of the lanes
    Column("provenance", JSON, nullable=False),  # of results.provenance, without the seeds
    Column("settings", JSON, nullable=False),  # what a resumed run must have alike
    Column("notes", JSON, nullable=False),  # lines
    Column("next_episode", BigInteger, nullable=False),  # first that is not stored whole
    Column("tasks", BigInteger, nullable=False),  # stored so far, of each scheduler
    Column("clock_s", Float, nullable=False),  # simulated time of the stream
    Column("measures", JSON),  # over all episodes so far, which a resumed run goes on with
)
"""One row a run of a command."""

episodes = Table(
    "episodes",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.run), primary_key=True),
    Column("scheduler", Text, primary_key=True),
    Column("episode", BigInteger, primary_key=True, autoincrement=False),
    Column("phase", Text, nullable=False),  # of a drift; empty: there is none
    Column("seed", Text),  # up to 96 bits; null: given tasks without noise
    Column("tasks", Integer, nullable=False),
    Column("finished_at", Float, nullable=False),
    Column("model_version", Integer, nullable=False),  # 0: as the run began
    Column("exploration", Float, nullable=False),  # part of the decisions drawn at random
    Column("bound", Float),
    *(Column(metric.key, Float) for metric in STREAM_METRICS),
    *(Column(metric.key, Float) for metric in DECISION_METRICS.values()),
    Column("utilisation", JSON),  # of each device, CPUs first
)
"""What each scheduler made of each episode, by the metrics of `cpu_gpu_env.results.metrics`."""

decisions = Table(
    "decisions",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("scheduler", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),  # task of the run
    Column("episode", BigInteger, nullable=False),
    Column("task", Integer, nullable=False),  # of the episode
    Column("arrival_s", Float, nullable=False),
    Column("size_flop", Float),  # null: its times were measured
    Column("intensity_flop_per_byte", Float),
    Column("memory_bytes", Float, nullable=False),
    Column("cpu_wait_s", Float, nullable=False),  # until a share on the next CPU would start
    Column("gpu_wait_s", Float, nullable=False),
    Column("action", SmallInteger, nullable=False),
    Column("gpu_fraction", Float, nullable=False),  # as chosen
    Column("fallback", Boolean, nullable=False),  # whether it did not fit and ran on the CPU
    Column("cpu_device", SmallInteger),  # index into the CPUs; null: no share
    Column("cpu_start_s", Float),
    Column("cpu_finish_s", Float),
    Column("gpu_device", SmallInteger),
    Column("gpu_start_s", Float),
    Column("gpu_finish_s", Float),
    Column("energy_j", Float, nullable=False),  # above idle
    Column("model_version", Integer, nullable=False),
    Column("pool_row", Integer),  # of the workload's pool; null: a task that was given
    sqlite_with_rowid=False,
)
"""One row a task and scheduler: what was seen, what was chosen, and what became of it."""

models = Table(
    "models",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.run), primary_key=True),
    Column("scheduler", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("episode", BigInteger, nullable=False),  # the first that it plays
    Column("made_at", Float, nullable=False),
    Column("score", JSON, nullable=False),  # of the version before, on what this one learned from
    Column("content", LargeBinary),  # a forest's *.npz, an agent's *.zip
    Column("exploration", Float, nullable=False),  # part of its decisions drawn at random
)
"""Models that were learned on the way; version 0 is what the run began with."""

learners = Table(
    "learners",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.run), primary_key=True),
    Column("scheduler", Text, primary_key=True),
    Column("episode", BigInteger, primary_key=True, autoincrement=False),  # the next to play then
    Column("state", LargeBinary, nullable=False),
)
"""What the learners of a run that is resumed go on from; of each scheduler the newest is kept."""

live = Table(
    "live",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.run), primary_key=True),
    Column("scheduler", Text, primary_key=True),
    Column("updated_at", Float, nullable=False),
    Column("state", JSON, nullable=False),
)
"""The newest state of each lane."""

commands = Table(
    "commands",
    metadata,
    Column("command", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("name", Text, nullable=False),  # pause, resume, speed, stop
    Column("value", Float),  # of speed: simulated seconds a second; null: as fast as it goes
    Column("issued_at", Float, nullable=False),
    Column("done_at", Float),
)
"""What other processes ask of the engine."""

schema_history = Table(
    "schema_history",
    metadata,
    Column("revision", Text, primary_key=True),  # of the migrations
    Column("package_version", Text, nullable=False),  # that brought the store there
    Column("migrated_at", Float, nullable=False),
)
"""Which version of the package made the tables what they are."""
