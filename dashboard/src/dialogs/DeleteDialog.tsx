import { useEffect, useState } from "react";
import { announce, announceError } from "../announce";
import { askDeletion, attempt, deleteRun } from "../api/control";
import type { Confirmation } from "../api/types";
import { useWatched, watch } from "../live/watch";
import { Dialog } from "./Dialog";
import { open } from "./opened";

/** Asks the server what a deletion would delete, and does it once that was confirmed. */
export function DeleteDialog({ run }: { run: number }) {
  const watched = useWatched();
  const [confirmation, setConfirmation] = useState<Confirmation | null>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    let isGone = false;
    askDeletion(run).then(
      (answer) => !isGone && setConfirmation(answer),
      (error) => {
        if (isGone) return;
        announceError(error);
        open(null);
      },
    );
    return () => {
      isGone = true;
    };
  }, [run]);
  const confirm = async () => {
    if (!confirmation) return;
    setBusy(true);
    const isDone = await attempt(deleteRun(confirmation));
    setBusy(false);
    open(null);
    if (!isDone) return;
    announce(`Run ${run} is deleted`);
    if (watched === run) watch(null);
  };
  return (
    <Dialog title={`Delete run ${run}?`} onClose={() => open(null)}>
      <p>{confirmation?.what ?? "Asking what there is …"}</p>
      <p>This cannot be undone.</p>
      <div className="actions">
        <button type="button" onClick={() => open(null)}>
          Cancel
        </button>
        <button
          type="button"
          className="danger"
          disabled={!confirmation || isBusy}
          onClick={confirm}
        >
          {isBusy ? "Deleting …" : `Delete run ${run}`}
        </button>
      </div>
    </Dialog>
  );
}
