-- Statements of the writer for PostgreSQL. "incoming_TABLE" is a batch of records as rows.

-- name: incoming
-- Lives as long as its connection, empties itself; {table} is ours.
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_{table}
(LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) ON COMMIT DELETE ROWS

-- name: turn
-- Wait for the turn of this batch, and number its measurements.
UPDATE arrival SET last = last + %(measurements)s RETURNING last, moved_to

-- name: ahead
-- A clock that is ahead must not decide what is newest until its date comes; {table} and {column} are
-- ours.
UPDATE incoming_{table} SET {column} = now()
WHERE {column} > now() + {ahead_s} * INTERVAL '1 second'

-- name: keep
-- Facts are content: what is there is the same. {table} is ours.
INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming_{table} ON CONFLICT DO NOTHING

-- name: replace
INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming_{table}
ON CONFLICT ({key}) DO UPDATE SET {changes}

-- name: replace_if_later
-- The later sighting wins, so that a merged older store does not turn the clock back.
INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming_{table}
ON CONFLICT ({key}) DO UPDATE SET {changes}
WHERE excluded.seen_at >= {table}.seen_at OR {table}.seen_at > now()

-- name: unknown
-- Ids of a batch that the table they point to does not hold; {table} and {target} are ours.
SELECT DISTINCT '{target}' AS "table", {target}_id AS id FROM incoming_{table}
WHERE {target}_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM {target} WHERE {target}.{target}_id = incoming_{table}.{target}_id
)

-- name: waiting
-- Which measurements of a batch wait for the lake already.
DELETE FROM incoming_measurement USING measurement
WHERE incoming_measurement.measurement_id = measurement.measurement_id

-- name: old
-- Which could be in the lake.
SELECT measurement_id::TEXT FROM incoming_measurement WHERE measurement_id <= %(moved_to)s

-- name: known
DELETE FROM incoming_measurement WHERE measurement_id = ANY(%(ids)s::UUID[])

-- name: measurement
INSERT INTO measurement (arrival, {columns})
SELECT %(last)s + 1 - row_number() OVER (ORDER BY measurement_id DESC), {columns}
FROM incoming_measurement

-- name: summaries
-- What counts now, and how much there is. Comparing ids last makes the outcome independent of the
-- order of arrival; xmax is zero where a row was inserted, not updated.
WITH crowned AS (
    INSERT INTO newest AS old (
        subnet_id, configuration_id, metric, supernet_id,
        measurement_id, value, low, high, verdict, measured_at
    )
    SELECT DISTINCT ON (configuration_id, metric, subnet_id)
        subnet_id, configuration_id, metric, supernet_id,
        measurement_id, value, "interval"[1], "interval"[2], verdict, measured_at
    FROM incoming_measurement
    JOIN subnet USING (subnet_id)
    WHERE verdict <> 'disturbed'
    ORDER BY
        configuration_id, metric, subnet_id,
        verdict = 'stable' DESC, measured_at DESC, measurement_id DESC
    ON CONFLICT (configuration_id, metric, subnet_id) DO UPDATE SET
        measurement_id = excluded.measurement_id,
        value = excluded.value,
        low = excluded.low,
        high = excluded.high,
        verdict = excluded.verdict,
        measured_at = excluded.measured_at
    WHERE (excluded.verdict = 'stable', excluded.measured_at, excluded.measurement_id)
        > (old.verdict = 'stable', old.measured_at, old.measurement_id)
    RETURNING supernet_id, configuration_id, metric, xmax = 0 AS is_first
),
firsts AS (
    SELECT supernet_id, configuration_id, metric, count(*) AS subnets
    FROM crowned WHERE is_first
    GROUP BY supernet_id, configuration_id, metric
),
counted AS (
    SELECT
        supernet_id, configuration_id, metric,
        count(*) FILTER (WHERE verdict = 'stable') AS stable,
        count(*) FILTER (WHERE verdict = 'unstable') AS unstable,
        count(*) FILTER (WHERE verdict = 'disturbed') AS disturbed,
        max(measured_at) AS newest_at
    FROM incoming_measurement
    JOIN subnet USING (subnet_id)
    GROUP BY supernet_id, configuration_id, metric
)
INSERT INTO tally AS old
SELECT
    supernet_id, configuration_id, metric, coalesce(subnets, 0),
    stable, unstable, disturbed, newest_at
FROM counted
LEFT JOIN firsts USING (supernet_id, configuration_id, metric)
ON CONFLICT (supernet_id, configuration_id, metric) DO UPDATE SET
    subnets = old.subnets + excluded.subnets,
    stable = old.stable + excluded.stable,
    unstable = old.unstable + excluded.unstable,
    disturbed = old.disturbed + excluded.disturbed,
    newest_at = greatest(old.newest_at, excluded.newest_at)

-- name: mover
-- One mover at a time, whichever process it runs in; let go at the end of the transaction.
SELECT pg_try_advisory_xact_lock(hashtext('latbase'), 1) AS mine

-- name: moved
-- The lake has these. Taking the writers' lock keeps a batch from looking in between.
UPDATE arrival SET moved_to = greatest(moved_to, %(newest)s::UUID)

-- name: leave
DELETE FROM measurement WHERE arrival <= %(arrival)s
