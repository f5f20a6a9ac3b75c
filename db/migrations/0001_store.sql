-- The latency store: what DESIGN.md calls Data. Ids of hardware, environment, configuration, supernet
-- and subnet are content hashes, so merging two stores is a union.
--
-- References between tables are checked by the writer, once per batch: DuckDB's foreign keys would
-- keep one more index per column over every measurement.

CREATE TABLE hardware (hardware_id VARCHAR PRIMARY KEY, facts JSON NOT NULL);

CREATE TABLE environment (environment_id VARCHAR PRIMARY KEY, facts JSON NOT NULL);

CREATE TABLE host (
    host_id VARCHAR PRIMARY KEY,
    host_name VARCHAR NOT NULL,
    hardware_id VARCHAR NOT NULL,
    latbase_version VARCHAR NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE configuration (
    configuration_id VARCHAR PRIMARY KEY,
    hardware_id VARCHAR NOT NULL,
    device VARCHAR NOT NULL,
    threads INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    precision VARCHAR NOT NULL,
    engine VARCHAR NOT NULL,
    memory_format VARCHAR NOT NULL,
    input_size INTEGER NOT NULL
);

CREATE TABLE supernet (
    supernet_id VARCHAR PRIMARY KEY,
    supernet VARCHAR NOT NULL,
    definition JSON NOT NULL
);

CREATE TABLE subnet (
    subnet_id VARCHAR PRIMARY KEY,
    supernet_id VARCHAR NOT NULL,
    genotype TINYINT[] NOT NULL,
    config JSON NOT NULL
);

-- No index: its ids are UUIDv7, so they arrive nearly sorted and DuckDB's row-group statistics find
-- the few groups a batch could repeat. At ten million rows that takes 4 ms per batch of 1,000; a
-- primary key took 7 ms, three times the file and a gigabyte of memory.
CREATE TABLE measurement (
    measurement_id UUID NOT NULL,
    subnet_id VARCHAR NOT NULL,
    configuration_id VARCHAR NOT NULL,
    environment_id VARCHAR NOT NULL,
    host_id VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    "interval" DOUBLE[] NOT NULL,
    statistic VARCHAR NOT NULL,
    samples FLOAT[] NOT NULL,
    cpu_samples FLOAT[] NOT NULL,
    verdict VARCHAR NOT NULL CHECK (verdict IN ('stable', 'unstable', 'disturbed')),
    reasons VARCHAR[] NOT NULL,
    stopped_by VARCHAR NOT NULL,
    protocol JSON NOT NULL,
    conditions JSON NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL
);

-- The measurement that counts for each sub-network, configuration and metric, kept by the writer so
-- that the everyday views scan narrow rows instead of samples.
CREATE TABLE newest (
    subnet_id VARCHAR NOT NULL,
    configuration_id VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    supernet_id VARCHAR NOT NULL,
    measurement_id UUID NOT NULL,
    value DOUBLE NOT NULL,
    low DOUBLE NOT NULL,
    high DOUBLE NOT NULL,
    verdict VARCHAR NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL
);

-- How many sub-networks and measurements there are, kept by the writer.
CREATE TABLE tally (
    supernet_id VARCHAR NOT NULL,
    configuration_id VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    subnets BIGINT NOT NULL,
    stable BIGINT NOT NULL,
    unstable BIGINT NOT NULL,
    disturbed BIGINT NOT NULL,
    newest_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (supernet_id, configuration_id, metric)
);

CREATE TABLE job (
    job_id UUID PRIMARY KEY,
    subnet_id VARCHAR NOT NULL,
    configuration_id VARCHAR NOT NULL,
    search_id VARCHAR,
    priority INTEGER NOT NULL,
    status VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    host_id VARCHAR,
    leased_until TIMESTAMPTZ,
    error VARCHAR,
    created_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ
);

CREATE TABLE search (
    search_id VARCHAR PRIMARY KEY,
    supernet_id VARCHAR NOT NULL,
    configuration_id VARCHAR,
    tactic VARCHAR NOT NULL,
    objectives JSON NOT NULL,
    options JSON NOT NULL,
    seed BIGINT NOT NULL,
    status VARCHAR NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE evaluation (
    search_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    subnet_id VARCHAR NOT NULL,
    "values" DOUBLE[] NOT NULL,
    sources VARCHAR[] NOT NULL,
    on_front BOOLEAN NOT NULL,
    PRIMARY KEY (search_id, position)
);

CREATE TABLE predictor (
    predictor_id VARCHAR PRIMARY KEY,
    supernet_id VARCHAR NOT NULL,
    configuration_id VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    recipe JSON NOT NULL,
    n_train INTEGER NOT NULL,
    kendall_tau DOUBLE NOT NULL,
    mape_percent DOUBLE NOT NULL,
    fitted_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE token (
    token_id VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    secret_hash VARCHAR NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);

CREATE VIEW latency AS
SELECT
    supernet,
    subnet_id,
    configuration_id,
    value AS latency_ms,
    [low, high] AS interval_ms,
    verdict,
    measured_at
FROM newest
JOIN supernet USING (supernet_id)
WHERE metric = 'latency_ms';

CREATE VIEW front AS
SELECT search_id, supernet, subnet_id, config, objectives, "values", sources
FROM evaluation
JOIN search USING (search_id)
JOIN subnet USING (subnet_id)
JOIN supernet ON supernet.supernet_id = search.supernet_id
WHERE on_front;

CREATE VIEW coverage AS
SELECT
    supernet,
    configuration_id,
    metric,
    subnets,
    stable + unstable + disturbed AS measurements,
    stable,
    unstable,
    disturbed,
    newest_at
FROM tally
JOIN supernet USING (supernet_id);

COMMENT ON TABLE host IS
    'Every machine that reported. A seen_at ahead of the clock of the store is taken as the moment of writing.';
COMMENT ON TABLE measurement IS
    'Every measurement with its raw samples; outliers and disturbed measurements stay, marked. A measured_at more than five minutes ahead of the clock of the store is taken as the moment of writing.';
COMMENT ON TABLE newest IS
    'The measurement that counts: the newest stable one; the newest unstable one where none is stable; never a disturbed one.';
COMMENT ON VIEW latency IS
    'One row per sub-network and configuration: the newest stable latency, or the newest unstable one where none is stable. Disturbed measurements are left out; table measurement has them.';
COMMENT ON VIEW front IS
    'The non-dominated evaluations of every search; values in the order and units of objectives.';
COMMENT ON VIEW coverage IS
    'Sub-networks that have a value, and measurements by verdict, per supernet, configuration and metric.';
