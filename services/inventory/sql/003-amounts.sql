-- What the order is over, so that a payment of another amount is none of it; unknown (no currency) of what an earlier version wrote.
-- "claims" are payments that came before the order, a line each: "payment.completed 6120 GBP".
ALTER TABLE reservation ADD COLUMN amount bigint NOT NULL DEFAULT 0, ADD COLUMN currency text, ADD COLUMN claims text;
