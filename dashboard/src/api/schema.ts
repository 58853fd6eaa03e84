// Made by `npm run types` from cpu_gpu_env.dashboard.openapi; not edited by hand.
export interface paths {
    "/api/measures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Measures
         * @description List what is measured of schedulers.
         */
        get: operations["get_measures_api_measures_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Post Pause
         * @description Let a run stand still.
         */
        post: operations["post_pause_api_pause_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Post Resume
         * @description Let a run go on.
         */
        post: operations["post_resume_api_resume_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Runs
         * @description List the runs of the store, a page of them; the newest first unless told otherwise.
         */
        get: operations["get_runs_api_runs_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Run
         * @description Tell what a run is made of.
         */
        get: operations["get_run_api_runs__run__get"];
        put?: never;
        post?: never;
        /**
         * Delete Run
         * @description Say what would be deleted of a run; with the confirmation that this gives, delete it.
         */
        delete: operations["delete_run_api_runs__run__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run}/comparison": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Comparison
         * @description Compare the schedulers of a run by its newest episodes.
         *
         *     That is over `episodes` of them in a window, else over all as far as 30,000 of all schedulers
         *     together go and 10,000 of each; the answer tells which they are.
         */
        get: operations["get_comparison_api_runs__run__comparison_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run}/decisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Decisions
         * @description Give decisions of a scheduler in order.
         *
         *     They are the newest `last`, or `limit`, of those that are kept; with `first`, a page of at most
         *     `limit` from that task of the run on, which goes with neither `last` nor `before`.
         */
        get: operations["get_decisions_api_runs__run__decisions_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run}/decisions/{task}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Audit
         * @description Tell what each scheduler saw, predicted, chose and got for a task, and what that cost.
         */
        get: operations["get_audit_api_runs__run__decisions__task__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Export
         * @description Give all rows of a table as a file, which is sent as it is made.
         */
        get: operations["get_export_api_runs__run__export_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get History
         * @description Sum up groups of episodes, a page of them from the group that has episode `first`.
         *
         *     A page of large groups may have fewer than `limit`; `next` is where the one after it begins.
         */
        get: operations["get_history_api_runs__run__history_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Log
         * @description Tell what happened in a run: the newest lines, the oldest of them first.
         */
        get: operations["get_log_api_runs__run__log_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run}/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Statistics
         * @description Sum up the newest decisions of a scheduler.
         */
        get: operations["get_statistics_api_runs__run__statistics_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/seek": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Post Seek
         * @description Let the replay go on from another episode.
         */
        post: operations["post_seek_api_seek_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/speed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Post Speed
         * @description Set how fast a run is played.
         */
        post: operations["post_speed_api_speed_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Post Start
         * @description Start the engine that the server owns; the newest state tells how it is doing.
         */
        post: operations["post_start_api_start_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get State
         * @description Tell the newest state of a run.
         */
        get: operations["get_state_api_state_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Status
         * @description Tell of the server itself.
         */
        get: operations["get_status_api_status_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Post Stop
         * @description End an engine, once it has stored what it has played; by default the server's own.
         */
        post: operations["post_stop_api_stop_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Health
         * @description Tell that the process lives.
         */
        get: operations["get_health_healthz_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Metrics
         * @description Metrics in Prometheus' text format.
         */
        get: operations["get_metrics_metrics_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Readiness
         * @description Tell that the store can be read; 503: it cannot.
         */
        get: operations["get_readiness_readyz_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
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
            type: "change";
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
            intensity_flop_per_byte: number | null;
            /** Memory Bytes */
            memory_bytes: number;
            /** Model Version */
            model_version: number;
            /** Pool Row */
            pool_row: number | null;
            /** Response S */
            response_s: number;
            /** Sequence */
            sequence: number;
            /** Size Flop */
            size_flop: number | null;
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
         * Health
         * @description That all is well.
         */
        Health: {
            /**
             * Status
             * @default ok
             * @constant
             */
            status: "ok";
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
            /**
             * Over Episodes
             * @enum {string}
             */
            over_episodes: "mean" | "tasks" | "sum";
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
            /** Run */
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
            type: "snapshot";
        };
        /**
         * SpeedRequest
         * @description How fast it is to go.
         */
        SpeedRequest: {
            /** Run */
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
            /** Bound */
            bound?: ("certified" | "any-device" | "none") | null;
            /** Cluster */
            cluster?: string | null;
            /** Drift */
            drift?: ("mix" | "arrivals" | "gpu") | null;
            /** Energy Weight */
            energy_weight?: number | null;
            /** Episodes */
            episodes?: number | null;
            /** Load */
            load?: number | null;
            /** Noise */
            noise?: number | null;
            /** Num Tasks */
            num_tasks?: number | null;
            /** Online */
            online?: boolean | null;
            /** Quick Oracle */
            quick_oracle?: boolean | null;
            /** Schedulers */
            schedulers?: string[] | null;
            /** Seed */
            seed?: number | null;
            /** Speed */
            speed?: number | null;
            /** Workload */
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
export interface operations {
    get_measures_api_measures_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Measure"][];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    post_pause_api_pause_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OfRun"];
            };
        };
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body did not come in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description It cannot be done as things are. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    post_resume_api_resume_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OfRun"];
            };
        };
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body did not come in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description It cannot be done as things are. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_runs_api_runs_get: {
        parameters: {
            query?: {
                offset?: number;
                limit?: number;
                sort?: "run" | "kind" | "status" | "started_at" | "tasks";
                order?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunPage"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_run_api_runs__run__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunDetail"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    delete_run_api_runs__run__delete: {
        parameters: {
            query?: {
                /** @description Of the answer to the same request without it. */
                confirmation?: string | null;
            };
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Confirmation"] | components["schemas"]["Deleted"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body did not come in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description It cannot be done as things are. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_comparison_api_runs__run__comparison_get: {
        parameters: {
            query?: {
                span?: "all" | "window";
                episodes?: number;
                reference?: string | null;
            };
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ComparisonAnswer"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_decisions_api_runs__run__decisions_get: {
        parameters: {
            query: {
                /** @description Name of a scheduler. */
                scheduler: string;
                first?: number | null;
                last?: number | null;
                /** @description The newest are those before this task. */
                before?: number | null;
                limit?: number;
            };
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DecisionPage"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_audit_api_runs__run__decisions__task__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
                /** @description Number within the run. */
                task: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditAnswer"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_export_api_runs__run__export_get: {
        parameters: {
            query?: {
                table?: "episodes" | "decisions";
                format?: "csv" | "parquet";
                /** @description Names, separated by commas; none: all. */
                schedulers?: string | null;
            };
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A file with a row an episode or a decision. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/vnd.apache.parquet": string;
                    "text/csv": string;
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_history_api_runs__run__history_get: {
        parameters: {
            query?: {
                granularity?: number;
                first?: number;
                limit?: number;
                /** @description Names, separated by commas; none: all. */
                schedulers?: string | null;
            };
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryAnswer"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_log_api_runs__run__log_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogLine"][];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_statistics_api_runs__run__statistics_get: {
        parameters: {
            query: {
                /** @description Name of a scheduler. */
                scheduler: string;
                last?: number;
                /** @description The newest are those before this task. */
                before?: number | null;
            };
            header?: never;
            path: {
                /** @description Number of a run. */
                run: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatisticsAnswer"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    post_seek_api_seek_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SeekRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body did not come in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description It cannot be done as things are. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    post_speed_api_speed_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SpeedRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body did not come in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description It cannot be done as things are. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    post_start_api_start_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StartRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body did not come in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description It cannot be done as things are. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_state_api_state_get: {
        parameters: {
            query?: {
                /** @description None: the newest stream. */
                run?: number | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["State"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_status_api_status_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServerState"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    post_stop_api_stop_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OfRun"];
            };
        };
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body did not come in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description It cannot be done as things are. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_health_healthz_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_metrics_metrics_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    get_readiness_readyz_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description An argument is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The token is missing or wrong. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The request is from another site, or for a host that this server is not. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description There is no such run, scheduler, task or page. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description An argument is missing, of the wrong type or out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description The store cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
}
