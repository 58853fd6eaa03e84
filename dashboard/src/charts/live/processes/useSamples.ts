import { useSyncExternalStore } from "react";
import { liveStore } from "../../../live/store";
import { type Sample, SampleRing, sampleOf } from "./samples";

const ring = new SampleRing();
let listed: Sample[] = [];

function subscribe(listener: () => void): () => void {
  const take = () => {
    const live = liveStore.get();
    // While there is no connection nothing is measured: the line has a hole there.
    const sample = live.connection.kind === "live" ? sampleOf(live, Date.now()) : null;
    if (!sample || !ring.add(sample)) return;
    listed = ring.list();
    listener();
  };
  take();
  return liveStore.subscribe(take);
}

/** What engine and server have cost over the last minutes in which this was shown. */
export const useSamples = (): Sample[] => useSyncExternalStore(subscribe, () => listed);
