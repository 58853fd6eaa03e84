import { useId } from "react";

export interface SchedulerSelectProps {
  schedulers: readonly string[];
  value: string;
  onChange: (scheduler: string) => void;
  label?: string;
}

/** Choose one scheduler of those that there are. */
export function SchedulerSelect({
  schedulers,
  value,
  onChange,
  label = "Scheduler",
}: SchedulerSelectProps) {
  const id = useId();
  return (
    <span className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
        {schedulers.map((scheduler) => (
          <option key={scheduler}>{scheduler}</option>
        ))}
      </select>
    </span>
  );
}
