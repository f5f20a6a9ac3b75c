-- Tokens are read here only: queries never see the table.

-- name: create
INSERT INTO token (token_id, name, role, secret_hash, created_at, expires_at)
VALUES (
    %(token_id)s, %(name)s, %(role)s, %(secret_hash)s, %(created_at)s, %(expires_at)s
)

-- name: all
SELECT token_id, name, role, created_at, expires_at, revoked_at
FROM token ORDER BY created_at, token_id

-- name: starting
SELECT token_id FROM token WHERE starts_with(token_id, %(prefix)s) ORDER BY token_id LIMIT 6

-- name: revoke
UPDATE token SET revoked_at = coalesce(revoked_at, %(now)s) WHERE token_id = %(token_id)s

-- name: valid
SELECT role, secret_hash FROM token
WHERE token_id = %(token_id)s AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > %(now)s)

-- name: kept
SELECT token_id, name, role, created_at, expires_at, revoked_at, secret_hash
FROM token ORDER BY created_at, token_id

-- name: keep
INSERT INTO token (token_id, name, role, secret_hash, created_at, expires_at, revoked_at)
VALUES (
    %(token_id)s, %(name)s, %(role)s, %(secret_hash)s,
    %(created_at)s, %(expires_at)s, %(revoked_at)s
)
ON CONFLICT (token_id) DO UPDATE
SET revoked_at = coalesce(token.revoked_at, excluded.revoked_at)
