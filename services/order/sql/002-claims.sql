-- Payments and refunds that came before the order, a line each: "payment.completed 6120 GBP". Once it is placed, those of another amount
-- are none of it.
ALTER TABLE orders ADD COLUMN claims text;
