import { type ReactNode, useEffect, useId, useRef } from "react";
import { Notices } from "../Notices";
import { useModal } from "./modal";

export interface DialogProps {
  title: string;
  children: ReactNode;
  /** Called when it is to be closed: Escape, or its button. */
  onClose: () => void;
}

/** A modal dialog of the browser: it keeps the focus, Escape closes it. */
export function Dialog({ title, children, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useModal();
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    // A form is there to be filled in: not the button that closes it comes first.
    element?.querySelector<HTMLElement>("form input, form select")?.focus();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header>
        <h2 id={heading}>{title}</h2>
        <button type="button" className="quiet" onClick={onClose}>
          <span aria-hidden="true">✕</span>
          <span className="unseen">Close</span>
        </button>
      </header>
      {children}
      <Notices />
    </dialog>
  );
}
