-- A refund that was refused has a time and a reason of its own, so that it says the same for ever, whatever came before or comes after.
-- What an earlier version wrote of it stands in settled_at and reason.
ALTER TABLE payments ADD COLUMN refused_at timestamptz, ADD COLUMN refusal text;

UPDATE payments SET refused_at = settled_at, refusal = reason WHERE state = 7;
