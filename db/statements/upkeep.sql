-- Whether a store keeps its promises; each counts what does not.

-- name: dangling
SELECT count(*) AS n FROM {table}
WHERE {target}_id IS NOT NULL AND {target}_id NOT IN (SELECT {target}_id FROM {target})

-- name: repeated
SELECT count(*) - count(DISTINCT measurement_id) AS n FROM measurement

-- name: newest
WITH best AS (
    SELECT subnet_id, configuration_id, metric, measurement_id
    FROM measurement
    WHERE verdict <> 'disturbed'
    QUALIFY row_number() OVER (
        PARTITION BY subnet_id, configuration_id, metric
        ORDER BY verdict = 'stable' DESC, measured_at DESC, measurement_id DESC
    ) = 1
)
SELECT count(*) AS n FROM (
    (FROM best EXCEPT SELECT subnet_id, configuration_id, metric, measurement_id FROM newest)
    UNION ALL
    (SELECT subnet_id, configuration_id, metric, measurement_id FROM newest EXCEPT FROM best)
)

-- name: tally
WITH counted AS (
    SELECT
        supernet_id, configuration_id, metric,
        count(DISTINCT subnet_id) FILTER (verdict <> 'disturbed') AS subnets,
        count(*) FILTER (verdict = 'stable') AS stable,
        count(*) FILTER (verdict = 'unstable') AS unstable,
        count(*) FILTER (verdict = 'disturbed') AS disturbed,
        max(measured_at) AS newest_at
    FROM measurement
    JOIN subnet USING (subnet_id)
    GROUP BY ALL
)
SELECT count(*) AS n FROM ((FROM counted EXCEPT FROM tally) UNION ALL (FROM tally EXCEPT FROM counted))
