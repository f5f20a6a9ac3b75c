-- Statements of the writer. "incoming" is a batch of records as rows.

-- name: hardware
INSERT OR IGNORE INTO hardware BY NAME SELECT * FROM incoming

-- name: environment
INSERT OR IGNORE INTO environment BY NAME SELECT * FROM incoming

-- name: host
-- The later sighting wins, so that a merged older store does not turn the clock back.
INSERT INTO host BY NAME
SELECT * FROM incoming
ON CONFLICT (host_id) DO UPDATE SET
    host_name = excluded.host_name,
    hardware_id = excluded.hardware_id,
    latbase_version = excluded.latbase_version,
    seen_at = excluded.seen_at
WHERE excluded.seen_at >= host.seen_at

-- name: configuration
INSERT OR IGNORE INTO configuration BY NAME SELECT * FROM incoming

-- name: supernet
INSERT OR IGNORE INTO supernet BY NAME SELECT * FROM incoming

-- name: subnet
INSERT OR IGNORE INTO subnet BY NAME SELECT * FROM incoming

-- name: search
INSERT OR REPLACE INTO search BY NAME SELECT * FROM incoming

-- name: evaluation
INSERT OR REPLACE INTO evaluation BY NAME SELECT * FROM incoming

-- name: predictor
INSERT OR REPLACE INTO predictor BY NAME SELECT * FROM incoming

-- name: unknown
-- Ids of a batch that the table they point to does not hold; {table} and {column} are ours.
SELECT DISTINCT {column} FROM incoming
WHERE {column} IS NOT NULL AND {column} NOT IN (
    SELECT {table}_id FROM {table} WHERE {table}_id IN (SELECT {column} FROM incoming)
)
LIMIT 4

-- name: repeated
-- Which measurements of a batch the store already has.
SELECT measurement_id::VARCHAR AS measurement_id FROM measurement
WHERE measurement_id IN (SELECT measurement_id::UUID FROM incoming)

-- name: measurement
INSERT INTO measurement BY NAME SELECT * FROM incoming

-- name: contenders
-- The best undisturbed measurement of each sub-network, configuration and metric of a batch, where
-- it beats the one that counts so far. Comparing ids last makes the outcome independent of order.
SELECT best.*, newest.measurement_id IS NULL AS first
FROM (
    SELECT subnet_id, configuration_id, metric, supernet_id, measurement_id::UUID AS measurement_id,
        value, "interval"[1] AS low, "interval"[2] AS high, verdict, measured_at
    FROM incoming
    JOIN subnet USING (subnet_id)
    WHERE verdict <> 'disturbed'
    QUALIFY row_number() OVER (
        PARTITION BY subnet_id, configuration_id, metric
        ORDER BY verdict = 'stable' DESC, measured_at DESC, measurement_id::UUID DESC
    ) = 1
) best
LEFT JOIN newest USING (subnet_id, configuration_id, metric)
WHERE newest.measurement_id IS NULL
    OR (best.verdict = 'stable', best.measured_at, best.measurement_id)
        > (newest.verdict = 'stable', newest.measured_at, newest.measurement_id)

-- name: dethrone
DELETE FROM newest USING contenders
WHERE newest.subnet_id = contenders.subnet_id
    AND newest.configuration_id = contenders.configuration_id
    AND newest.metric = contenders.metric

-- name: enthrone
INSERT INTO newest BY NAME SELECT * EXCLUDE (first) FROM contenders

-- name: tally
INSERT INTO tally BY NAME
SELECT
    supernet_id, configuration_id, metric,
    (
        SELECT count(*) FROM contenders
        WHERE contenders.first AND contenders.supernet_id = subnet.supernet_id
            AND contenders.configuration_id = incoming.configuration_id
            AND contenders.metric = incoming.metric
    ) AS subnets,
    count(*) FILTER (verdict = 'stable') AS stable,
    count(*) FILTER (verdict = 'unstable') AS unstable,
    count(*) FILTER (verdict = 'disturbed') AS disturbed,
    max(measured_at) AS newest_at
FROM incoming
JOIN subnet USING (subnet_id)
GROUP BY supernet_id, configuration_id, metric
ON CONFLICT DO UPDATE SET
    subnets = tally.subnets + excluded.subnets,
    stable = tally.stable + excluded.stable,
    unstable = tally.unstable + excluded.unstable,
    disturbed = tally.disturbed + excluded.disturbed,
    newest_at = greatest(tally.newest_at, excluded.newest_at)
