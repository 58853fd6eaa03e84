// What one chooses in a chart, as the browser's own controls: they work by keyboard and on a phone.
import { useId } from "react";
import { Segments } from "../../widgets/Segments";

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
/** Many episodes, instead of the newest alone. */
export type LongSpan = "window" | "all";

const LONG_SPANS = [
  ["window", "Window"],
  ["all", "All"],
] as const;
const SPANS = [["now", "Now"], ...LONG_SPANS] as const;

/** Of which episodes values are. */
export function SpanChoice({ value, onChange }: { value: Span; onChange: (value: Span) => void }) {
  return <Segments label="Episodes" options={SPANS} value={value} onChange={onChange} />;
}

/** Of which episodes values are that one episode does not have. */
export function LongSpanChoice(props: { value: LongSpan; onChange: (value: LongSpan) => void }) {
  return <Segments label="Episodes" options={LONG_SPANS} {...props} />;
}
