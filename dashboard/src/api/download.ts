// Files from the server. A link cannot bring the token, so with one the file passes through the page.
import { type Params, request, withParams } from "./client";
import { getToken } from "./token";

function save(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

/** Have the browser save what the page has as a file. */
export function saveBlob(blob: Blob, name: string): void {
  const local = URL.createObjectURL(blob);
  save(local, name);
  setTimeout(() => URL.revokeObjectURL(local), 60_000);
}

/** Have the browser save an answer as a file. */
export async function download(path: string, params: Params, name: string): Promise<void> {
  const address = withParams(path, params);
  if (getToken() === null) {
    save(address, name);
    return;
  }
  const response = await request(address);
  saveBlob(await response.blob(), name);
}

export type ExportTable = "episodes" | "decisions";
export type ExportFormat = "csv" | "parquet";

/** Save a table of a run. */
export function exportRun(run: number, table: ExportTable, format: ExportFormat): Promise<void> {
  return download(`/api/runs/${run}/export`, { table, format }, `run-${run}-${table}.${format}`);
}
