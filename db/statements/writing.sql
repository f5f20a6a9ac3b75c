-- Statements of the writer. "incoming" is a batch of records as rows.

-- name: hardware
INSERT OR IGNORE INTO hardware BY NAME SELECT * FROM incoming

-- name: environment
INSERT OR IGNORE INTO environment BY NAME SELECT * FROM incoming

-- name: ahead
-- A clock that is ahead must not decide what is newest until its date comes; {column} is ours.
UPDATE incoming SET {column} = now() WHERE {column} > now() + {ahead_s} * INTERVAL '1 second'

-- name: host
-- The later sighting wins, so that a merged older store does not turn the clock back.
INSERT INTO host BY NAME
SELECT * FROM incoming
ON CONFLICT (host_id) DO UPDATE SET
    host_name = excluded.host_name,
    hardware_id = excluded.hardware_id,
    latbase_version = excluded.latbase_version,
    seen_at = excluded.seen_at
WHERE excluded.seen_at >= host.seen_at OR host.seen_at > now()

-- name: configuration
INSERT OR IGNORE INTO configuration BY NAME SELECT * FROM incoming

-- name: supernet
INSERT OR IGNORE INTO supernet BY NAME SELECT * FROM incoming

-- name: subnet
INSERT OR IGNORE INTO subnet BY NAME SELECT * FROM incoming

-- name: validation
INSERT OR IGNORE INTO validation BY NAME SELECT * FROM incoming

-- name: search
INSERT OR REPLACE INTO search BY NAME SELECT * FROM incoming

-- name: evaluation
INSERT OR REPLACE INTO evaluation BY NAME SELECT * FROM incoming

-- name: predictor
INSERT OR REPLACE INTO predictor BY NAME SELECT * FROM incoming

-- name: unknown
-- Ids of a batch that the table they point to does not hold; {table} is ours.
SELECT DISTINCT '{table}' AS "table", {table}_id AS id FROM incoming
WHERE {table}_id IS NOT NULL AND NOT EXISTS (
    FROM {table} WHERE {table}.{table}_id = incoming.{table}_id
)

-- name: repeated
-- Leave out what the store already has. Asked of the store with the ids of the batch, not the other
-- way round: so it reads few of its own.
DELETE FROM incoming WHERE measurement_id::UUID IN (
    SELECT measurement_id FROM measurement
    WHERE measurement_id IN (SELECT measurement_id::UUID FROM incoming)
)

-- name: measurement
INSERT INTO measurement BY NAME SELECT * FROM incoming

-- name: ranked
-- Per sub-network, configuration and metric of a batch: the best undisturbed measurement, whether it
-- is the first and whether it beats the one that counts so far; and what there is by verdict.
-- Comparing ids last makes the outcome independent of the order of arrival.
WITH batch AS (
    SELECT
        subnet_id, configuration_id, metric, supernet_id,
        max(
            {
                'stable': verdict = 'stable',
                'measured_at': measured_at,
                'measurement_id': measurement_id::UUID,
                'value': value,
                'low': "interval"[1],
                'high': "interval"[2],
                'verdict': verdict
            }
        ) FILTER (verdict <> 'disturbed') AS best,
        count(*) FILTER (verdict = 'stable') AS stable,
        count(*) FILTER (verdict = 'unstable') AS unstable,
        count(*) FILTER (verdict = 'disturbed') AS disturbed,
        max(measured_at) AS newest_at
    FROM incoming
    JOIN subnet USING (subnet_id)
    GROUP BY subnet_id, configuration_id, metric, supernet_id
)
SELECT
    batch.*,
    best IS NOT NULL AND newest.measurement_id IS NULL AS is_first,
    best IS NOT NULL AND newest.measurement_id IS NOT NULL
    AND (best.stable, best.measured_at, best.measurement_id)
    > (newest.verdict = 'stable', newest.measured_at, newest.measurement_id) AS is_better
FROM batch
LEFT JOIN newest USING (subnet_id, configuration_id, metric)

-- name: dethrone
DELETE FROM newest USING ranked
WHERE is_better
    AND newest.subnet_id = ranked.subnet_id
    AND newest.configuration_id = ranked.configuration_id
    AND newest.metric = ranked.metric

-- name: enthrone
INSERT INTO newest BY NAME
SELECT
    subnet_id, configuration_id, metric, supernet_id,
    best.measurement_id, best.value, best.low, best.high, best.verdict, best.measured_at
FROM ranked
WHERE is_first OR is_better

-- name: tally
INSERT INTO tally BY NAME
SELECT
    supernet_id, configuration_id, metric,
    count(*) FILTER (is_first) AS subnets,
    sum(stable) AS stable,
    sum(unstable) AS unstable,
    sum(disturbed) AS disturbed,
    max(newest_at) AS newest_at
FROM ranked
GROUP BY supernet_id, configuration_id, metric
ON CONFLICT DO UPDATE SET
    subnets = tally.subnets + excluded.subnets,
    stable = tally.stable + excluded.stable,
    unstable = tally.unstable + excluded.unstable,
    disturbed = tally.disturbed + excluded.disturbed,
    newest_at = greatest(tally.newest_at, excluded.newest_at)
