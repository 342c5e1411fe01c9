-- A write names the version that it read. Where a row has another, because it was written meanwhile, none is written, and PostgreSQL's
-- log says so.
CREATE FUNCTION require_written(written bigint, given bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF written <> given THEN
        RAISE EXCEPTION 'version conflict: % of % rows had another version than the one that was read', given - written, given
              USING ERRCODE = 'QV001';
    END IF;
END $$;
