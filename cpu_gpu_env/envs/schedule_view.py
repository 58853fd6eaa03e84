"""The schedules that environments draw, as their episodes go on."""

from __future__ import annotations

from typing import Any

from cpu_gpu_env.checks import no_task_error
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.render.gantt import GanttRenderer
from cpu_gpu_env.render.timeline import render_ansi
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.schedule import Schedule, ScheduleRecorder


def make_view(cluster: Cluster, render_mode: str | None) -> ScheduleView | None:
    """Keep the schedules of environments with a render mode: nothing else needs them."""
    return None if render_mode is None else ScheduleView(cluster, render_mode)


class ScheduleView:
    """Keeps the schedule of each of some environments on one cluster, and draws it.

    Args:
        cluster: The devices.
        render_mode: ``"ansi"``, ``"rgb_array"`` or ``"human"``.
    """

    def __init__(self, cluster: Cluster, render_mode: str) -> None:
        self._cluster, self._render_mode = cluster, render_mode
        self._recorders: dict[int, ScheduleRecorder] = {}
        self._renderer: GanttRenderer | None = None

    def begin(self, env: int, instance: Instance, tasks: Tasks) -> None:
        """Begin an episode of an environment, and show it if there is a window."""
        self._recorders[env] = ScheduleRecorder(self._cluster, instance, tasks)
        if self._render_mode == "human":
            self.draw(env)

    def place(self, env: int, action: int) -> None:
        """Place the next task of an environment, and show it if there is a window."""
        self._recorders[env].place(action)
        if self._render_mode == "human":
            self.draw(env)

    def schedule(self, env: int) -> Schedule:
        """The schedule of an environment so far.

        Raises:
            HybridClusterError: If it has no episode yet.
        """
        if env not in self._recorders:
            raise no_task_error()
        return self._recorders[env].schedule()

    def draw(self, env: int) -> Any:
        """Draw the schedule so far: text, an image (height, width, 3), or None and a window.

        Raises:
            HybridClusterError: If the environment has no episode yet.
            gymnasium.error.DependencyNotInstalled: If pygame is missing; text needs none.
        """
        if self._render_mode == "ansi":
            return render_ansi(self.schedule(env))
        self._renderer = self._renderer or GanttRenderer(self._cluster)
        draw = self._renderer.draw if self._render_mode == "rgb_array" else self._renderer.show
        return draw(self.schedule(env))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the window, which cannot be copied or pickled."""
        return {**self.__dict__, "_renderer": None}

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._renderer is not None:
            self._renderer.close()
        self._renderer = None
