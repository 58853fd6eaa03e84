import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

export interface DisclosureProps {
  /** What the button shows. */
  children: ReactNode;
  /** Its accessible name, if what it shows does not tell. */
  name?: string;
  className?: string;
  id?: string;
  isDisabled?: boolean;
  onKeyDown?: (event: KeyboardEvent) => void;
  /** What opens; `close` gives the focus back to the button. */
  panel: (close: () => void) => ReactNode;
}

/** A button that opens a small panel below it; Escape or a click elsewhere closes that. */
export function Disclosure({
  children,
  name,
  className,
  id,
  isDisabled,
  onKeyDown,
  panel,
}: DisclosureProps) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLSpanElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const target = useId();
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };

  useEffect(() => {
    if (!isOpen) return;
    const leave = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("focusin", leave);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("focusin", leave);
    };
  }, [isOpen]);

  const closeOnEscape = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    close();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes from wherever the focus is inside
    <span className="disclosure" ref={box} onKeyDown={closeOnEscape}>
      <button
        type="button"
        id={id}
        ref={button}
        className={className}
        disabled={isDisabled}
        aria-label={name}
        aria-expanded={isOpen}
        aria-controls={isOpen ? target : undefined}
        onKeyDown={onKeyDown}
        onClick={() => setOpen(!isOpen)}
      >
        {children}
      </button>
      {isOpen && (
        <span className="panel" id={target}>
          {panel(close)}
        </span>
      )}
    </span>
  );
}
