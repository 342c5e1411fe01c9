-- One row an order; see services/order/sql/001-orders.sql for version and facts.
CREATE TABLE payments (
    order_id       text COLLATE "C" PRIMARY KEY,
    version        bigint NOT NULL,
    state          smallint NOT NULL CHECK (state BETWEEN 0 AND 7),
    facts          bigint NOT NULL,
    flow           text,
    next_due       timestamptz,
    attempts       bigint NOT NULL,
    payment_method text,
    amount         bigint NOT NULL CHECK (amount >= 0),
    currency       text,
    payment_id     text,
    reason         text,
    decided_at     timestamptz,
    pending_at     timestamptz,
    settled_at     timestamptz,
    -- what the provider is sent, so that it charges and refunds once
    idempotency_key text GENERATED ALWAYS AS ('charge:' || order_id) STORED UNIQUE
) WITH (fillfactor = 60);

CREATE INDEX payments_due ON payments (next_due) WHERE next_due IS NOT NULL;

CREATE VIEW payment_status AS
SELECT order_id,
       (ARRAY['NEW', 'CHARGING', 'COMPLETED', 'FAILED', 'SETTLING', 'REFUNDED', 'VOID', 'REFUND_FAILED'])[state + 1] AS state,
       flow, payment_method, amount, currency, payment_id, reason, decided_at, settled_at, attempts, next_due
FROM payments;
