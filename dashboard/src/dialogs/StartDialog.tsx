import { type FormEvent, useId, useState } from "react";
import { attempt, startEngine } from "../api/control";
import type { StartRequest } from "../api/types";
import { watch } from "../live/watch";
import { Dialog } from "./Dialog";
import { open } from "./opened";

type Key = keyof StartRequest;
type NumberKey = "num_tasks" | "load" | "energy_weight" | "seed" | "speed" | "noise" | "episodes";
type ChoiceKey = "drift" | "bound";

const TEXTS: [Key, string, string][] = [
  ["cluster", "Cluster", "name of a profile"],
  ["workload", "Workload", "name of a workload"],
  ["schedulers", "Schedulers", "names, set apart by commas"],
];
const NUMBERS: [NumberKey, string, { min: number; max: number; step: number | "any" }][] = [
  ["num_tasks", "Tasks an episode", { min: 1, max: 10_000, step: 1 }],
  ["load", "Load", { min: 0.001, max: 100, step: "any" }],
  ["energy_weight", "Energy weight", { min: 0, max: 1, step: "any" }],
  ["noise", "Noise", { min: 0, max: 2, step: "any" }],
  ["speed", "Speed [simulated s/s]", { min: 1e-3, max: 1e6, step: "any" }],
  ["episodes", "Episodes in all", { min: 1, max: 1e9, step: 1 }],
  ["seed", "Seed", { min: 0, max: 2 ** 31 - 1, step: 1 }],
];
const CHOICES: [ChoiceKey, string, string[]][] = [
  ["drift", "Drift", ["mix", "arrivals", "gpu"]],
  ["bound", "Bound", ["certified", "any-device", "none"]],
];
const ON = "on";
const SWITCHES: ["online" | "quick_oracle", string][] = [
  ["online", "Learn while it streams"],
  ["quick_oracle", "Quick oracle"],
];

/** What the form asks for; fields that were left empty are left to the server. */
function asRequest(form: FormData): Partial<StartRequest> {
  const wanted: Record<string, unknown> = {};
  const text = (key: string) => String(form.get(key) ?? "").trim();
  for (const key of ["cluster", "workload", "drift", "bound"])
    if (text(key)) wanted[key] = text(key);
  for (const [key] of NUMBERS) if (text(key)) wanted[key] = Number(text(key));
  for (const [key] of SWITCHES) if (text(key)) wanted[key] = text(key) === ON;
  const schedulers = text("schedulers")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  if (schedulers.length > 0) wanted.schedulers = schedulers;
  return wanted;
}

/** What an engine is to play; it may all be left to the server. */
export function StartDialog() {
  const id = useId();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const wanted = asRequest(new FormData(event.currentTarget));
    setBusy(true);
    const isStarted = await attempt(startEngine(wanted), "The engine starts");
    setBusy(false);
    if (!isStarted) return;
    watch(null);
    open(null);
  };
  return (
    <Dialog title="Start an engine" onClose={() => open(null)}>
      <form onSubmit={submit}>
        <p className="hint">
          What is left empty or at – is as the server was told, or the default.
        </p>
        <div className="fields">
          {TEXTS.map(([key, label, hint]) => (
            <div key={key}>
              <label htmlFor={`${id}${key}`}>{label}</label>
              <input id={`${id}${key}`} name={key} placeholder={hint} maxLength={2000} />
            </div>
          ))}
          {NUMBERS.map(([key, label, limits]) => (
            <div key={key}>
              <label htmlFor={`${id}${key}`}>{label}</label>
              <input id={`${id}${key}`} name={key} type="number" {...limits} />
            </div>
          ))}
          {CHOICES.map(([key, label, choices]) => (
            <div key={key}>
              <label htmlFor={`${id}${key}`}>{label}</label>
              <select id={`${id}${key}`} name={key}>
                <option value="">–</option>
                {choices.map((choice) => (
                  <option key={choice}>{choice}</option>
                ))}
              </select>
            </div>
          ))}
          {SWITCHES.map(([key, label]) => (
            <div key={key}>
              <label htmlFor={`${id}${key}`}>{label}</label>
              <select id={`${id}${key}`} name={key}>
                <option value="">–</option>
                <option>{ON}</option>
                <option>off</option>
              </select>
            </div>
          ))}
        </div>
        <div className="actions">
          <button type="button" onClick={() => open(null)}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={isBusy}>
            {isBusy ? "Starting …" : "Start"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
