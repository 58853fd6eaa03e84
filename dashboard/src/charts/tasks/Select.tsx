import { useId } from "react";
import { formatNumber } from "../../format";
import { SPANS, useSpan } from "./span";

export interface SelectProps<T extends string | number> {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}

/** Choose one of a few. */
export function Select<T extends string | number>(props: SelectProps<T>) {
  const { label, value, options, onChange } = props;
  const id = useId();
  return (
    <span className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={({ target }) => {
          const chosen = options.find((option) => String(option.value) === target.value);
          if (chosen) onChange(chosen.value);
        }}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </span>
  );
}

/** Choose how many of the last tasks are looked at. */
export function SpanSelect() {
  const [span, setSpan] = useSpan();
  return (
    <Select
      label="Tasks"
      value={span}
      options={SPANS.map((value) => ({ value, label: `last ${formatNumber(value)}` }))}
      onChange={setSpan}
    />
  );
}
