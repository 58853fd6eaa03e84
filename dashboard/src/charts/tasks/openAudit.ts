import { chooseTask } from "../../widgets/chosen";

export const AUDIT = "audit";

/** Show what was decided on a task: choose it, and go to the widget that tells. */
export function openAudit(task: number): void {
  chooseTask(task);
  const heading = document.getElementById(`widget-${AUDIT}`);
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  heading.closest("section")?.scrollIntoView({ block: "nearest" });
}
