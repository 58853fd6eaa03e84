// Short names of the types that are made from the server's models.
import type { components } from "./schema";

type Schemas = components["schemas"];

/** A number; null: there is none; "inf": it is infinite. */
export type Quantity = number | "inf" | "-inf" | null;

export type Accepted = Schemas["Accepted"];
export type AuditAnswer = Schemas["AuditAnswer"];
export type AuditLane = Schemas["AuditLane"];
export type ComparisonAnswer = Schemas["ComparisonAnswer"];
export type Confirmation = Schemas["Confirmation"];
export type DecisionPage = Schemas["DecisionPage"];
export type DecisionRow = Schemas["DecisionRow"];
export type Deleted = Schemas["Deleted"];
export type DeviceState = Schemas["DeviceState"];
export type EngineState = Schemas["EngineState"];
export type HeatMap = Schemas["HeatMap"];
export type Histogram = Schemas["Histogram"];
export type HistoryAnswer = Schemas["HistoryAnswer"];
export type HistoryLane = Schemas["HistoryLane"];
export type LaneComparison = Schemas["LaneComparison"];
export type LaneState = Schemas["LaneState"];
export type LogLine = Schemas["LogLine"];
export type Mark = Schemas["Mark"];
export type MeanValue = Schemas["MeanValue"];
export type Measure = Schemas["Measure"];
export type Prediction = Schemas["Prediction"];
export type ProcessState = Schemas["ProcessState"];
export type ReplayState = Schemas["ReplayState"];
export type RunDetail = Schemas["RunDetail"];
export type RunPage = Schemas["RunPage"];
export type RunSummary = Schemas["RunSummary"];
export type ServerState = Schemas["ServerState"];
export type StartRequest = Schemas["StartRequest"];
export type State = Schemas["State"];
export type StatisticsAnswer = Schemas["StatisticsAnswer"];

export type Snapshot = Schemas["Snapshot"] & { type: "snapshot" };
export type Change = Schemas["Change"] & { type: "change" };
/** A message of the socket. */
export type Message = Snapshot | Change;
