-- The latency store: what DESIGN.md calls Data. Ids of hardware, environment, configuration, supernet
-- and subnet are content hashes, so merging two stores is a union.

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
    supernet_id VARCHAR PRIMARY KEY, supernet VARCHAR NOT NULL, definition JSON NOT NULL
);
CREATE TABLE subnet (
    subnet_id VARCHAR PRIMARY KEY,
    supernet_id VARCHAR NOT NULL,
    genotype TINYINT[] NOT NULL,
    config JSON NOT NULL
);
CREATE TABLE measurement (
    measurement_id UUID PRIMARY KEY,
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
    verdict VARCHAR NOT NULL,
    reasons VARCHAR[] NOT NULL,
    stopped_by VARCHAR NOT NULL,
    protocol JSON NOT NULL,
    conditions JSON NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE job (
    job_id UUID PRIMARY KEY,
    subnet_id VARCHAR NOT NULL,
    configuration_id VARCHAR NOT NULL,
    search_id VARCHAR,
    priority INTEGER NOT NULL DEFAULT 0,
    status VARCHAR NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    host_id VARCHAR,
    leased_until TIMESTAMPTZ,
    error VARCHAR,
    created_at TIMESTAMPTZ NOT NULL
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
    role VARCHAR NOT NULL,
    secret_hash VARCHAR NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);

-- The newest measurement of each metric, sub-network and configuration; disturbed ones are kept in
-- the table and left out here.
CREATE VIEW newest AS
SELECT * FROM measurement WHERE verdict <> 'disturbed'
QUALIFY row_number() OVER (
    PARTITION BY subnet_id, configuration_id, metric ORDER BY measured_at DESC, measurement_id DESC
) = 1;

CREATE VIEW latency AS
SELECT supernet, subnet_id, configuration_id, value AS latency_ms, "interval" AS interval_ms,
       verdict, measured_at
FROM newest JOIN subnet USING (subnet_id) JOIN supernet USING (supernet_id)
WHERE metric = 'latency_ms';

CREATE VIEW front AS
SELECT search_id, supernet, subnet_id, config, objectives, "values", sources
FROM evaluation JOIN search USING (search_id) JOIN subnet USING (subnet_id)
JOIN supernet ON supernet.supernet_id = search.supernet_id
WHERE on_front;

CREATE VIEW coverage AS
SELECT supernet, configuration_id, count(*) AS subnets,
       count(*) FILTER (verdict = 'stable') AS stable, median(latency_ms) AS median_latency_ms,
       max(measured_at) AS newest_at
FROM latency GROUP BY supernet, configuration_id;
