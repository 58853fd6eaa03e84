// What one chooses in a chart, as the browser's own controls: they work by keyboard and on a phone.
import { useId } from "react";

export interface Option<T extends string> {
  value: T;
  label: string;
}

/** A list to choose one from. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
}) {
  const id = useId();
  return (
    <span className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value as T)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </span>
  );
}

export type Span = "now" | "window" | "all";

export const SPANS: readonly Option<Span>[] = [
  { value: "now", label: "newest episode" },
  { value: "window", label: "window" },
  { value: "all", label: "all episodes" },
];

/** Of what episodes values are, without the newest alone. */
export const LONG_SPANS = SPANS.filter(
  (span): span is Option<"window" | "all"> => span.value !== "now",
);
