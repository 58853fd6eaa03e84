import { createContext, useContext } from "react";

/** A picture, or the same as a table. */
export type WidgetView = "chart" | "table";

export const WidgetViewContext = createContext<WidgetView>("chart");

export const useWidgetView = (): WidgetView => useContext(WidgetViewContext);
