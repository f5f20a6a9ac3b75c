-- The same tables as a DuckDB store has, for PostgreSQL. DuckDB reads them, and gives their columns the
-- types of its own store; the views live there too.
--
-- References between tables are checked by the writer, once per batch, as in a DuckDB store.

-- One row. Every writer takes its lock first, so batches are committed one after another and in the
-- order of "last".
CREATE TABLE arrival (
    last BIGINT NOT NULL,       -- number of the newest measurement written
    moved_to UUID               -- the greatest measurement id that the lake has
);

INSERT INTO arrival VALUES (0, NULL);

CREATE TABLE hardware (hardware_id TEXT PRIMARY KEY, facts JSON NOT NULL);

CREATE TABLE environment (environment_id TEXT PRIMARY KEY, facts JSON NOT NULL);

CREATE TABLE host (
    host_id TEXT PRIMARY KEY,
    host_name TEXT NOT NULL,
    hardware_id TEXT NOT NULL,
    latbase_version TEXT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE configuration (
    configuration_id TEXT PRIMARY KEY,
    hardware_id TEXT NOT NULL,
    device TEXT NOT NULL,
    threads INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    precision TEXT NOT NULL,
    engine TEXT NOT NULL,
    memory_format TEXT NOT NULL,
    input_size INTEGER NOT NULL
);

CREATE TABLE supernet (
    supernet_id TEXT PRIMARY KEY,
    supernet TEXT NOT NULL,
    definition JSON NOT NULL
);

CREATE TABLE subnet (
    subnet_id TEXT PRIMARY KEY,
    supernet_id TEXT NOT NULL,
    genotype SMALLINT[] NOT NULL,
    config JSON NOT NULL
);

-- Measurements that wait for the lake: a DuckLake commit is a transaction of its own, so what a batch
-- writes together is written here, and moved in large pieces later.
CREATE TABLE measurement (
    arrival BIGINT NOT NULL DEFAULT 0,
    measurement_id UUID PRIMARY KEY,
    subnet_id TEXT NOT NULL,
    configuration_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    host_id TEXT NOT NULL,
    metric TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    "interval" DOUBLE PRECISION[] NOT NULL,
    statistic TEXT NOT NULL,
    samples REAL[] NOT NULL,
    cpu_samples REAL[] NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('stable', 'unstable', 'disturbed')),
    reasons TEXT[] NOT NULL,
    stopped_by TEXT NOT NULL,
    protocol JSON NOT NULL,
    conditions JSON NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX measurement_arrival ON measurement (arrival);

CREATE TABLE newest (
    subnet_id TEXT NOT NULL,
    configuration_id TEXT NOT NULL,
    metric TEXT NOT NULL,
    supernet_id TEXT NOT NULL,
    measurement_id UUID NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION NOT NULL,
    high DOUBLE PRECISION NOT NULL,
    verdict TEXT NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (configuration_id, metric, subnet_id)
);

CREATE TABLE tally (
    supernet_id TEXT NOT NULL,
    configuration_id TEXT NOT NULL,
    metric TEXT NOT NULL,
    subnets BIGINT NOT NULL,
    stable BIGINT NOT NULL,
    unstable BIGINT NOT NULL,
    disturbed BIGINT NOT NULL,
    newest_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (supernet_id, configuration_id, metric)
);

CREATE TABLE validation (
    validation_id TEXT PRIMARY KEY,
    subnet_id TEXT NOT NULL,
    metric TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    source TEXT NOT NULL,
    conditions JSON NOT NULL,
    conditions_id TEXT NOT NULL,
    validated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE job (
    job_id UUID PRIMARY KEY,
    subnet_id TEXT NOT NULL,
    configuration_id TEXT NOT NULL,
    search_id TEXT,
    priority INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'queued',
    attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    host_id TEXT,
    leased_until TIMESTAMPTZ,
    error TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at TIMESTAMPTZ
);

-- A claim reads the head of each line and what is out; both stay short whatever was ever queued.
CREATE INDEX job_line ON job (configuration_id, priority, coalesce(search_id, ''), job_id)
WHERE status = 'queued';

CREATE INDEX job_out ON job (leased_until) WHERE status = 'claimed';

CREATE TABLE search (
    search_id TEXT PRIMARY KEY,
    supernet_id TEXT NOT NULL,
    configuration_id TEXT,
    tactic TEXT NOT NULL,
    objectives JSON NOT NULL,
    options JSON NOT NULL,
    seed BIGINT NOT NULL,
    status TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE evaluation (
    search_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    subnet_id TEXT NOT NULL,
    "values" DOUBLE PRECISION[] NOT NULL,
    sources TEXT[] NOT NULL,
    on_front BOOLEAN NOT NULL,
    PRIMARY KEY (search_id, position)
);

CREATE TABLE predictor (
    predictor_id TEXT PRIMARY KEY,
    supernet_id TEXT NOT NULL,
    configuration_id TEXT NOT NULL,
    metric TEXT NOT NULL,
    kind TEXT NOT NULL,
    recipe JSON NOT NULL,
    n_train INTEGER NOT NULL,
    kendall_tau DOUBLE PRECISION NOT NULL,
    mape_percent DOUBLE PRECISION NOT NULL,
    fitted_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE token (
    token_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
