-- One row an order; see services/order/sql/001-orders.sql for version and facts.
CREATE TABLE shipments (
    order_id     text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL,
    state        smallint NOT NULL CHECK (state BETWEEN 0 AND 1),
    facts        bigint NOT NULL,
    flow         text,
    next_due     timestamptz,
    attempts     bigint NOT NULL,
    requested_at timestamptz
) WITH (fillfactor = 60);

-- A write names the version that it read; where a row has another meanwhile, none is written.
CREATE FUNCTION require_written(written bigint, given bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF written <> given THEN
        RAISE EXCEPTION 'version conflict: % of % rows had another version', given - written, given
              USING ERRCODE = 'QV001';
    END IF;
END $$;
