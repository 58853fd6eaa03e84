// What one widget chooses and others show: the scheduler in focus, and the task that is audited.
import { useSyncExternalStore } from "react";
import { useSchedulers } from "../charts/lanes";

interface Chosen {
  scheduler: string | null;
  /** Number of the task within the run. */
  task: number | null;
}

let chosen: Chosen = { scheduler: null, task: null };
const listeners = new Set<() => void>();

function set(part: Partial<Chosen>): void {
  chosen = { ...chosen, ...part };
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const chooseScheduler = (scheduler: string) => set({ scheduler });

/** Choose the task that the audit shows; null: none. */
export const chooseTask = (task: number | null) => set({ task });

/** The scheduler in focus in all widgets that show one, and how to choose another.
 *
 * It is one of the watched run's: the last one if the chosen one does not play; "" if none does.
 */
export function useChosenScheduler(): [string, (scheduler: string) => void] {
  const schedulers = useSchedulers();
  const wanted = useSyncExternalStore(subscribe, () => chosen.scheduler);
  const known = wanted !== null && schedulers.includes(wanted) ? wanted : schedulers.at(-1);
  return [known ?? "", chooseScheduler];
}

/** Number within the run of the task that is audited; null: none. */
export function useChosenTask(): number | null {
  return useSyncExternalStore(subscribe, () => chosen.task);
}
