-- Values of sub-networks that no hardware decides: validated accuracy and proxies, kept so that no
-- search pays for one twice.

CREATE TABLE validation (
    validation_id VARCHAR PRIMARY KEY,
    subnet_id VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    source VARCHAR NOT NULL,
    conditions JSON NOT NULL,
    conditions_id VARCHAR NOT NULL,
    validated_at TIMESTAMPTZ NOT NULL
);

COMMENT ON TABLE validation IS
    'One value per sub-network, metric and conditions (data set, weights, calibration): validated, or a proxy.';
