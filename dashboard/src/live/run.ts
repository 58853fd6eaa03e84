import { useLive } from "./store";

/** Number of the run that is watched; null: there is none. */
export const useRun = (): number | null => useLive(({ state }) => state?.run?.run ?? null);

/** Whether a stored run is played instead of a live one. */
export const useIsReplay = (): boolean => useLive(({ state }) => Boolean(state?.replay));
