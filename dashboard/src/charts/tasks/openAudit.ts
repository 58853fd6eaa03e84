import { change } from "../../layout/layout";
import { updateLayout } from "../../layout/useLayout";
import { chooseTask } from "../../widgets/chosen";
import { AUDIT } from "./ids";

/** Show what was decided on a task: choose it, and go to the widget that tells, also a hidden one. */
export function openAudit(task: number): void {
  chooseTask(task);
  updateLayout((layout) =>
    layout.some(({ id, isHidden }) => id === AUDIT && isHidden)
      ? change(layout, AUDIT, { isHidden: false })
      : layout,
  );
  // It is there once the page has drawn itself anew.
  requestAnimationFrame(goThere);
}

function goThere(): void {
  const heading = document.getElementById(`widget-${AUDIT}`);
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  heading.closest("section")?.scrollIntoView({ block: "nearest" });
}
