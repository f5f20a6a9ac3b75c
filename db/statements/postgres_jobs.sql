-- The queue in PostgreSQL. Rows are locked in the order of job_id, so that no two calls wait for each
-- other.

-- name: enqueue
INSERT INTO job (
    job_id, subnet_id, configuration_id, search_id, priority, max_attempts, created_at
)
SELECT job_id, subnet_id, configuration_id, search_id, priority, max_attempts, %(now)s
FROM incoming_job
ORDER BY job_id
ON CONFLICT DO NOTHING

-- name: expire
-- A lease that ran out is a failed attempt: a job that keeps killing its host must end.
UPDATE job SET
    status = CASE WHEN attempts < max_attempts THEN 'queued' ELSE 'failed' END,
    error = 'The host ' || host_id || ' did not report back before its lease ran out.',
    finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE %(now)s::TIMESTAMPTZ END,
    leased_until = NULL
WHERE job_id IN (
    SELECT job_id FROM job
    WHERE status = 'claimed' AND leased_until <= %(now)s
    FOR UPDATE SKIP LOCKED
)

-- name: claim
-- A line per configuration, priority and search; searches take turns, counting what is out for them.
-- The lines are found one after another from the index, and of each only the head is read.
WITH RECURSIVE line AS (
    SELECT wanted.configuration_id, beginning.priority, beginning.search
    FROM (SELECT DISTINCT unnest(%(configurations)s::TEXT[]) AS configuration_id) AS wanted
    CROSS JOIN LATERAL (
        SELECT priority, coalesce(search_id, '') AS search
        FROM job
        WHERE status = 'queued' AND job.configuration_id = wanted.configuration_id
        ORDER BY priority, coalesce(search_id, '')
        LIMIT 1
    ) AS beginning
    UNION ALL
    SELECT line.configuration_id, following.priority, following.search
    FROM line
    CROSS JOIN LATERAL (
        SELECT priority, coalesce(search_id, '') AS search
        FROM job
        WHERE status = 'queued' AND job.configuration_id = line.configuration_id
            AND (priority, coalesce(search_id, '')) > (line.priority, line.search)
        ORDER BY priority, coalesce(search_id, '')
        LIMIT 1
    ) AS following
),
out AS (
    SELECT coalesce(search_id, '') AS search, count(*) AS jobs
    FROM job WHERE status = 'claimed'
    GROUP BY 1
),
head AS (
    SELECT
        first.job_id, line.priority,
        coalesce(out.jobs, 0)
        + row_number() OVER (PARTITION BY line.search, line.priority ORDER BY first.job_id) AS turn
    FROM line
    LEFT JOIN out USING (search)
    CROSS JOIN LATERAL (
        SELECT job_id FROM job
        WHERE status = 'queued' AND job.configuration_id = line.configuration_id
            AND job.priority = line.priority AND coalesce(job.search_id, '') = line.search
        ORDER BY job_id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS first
)
UPDATE job SET
    status = 'claimed',
    attempts = attempts + 1,
    host_id = %(host)s,
    leased_until = %(until)s
WHERE job_id IN (SELECT job_id FROM head ORDER BY priority DESC, turn, job_id LIMIT %(limit)s)
RETURNING
    job_id::TEXT, subnet_id, configuration_id, search_id, priority, status, attempts, max_attempts,
    host_id, leased_until, error, created_at, finished_at

-- name: heartbeat
UPDATE job SET leased_until = %(until)s
WHERE job_id IN (
    SELECT job_id FROM job
    WHERE job_id = ANY(%(jobs)s::UUID[]) AND status = 'claimed' AND host_id = %(host)s
    ORDER BY job_id FOR UPDATE
)
RETURNING job_id::TEXT

-- name: finish
-- Also for a host that lost its lease: what it delivered is as good.
UPDATE job SET
    status = 'finished', host_id = %(host)s, leased_until = NULL, error = NULL,
    finished_at = %(now)s
WHERE job_id IN (
    SELECT job_id FROM job
    WHERE job_id = ANY(%(jobs)s::UUID[]) AND status IN ('queued', 'claimed', 'failed')
    ORDER BY job_id FOR UPDATE
)

-- name: fail
UPDATE job SET
    status = CASE WHEN attempts < max_attempts THEN 'queued' ELSE 'failed' END,
    error = %(error)s,
    finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE %(now)s::TIMESTAMPTZ END,
    leased_until = NULL
WHERE job_id = %(job)s::UUID AND status = 'claimed' AND host_id = %(host)s

-- name: status
SELECT status FROM job WHERE job_id = %(job)s::UUID

-- name: cancel
UPDATE job SET status = 'cancelled', leased_until = NULL, finished_at = %(now)s
WHERE job_id IN (
    SELECT job_id FROM job
    WHERE job_id = ANY(%(jobs)s::UUID[]) AND status IN ('queued', 'claimed')
    ORDER BY job_id FOR UPDATE
)

-- name: shorten
-- Leases given by a clock that was ahead must not keep a job out of reach.
UPDATE job SET leased_until = %(until)s WHERE status = 'claimed' AND leased_until > %(until)s
