-- How DuckDB reads a store on PostgreSQL: "pg" is the database, "lake" the DuckLake on it.

-- name: measurement
-- Measurements move from the database to the lake, so one that is in both was just moved. The lake may
-- be read a moment later than the database: what arrived in between is left out.
CREATE VIEW measurement AS
SELECT {columns} FROM lake.measurement WHERE arrival <= (SELECT last FROM pg.arrival)
UNION ALL
SELECT {columns} FROM pg.measurement
WHERE arrival > (SELECT coalesce(max(arrival), 0) FROM lake.measurement)

-- name: moment
-- Fixes the moment of a query: the database first, then the lake.
SELECT (SELECT last FROM pg.arrival)

-- name: lake_moment
SELECT id FROM lake.current_snapshot()

-- name: known
SELECT measurement_id::VARCHAR FROM lake.measurement
WHERE measurement_id BETWEEN $low::UUID AND $high::UUID
    AND measurement_id IN (SELECT unnest($ids::UUID[]))

-- name: move
INSERT INTO lake.measurement ({columns})
SELECT {columns} FROM pg.measurement
WHERE arrival > (SELECT coalesce(max(arrival), 0) FROM lake.measurement)
ORDER BY arrival

-- name: moved
SELECT max(arrival), max(measurement_id)::VARCHAR FROM lake.measurement

-- name: columns
SELECT table_name, column_name, data_type FROM duckdb_columns()
WHERE NOT internal AND table_name IN (SELECT table_name FROM duckdb_tables())
ORDER BY table_name, column_index

-- name: views
SELECT view_name, sql, comment FROM duckdb_views() WHERE NOT internal

-- name: comments
SELECT table_name, comment FROM duckdb_tables() WHERE comment IS NOT NULL
