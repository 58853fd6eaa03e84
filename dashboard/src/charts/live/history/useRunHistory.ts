import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { getJson } from "../../../api/client";
import type { HistoryAnswer } from "../../../api/types";
import { chooseGranularity, PAGE_GROUPS, pagesOf } from "./granularity";
import { type History, mergePages } from "./merge";

/** How often the newest page is asked for again [ms]: a group more or less is all that changes. */
export const REFRESH_MS = 3_000;
/** Pages that are not shown any more are kept this long [ms]. */
const KEPT_MS = 60_000;

export interface RunHistory {
  history: History;
  /** Pages that are there, of how many. */
  loaded: number;
  pages: number;
  /** Why a page is not there; null: nothing went wrong. */
  error: Error | null;
}

/** The history of a run, in as many groups as a chart has points: fetched page by page.
 *
 * Pages that are whole are fetched once, the newest again as the run grows.
 *
 * @param run - null: there is none.
 * @param episodes - how many there are of it.
 * @param end - episodes from this one on are not shown, as a replay has not come to them.
 */
export function useRunHistory(run: number | null, episodes: number, end = episodes): RunHistory {
  const length = useSlowly(run, episodes);
  const granularity = chooseGranularity(length);
  const client = useQueryClient();
  const pages = run === null ? [] : pagesOf(length, granularity);
  const keyOf = (first: number, isWhole: boolean) => ["history", run, granularity, first, isWhole];
  const answers = useQueries({
    queries: pages.map(({ first, isWhole }) => ({
      queryKey: keyOf(first, isWhole),
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        getJson<HistoryAnswer>(
          `/api/runs/${run}/history`,
          { granularity, first, limit: PAGE_GROUPS },
          signal,
        ),
      staleTime: isWhole ? Number.POSITIVE_INFINITY : REFRESH_MS,
      gcTime: KEPT_MS,
      // What it was before it was whole, until the whole one has come.
      placeholderData: () => client.getQueryData<HistoryAnswer>(keyOf(first, !isWhole)),
    })),
    combine,
  });
  const newest = pages.at(-1);
  const newestKey = newest && !newest.isWhole ? JSON.stringify(keyOf(newest.first, false)) : null;
  // A run that has grown has more groups in its newest page; one that stands still is not asked for.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the length that asks again.
  useEffect(() => {
    if (newestKey !== null)
      void client.refetchQueries({ queryKey: JSON.parse(newestKey), stale: true });
  }, [client, newestKey, length]);

  const merged = useMemo(
    () => mergePages(answers.data, end < episodes ? end : undefined),
    [answers.data, end, episodes],
  );
  const isComplete = answers.data.length === pages.length;
  const shown = useLastComplete(run, merged, isComplete);
  return { history: shown, loaded: answers.data.length, pages: pages.length, error: answers.error };
}

function combine(results: { data: HistoryAnswer | undefined; error: Error | null }[]) {
  const missing = results.findIndex((result) => result.data === undefined);
  const there = missing < 0 ? results : results.slice(0, missing);
  return {
    data: there.flatMap((result) => result.data ?? []),
    error: results.find((result) => result.error !== null)?.error ?? null,
  };
}

/** A length that changes at most once in `REFRESH_MS`, but at once with the run. */
function useSlowly(run: number | null, value: number): number {
  const [slow, setSlow] = useState({ run, value });
  const newest = useRef(value);
  newest.current = value;
  const isOther = slow.run !== run || (slow.value === 0 && value > 0) || value < slow.value;
  if (isOther) setSlow({ run, value });
  useEffect(() => {
    const timer = setInterval(() => {
      setSlow((last) => (last.value === newest.current ? last : { run, value: newest.current }));
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [run]);
  return isOther ? value : slow.value;
}

/** As the granularity changes, what was shown stays until all is there again. */
function useLastComplete(run: number | null, merged: History, isComplete: boolean): History {
  const last = useRef<{ run: number | null; history: History } | null>(null);
  if (isComplete) last.current = { run, history: merged };
  const kept = last.current;
  return !isComplete && kept && kept.run === run ? kept.history : merged;
}
