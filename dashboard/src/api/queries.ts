// One hook a GET route. `run` null: there is none to ask about, and nothing is asked.
import { keepPreviousData, QueryClient, useQuery } from "@tanstack/react-query";
import { getJson, type Params, Refused } from "./client";
import type {
  AuditAnswer,
  ComparisonAnswer,
  DecisionPage,
  HistoryAnswer,
  LogLine,
  Measure,
  RunDetail,
  RunPage,
  ServerState,
  StatisticsAnswer,
} from "./types";

/** Answers are kept a minute after the last widget that shows them is gone: memory stays flat. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      gcTime: 60_000,
      staleTime: 2_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => !(error instanceof Refused && error.status >= 400) && count < 2,
    },
  },
});

interface Options {
  /** Ask again every so many milliseconds while the page is seen; false: only once. */
  every?: number | false;
  enabled?: boolean;
}

function useGet<T>(
  path: string,
  params: Params = {},
  { every = false, enabled = true }: Options = {},
) {
  return useQuery({
    queryKey: [path, params],
    queryFn: ({ signal }) => getJson<T>(path, params, signal),
    refetchInterval: every,
    enabled,
    placeholderData: keepPreviousData,
  });
}

function useOfRun<T>(run: number | null, rest: string, params: Params, options: Options) {
  const enabled = run !== null && (options.enabled ?? true);
  return useGet<T>(`/api/runs/${run ?? 0}${rest}`, params, { ...options, enabled });
}

export const useStatus = (options?: Options) => useGet<ServerState>("/api/status", {}, options);

/** All measures, in the order in which they are shown. */
export function useMeasures() {
  return useQuery({
    queryKey: ["/api/measures"],
    queryFn: ({ signal }) => getJson<Measure[]>("/api/measures", {}, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
  });
}

export type RunSort = "run" | "kind" | "status" | "started_at" | "tasks";

export const useRuns = (
  params: { offset?: number; limit?: number; sort?: RunSort; order?: "asc" | "desc" },
  options?: Options,
) => useGet<RunPage>("/api/runs", params, options);

export const useRunDetail = (run: number | null, options: Options = {}) =>
  useOfRun<RunDetail>(run, "", {}, options);

export const useComparison = (
  run: number | null,
  params: { span?: "all" | "window"; episodes?: number; reference?: string | null },
  options: Options = {},
) => useOfRun<ComparisonAnswer>(run, "/comparison", params, options);

export const useHistory = (
  run: number | null,
  params: { granularity?: number; first?: number; limit?: number; schedulers?: string[] },
  options: Options = {},
) => useOfRun<HistoryAnswer>(run, "/history", params, options);

export const useDecisions = (
  run: number | null,
  params: { scheduler: string; first?: number; last?: number; limit?: number; before?: number },
  options: Options = {},
) => useOfRun<DecisionPage>(run, "/decisions", params, options);

export const useAudit = (run: number | null, task: number | null, options: Options = {}) =>
  useOfRun<AuditAnswer>(
    run,
    `/decisions/${task ?? 0}`,
    {},
    {
      ...options,
      enabled: task !== null && (options.enabled ?? true),
    },
  );

export const useStatistics = (
  run: number | null,
  params: { scheduler: string; last?: number; before?: number },
  options: Options = {},
) => useOfRun<StatisticsAnswer>(run, "/statistics", params, options);

export const useLog = (run: number | null, options: Options = {}) =>
  useOfRun<LogLine[]>(run, "/log", {}, options);
