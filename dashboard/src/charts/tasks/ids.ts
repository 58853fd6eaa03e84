/** Of the widget that audits a task. */
export const AUDIT = "audit";
