-- The queue. Every statement runs in a transaction of the store's only writer.

-- name: enqueue
INSERT OR IGNORE INTO job BY NAME
SELECT *, 'queued' AS status, 0 AS attempts, $now::TIMESTAMPTZ AS created_at
FROM incoming

-- name: expire
-- A lease that ran out is a failed attempt: a job that keeps killing its host must end.
UPDATE job SET
    status = CASE WHEN attempts < max_attempts THEN 'queued' ELSE 'failed' END,
    error = 'The host ' || host_id || ' did not report back before its lease ran out.',
    finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE $now::TIMESTAMPTZ END,
    leased_until = NULL
WHERE status = 'claimed' AND leased_until <= $now::TIMESTAMPTZ

-- name: lines
-- A line per search and priority: its head, and how many jobs are out for it. One pass over what is
-- open, and nothing is sorted, so that a long queue costs hardly more than a short one.
SELECT
    search_id,
    priority,
    count(*) FILTER (status = 'claimed') AS out,
    min(job_id, $limit::BIGINT) FILTER (
        status = 'queued' AND list_contains($configurations::VARCHAR[], configuration_id)
    ) AS head
FROM job
WHERE status IN ('queued', 'claimed')
GROUP BY search_id, priority

-- name: claim
UPDATE job SET
    status = 'claimed',
    attempts = attempts + 1,
    host_id = $host,
    leased_until = $until::TIMESTAMPTZ
WHERE job_id IN (SELECT unnest($jobs::UUID[]))
RETURNING *

-- name: heartbeat
UPDATE job SET leased_until = $until::TIMESTAMPTZ
WHERE job_id IN (SELECT unnest($jobs::UUID[])) AND status = 'claimed' AND host_id = $host
RETURNING job_id::VARCHAR

-- name: finish
-- Also for a host that lost its lease: what it delivered is as good.
UPDATE job SET
    status = 'finished', host_id = $host, leased_until = NULL, error = NULL,
    finished_at = $now::TIMESTAMPTZ
WHERE job_id IN (SELECT unnest($jobs::UUID[])) AND status IN ('queued', 'claimed', 'failed')

-- name: fail
UPDATE job SET
    status = CASE WHEN attempts < max_attempts THEN 'queued' ELSE 'failed' END,
    error = $error,
    finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE $now::TIMESTAMPTZ END,
    leased_until = NULL
WHERE job_id = $job::UUID AND status = 'claimed' AND host_id = $host

-- name: status
SELECT status FROM job WHERE job_id = $job::UUID

-- name: cancel
UPDATE job SET status = 'cancelled', leased_until = NULL, finished_at = $now::TIMESTAMPTZ
WHERE job_id IN (SELECT unnest($jobs::UUID[])) AND status IN ('queued', 'claimed')
RETURNING job_id

-- name: shorten
-- Leases given by a clock that was ahead must not keep a job out of reach.
UPDATE job SET leased_until = $until::TIMESTAMPTZ
WHERE status = 'claimed' AND leased_until > $until::TIMESTAMPTZ
