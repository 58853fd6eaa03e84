// Made by `npm run types` from cpu_gpu_env/dashboard/schemas; not edited by hand.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Accepted
         * @description A command that was handed on; what comes of it shows in the state.
         */
        Accepted: {
            /** Command */
            command: string;
            /** Run */
            run: number | null;
        };
        /**
         * Answer
         * @description A JSON object of known fields.
         */
        Answer: Record<string, never>;
        /**
         * AuditAnswer
         * @description What each scheduler saw, predicted, chose and got for a task, and what that cost.
         */
        AuditAnswer: {
            /** Episode */
            episode: number;
            /** Gpu Fractions */
            gpu_fractions: number[];
            /** Lanes */
            lanes: components["schemas"]["AuditLane"][];
            /** Run */
            run: number;
            /** Sequence */
            sequence: number;
            /** Task */
            task: number;
            /** Why No Cost */
            why_no_cost: string | null;
        };
        /**
         * AuditLane
         * @description What one scheduler did with a task.
         */
        AuditLane: {
            /** Cost */
            cost: number | ("inf" | "-inf") | null;
            decision: components["schemas"]["DecisionRow"];
            prediction: components["schemas"]["Prediction"] | null;
            /** Scheduler */
            scheduler: string;
        };
        /**
         * Change
         * @description What has changed since the message with the sequence before this one.
         *
         *     A field that is absent has not changed; `lanes` has those that have.
         */
        Change: {
            /** @default null */
            engine?: components["schemas"]["EngineState"] | null;
            /**
             * Lanes
             * @default null
             */
            lanes?: {
                [key: string]: components["schemas"]["LaneState"];
            } | null;
            /** @default null */
            replay?: components["schemas"]["ReplayState"] | null;
            /** @default null */
            run?: components["schemas"]["RunSummary"] | null;
            /** Sequence */
            sequence: number;
            /** @default null */
            server?: components["schemas"]["ServerState"] | null;
            /**
             * Type
             * @default change
             * @constant
             */
            type?: "change";
        };
        /**
         * ComparisonAnswer
         * @description How the schedulers of a run compare.
         */
        ComparisonAnswer: {
            /** End */
            end: number;
            /** First */
            first: number;
            /** Lanes */
            lanes: components["schemas"]["LaneComparison"][];
            /** Reference */
            reference: string | null;
            /** Run */
            run: number;
            /** Wins */
            wins: (number | ("inf" | "-inf") | null)[][];
        };
        /**
         * Confirmation
         * @description What a deletion would delete; send it again with this token to do it.
         */
        Confirmation: {
            /** Confirmation */
            confirmation: string;
            /** Expires At */
            expires_at: number;
            /** Run */
            run: number;
            /** What */
            what: string;
        };
        /**
         * Correlation
         * @description Spearman's rank correlation of what tasks are with what they cost.
         */
        Correlation: {
            /** Columns */
            columns: string[];
            /** Rows */
            rows: string[];
            /** Values */
            values: (number | ("inf" | "-inf") | null)[][];
        };
        /**
         * DecisionPage
         * @description Decisions of one scheduler in order.
         */
        DecisionPage: {
            /** Decisions */
            decisions: components["schemas"]["DecisionRow"][];
            /** Next */
            next: number | null;
            /** Run */
            run: number;
            /** Scheduler */
            scheduler: string;
        };
        /**
         * DecisionRow
         * @description What was decided on a task, and what became of it.
         */
        DecisionRow: {
            /** Action */
            action: number;
            /** Arrival S */
            arrival_s: number;
            cpu: components["schemas"]["Share"] | null;
            /** Cpu Wait S */
            cpu_wait_s: number;
            /** Energy J */
            energy_j: number;
            /** Episode */
            episode: number;
            /** Fallback */
            fallback: boolean;
            gpu: components["schemas"]["Share"] | null;
            /** Gpu Fraction */
            gpu_fraction: number;
            /** Gpu Wait S */
            gpu_wait_s: number;
            /** Intensity Flop Per Byte */
            intensity_flop_per_byte: number;
            /** Memory Bytes */
            memory_bytes: number;
            /** Model Version */
            model_version: number;
            /** Response S */
            response_s: number;
            /** Sequence */
            sequence: number;
            /** Size Flop */
            size_flop: number;
            /** Task */
            task: number;
            /** Wait S */
            wait_s: number;
        };
        /**
         * Deleted
         * @description A run that is gone.
         */
        Deleted: {
            /** Rows */
            rows: number | null;
            /** Run */
            run: number;
        };
        /**
         * DeviceState
         * @description A device in a lane.
         */
        DeviceState: {
            /**
             * Kind
             * @enum {string}
             */
            kind: "cpu" | "gpu";
            /** Load */
            load: number | ("inf" | "-inf") | null;
            /** Name */
            name: string;
            /** Queue */
            queue: number | ("inf" | "-inf") | null;
            /** Utilisation */
            utilisation: number | ("inf" | "-inf") | null;
            /** Window Utilisation */
            window_utilisation: number | ("inf" | "-inf") | null;
        };
        /**
         * Difference
         * @description Mean difference of J to a reference, with an interval that holds at all times at once.
         */
        Difference: {
            /** Differs */
            differs: boolean;
            /** High */
            high: number | ("inf" | "-inf") | null;
            /** Low */
            low: number | ("inf" | "-inf") | null;
            /** Mean */
            mean: number | ("inf" | "-inf") | null;
            /** Reference */
            reference: string;
        };
        /**
         * EngineState
         * @description The newest state of the engine that plays the run.
         */
        EngineState: {
            /** Clock S */
            clock_s: number;
            /** Episode */
            episode: number;
            /** Log */
            log: components["schemas"]["LogLine"][];
            /** Paused */
            paused: boolean;
            /** Phase */
            phase: string;
            /** Placed */
            placed: number;
            process: components["schemas"]["ProcessState"] | null;
            /** Speed */
            speed: number | null;
            /** Trouble */
            trouble: string | null;
            /** Updated At */
            updated_at: number;
        };
        /**
         * HeatMap
         * @description Mean GPU fraction by size and intensity.
         */
        HeatMap: {
            /** Counts */
            counts: number[][];
            /** Gpu Fraction */
            gpu_fraction: (number | ("inf" | "-inf") | null)[][];
            /** Intensity Edges */
            intensity_edges: number[];
            /** Oracle Difference */
            oracle_difference: (number | ("inf" | "-inf") | null)[][] | null;
            /** Size Flop Edges */
            size_flop_edges: number[];
        };
        /**
         * Histogram
         * @description How many tasks fall between edges.
         */
        Histogram: {
            /** Counts */
            counts: number[];
            /** Edges */
            edges: number[];
        };
        /**
         * HistoryAnswer
         * @description How a run went, in groups of episodes; a page of it.
         */
        HistoryAnswer: {
            /** Granularity */
            granularity: number;
            /** Lanes */
            lanes: {
                [key: string]: components["schemas"]["HistoryLane"];
            };
            /** Marks */
            marks: components["schemas"]["Mark"][];
            /** Next */
            next: number | null;
            /** Run */
            run: number;
        };
        /**
         * HistoryLane
         * @description Groups of episodes of one scheduler, the oldest first; lists of equal length.
         */
        HistoryLane: {
            /** Bound */
            bound: (number | ("inf" | "-inf") | null)[];
            /** Count */
            count: number[];
            /** Cumulative */
            cumulative: {
                [key: string]: (number | ("inf" | "-inf") | null)[];
            };
            /** Episode */
            episode: number[];
            /** Phase */
            phase: string[];
            /** Values */
            values: {
                [key: string]: (number | ("inf" | "-inf") | null)[];
            };
        };
        /**
         * LaneComparison
         * @description How one scheduler did.
         */
        LaneComparison: {
            /** Differences */
            differences: {
                [key: string]: components["schemas"]["MeanValue"];
            };
            /** Episodes */
            episodes: number;
            /** Means */
            means: {
                [key: string]: components["schemas"]["MeanValue"];
            };
            /** Scheduler */
            scheduler: string;
        };
        /**
         * LaneState
         * @description The newest state of one scheduler.
         */
        LaneState: {
            /** All */
            all: {
                [key: string]: number | ("inf" | "-inf") | null;
            };
            /** Devices */
            devices: components["schemas"]["DeviceState"][];
            difference: components["schemas"]["Difference"] | null;
            /** Episodes */
            episodes: number;
            /** Exploration */
            exploration: number;
            /** Model Version */
            model_version: number;
            /** Now */
            now: {
                [key: string]: number | ("inf" | "-inf") | null;
            };
            /** Percentiles */
            percentiles: {
                [key: string]: {
                    [key: string]: {
                        [key: string]: number | ("inf" | "-inf") | null;
                    };
                };
            };
            /** Scheduler */
            scheduler: string;
            /** Series */
            series: {
                [key: string]: (number | ("inf" | "-inf") | null)[];
            };
            /** Tasks */
            tasks: number;
            /** Waits S */
            waits_s: {
                [key: string]: number[];
            } | null;
            /** Window */
            window: {
                [key: string]: number | ("inf" | "-inf") | null;
            };
            /** Window Episodes */
            window_episodes: number;
        };
        /**
         * LogLine
         * @description Something that happened.
         */
        LogLine: {
            /** At */
            at: number;
            /** Text */
            text: string;
        };
        /**
         * Mark
         * @description Something that happened between two episodes.
         */
        Mark: {
            /** Episode */
            episode: number;
            /**
             * Kind
             * @enum {string}
             */
            kind: "drift" | "model";
            /** Label */
            label: string;
            /** Scheduler */
            scheduler: string | null;
        };
        /**
         * MeanValue
         * @description A mean, and the half-width of its 95 % interval (null: there is none).
         */
        MeanValue: {
            /** Half Width */
            half_width: number | ("inf" | "-inf") | null;
            /** Mean */
            mean: number | ("inf" | "-inf") | null;
        };
        /**
         * Measure
         * @description A metric of `cpu_gpu_env.results.metrics`: how the page names and writes its values.
         */
        Measure: {
            /** Digits */
            digits: number;
            /** In Radar */
            in_radar: boolean;
            /** Key */
            key: string;
            /** Label */
            label: string;
            /** Lower Is Better */
            lower_is_better: boolean;
            /** Scale */
            scale: number;
            /** Shown Unit */
            shown_unit: string;
            /** Unit */
            unit: string;
        };
        /**
         * OfRun
         * @description Which run is meant.
         */
        OfRun: {
            /**
             * Run
             * @default null
             */
            run?: number | null;
        };
        /**
         * OwnEngine
         * @description The engine that the server has started.
         */
        OwnEngine: {
            /** Command */
            command: string | null;
            /** Exit Code */
            exit_code: number | null;
            /** Log */
            log: components["schemas"]["LogLine"][];
            /** May Start */
            may_start: boolean;
            /** Pid */
            pid: number | null;
            /**
             * State
             * @enum {string}
             */
            state: "none" | "starting" | "running" | "stopping" | "ended";
        };
        /**
         * Prediction
         * @description What a learned scheduler thought of each action, by the model that decided.
         */
        Prediction: {
            /** Features */
            features: {
                [key: string]: number | ("inf" | "-inf") | null;
            };
            /**
             * Kind
             * @enum {string}
             */
            kind: "probability" | "q_value";
            /** Values */
            values: (number | ("inf" | "-inf") | null)[];
            /** Why Not */
            why_not: string | null;
        };
        /**
         * ProcessState
         * @description What a process costs the machine that it is on.
         */
        ProcessState: {
            /** Cpu Percent */
            cpu_percent: number;
            /** Pid */
            pid: number;
            /** Rss Bytes */
            rss_bytes: number;
        };
        /**
         * Refusal
         * @description Why a request was refused.
         */
        Refusal: {
            /** Error */
            error: string;
        };
        /**
         * ReplayState
         * @description Where the replay of a stored run is.
         */
        ReplayState: {
            /** First */
            first: number;
            /** Last */
            last: number;
            /** Paused */
            paused: boolean;
            /** Position */
            position: number;
            /** Run */
            run: number;
            /** Speed */
            speed: number;
        };
        /**
         * Request
         * @description A JSON object that is asked with: no unknown field, and no text for a number.
         */
        Request: Record<string, never>;
        /**
         * RunDetail
         * @description A run, and what it was made of.
         */
        RunDetail: {
            /** Devices */
            devices: string[];
            /** Gpu Fractions */
            gpu_fractions: number[];
            /** Kept */
            kept: {
                [key: string]: [
                    number,
                    number
                ];
            };
            /** Models */
            models: components["schemas"]["StoredModelRow"][];
            /** Num Cpus */
            num_cpus: number;
            /** Phases */
            phases: string[];
            /** Provenance */
            provenance: {
                [key: string]: unknown;
            };
            /** Settings */
            settings: {
                [key: string]: unknown;
            };
            summary: components["schemas"]["RunSummary"];
        };
        /**
         * RunPage
         * @description Runs, sorted as asked.
         */
        RunPage: {
            /** Runs */
            runs: components["schemas"]["RunSummary"][];
            /** Total */
            total: number;
        };
        /**
         * RunSummary
         * @description A run of a command.
         */
        RunSummary: {
            /** Clock S */
            clock_s: number;
            /** Command */
            command: string;
            /** Ended At */
            ended_at: number | null;
            /** Is Alive */
            is_alive: boolean;
            /** Kind */
            kind: string;
            /** Next Episode */
            next_episode: number;
            /** Notes */
            notes: string[];
            /** Problem */
            problem: string;
            /** Run */
            run: number;
            /** Schedulers */
            schedulers: string[];
            /** Started At */
            started_at: number;
            /**
             * Status
             * @enum {string}
             */
            status: "running" | "interrupted" | "finished";
            /** Tasks */
            tasks: number;
        };
        /**
         * SeekRequest
         * @description Where a replay is to go on from.
         */
        SeekRequest: {
            /** Episode */
            episode: number;
        };
        /**
         * ServerState
         * @description The server itself.
         */
        ServerState: {
            /** Clients */
            clients: number;
            engine: components["schemas"]["OwnEngine"];
            /**
             * Mode
             * @enum {string}
             */
            mode: "engine" | "watch" | "replay";
            process: components["schemas"]["ProcessState"];
            /** Started At */
            started_at: number;
            /** Store */
            store: string;
            /** Trouble */
            trouble: string | null;
            /** Version */
            version: string;
        };
        /**
         * Share
         * @description A part of a task on a device.
         */
        Share: {
            /** Device */
            device: number;
            /** Finish S */
            finish_s: number;
            /** Start S */
            start_s: number;
        };
        /**
         * Snapshot
         * @description The first message of a socket, and the one after messages were left out.
         */
        Snapshot: {
            /** Sequence */
            sequence: number;
            state: components["schemas"]["State"];
            /**
             * Type
             * @default snapshot
             * @constant
             */
            type?: "snapshot";
        };
        /**
         * SpeedRequest
         * @description How fast it is to go.
         */
        SpeedRequest: {
            /**
             * Run
             * @default null
             */
            run?: number | null;
            /** Speed */
            speed: number | null;
        };
        /**
         * StartRequest
         * @description What an engine is to play, as arguments of stream.py; no files are taken.
         *
         *     null: as the server was told as it began, or the default.
         */
        StartRequest: {
            /**
             * Bound
             * @default null
             */
            bound?: ("certified" | "any-device" | "none") | null;
            /**
             * Cluster
             * @default null
             */
            cluster?: string | null;
            /**
             * Drift
             * @default null
             */
            drift?: ("mix" | "arrivals" | "gpu") | null;
            /**
             * Energy Weight
             * @default null
             */
            energy_weight?: number | null;
            /**
             * Episodes
             * @default null
             */
            episodes?: number | null;
            /**
             * Load
             * @default null
             */
            load?: number | null;
            /**
             * Noise
             * @default null
             */
            noise?: number | null;
            /**
             * Num Tasks
             * @default null
             */
            num_tasks?: number | null;
            /**
             * Online
             * @default null
             */
            online?: boolean | null;
            /**
             * Quick Oracle
             * @default null
             */
            quick_oracle?: boolean | null;
            /**
             * Schedulers
             * @default null
             */
            schedulers?: string[] | null;
            /**
             * Seed
             * @default null
             */
            seed?: number | null;
            /**
             * Speed
             * @default null
             */
            speed?: number | null;
            /**
             * Workload
             * @default null
             */
            workload?: string | null;
        };
        /**
         * State
         * @description All that is shown live.
         */
        State: {
            engine: components["schemas"]["EngineState"] | null;
            /** Lanes */
            lanes: {
                [key: string]: components["schemas"]["LaneState"];
            };
            replay: components["schemas"]["ReplayState"] | null;
            run: components["schemas"]["RunSummary"] | null;
            server: components["schemas"]["ServerState"];
        };
        /**
         * StatisticsAnswer
         * @description The last decisions of a scheduler, summed up.
         */
        StatisticsAnswer: {
            correlation: components["schemas"]["Correlation"] | null;
            /** First */
            first: number;
            heat_map: components["schemas"]["HeatMap"] | null;
            /** Histograms */
            histograms: {
                [key: string]: components["schemas"]["Histogram"];
            };
            /** Percentiles */
            percentiles: {
                [key: string]: {
                    [key: string]: number | ("inf" | "-inf") | null;
                };
            };
            /** Run */
            run: number;
            /** Scheduler */
            scheduler: string;
            /** Tasks */
            tasks: number;
        };
        /**
         * StoredModelRow
         * @description A model that was learned in a run.
         */
        StoredModelRow: {
            /** Episode */
            episode: number;
            /** Exploration */
            exploration: number;
            /** Made At */
            made_at: number;
            /** Scheduler */
            scheduler: string;
            /** Score */
            score: {
                [key: string]: number | ("inf" | "-inf") | null;
            };
            /** Version */
            version: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
