-- What the provider calls a charge that is prepared or made, so that it is confirmed, looked up and settled by that.
ALTER TABLE payments ADD COLUMN provider_ref text;
