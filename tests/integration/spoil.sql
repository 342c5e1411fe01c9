-- Takes the checks away, then spoils each column, number n, in the rows of the orders with number
-- 2 n, by a wrong value of its type, and 2 n + 1, by NULL. A key is not NULL; what other columns
-- are made of has no value of its own; the names of migrations are no order's.
DO $spoil$
DECLARE
    c record;
    n int := 0;
    wrong text;
    key text;
    either text := '[1 + (random() < 0.5)::int]';
BEGIN
    FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
             WHERE contype = 'c' AND connamespace = 'public'::regnamespace LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname);
    END LOOP;
    FOR c IN SELECT k.table_name, k.column_name, k.data_type, u.column_name IS NOT NULL AS is_key
             FROM information_schema.columns k
             JOIN information_schema.tables t USING (table_schema, table_name)
             LEFT JOIN information_schema.key_column_usage u
                    ON (u.table_schema, u.table_name, u.column_name)
                     = (k.table_schema, k.table_name, k.column_name)
             WHERE k.table_schema = 'public' AND t.table_type = 'BASE TABLE'
                   AND k.table_name <> 'schema_migration' AND k.is_generated = 'NEVER'
             ORDER BY k.table_name, k.ordinal_position LOOP
        wrong := CASE WHEN c.is_key THEN format('%I || E''\n{spoilt''', c.column_name)
                      WHEN c.data_type = 'text' THEN 'E''{spoilt\n\t\x01'''
                      WHEN c.data_type = 'json' THEN '''"spoilt"'''
                      WHEN c.data_type = 'smallint' THEN '(ARRAY[32767, -1])' || either
                      WHEN c.data_type = 'bigint'
                          THEN '(ARRAY[9223372036854775807, -9223372036854775808])' || either
                      WHEN c.data_type LIKE 'timestamp%'
                          THEN '(ARRAY[''infinity'', ''-infinity'']::timestamptz[])' || either
                      ELSE 'NULL' END;
        key := CASE c.table_name WHEN 'stock' THEN 'sku' WHEN 'stock_command' THEN 'id'
                   ELSE 'order_id' END;
        EXECUTE format('UPDATE %I SET %I = %s WHERE %I ~ ''^spoilt-[a-z]*-%s$''',
                       c.table_name, c.column_name, wrong, key, 2 * n);
        IF NOT c.is_key THEN
            EXECUTE format('ALTER TABLE %I ALTER COLUMN %I DROP NOT NULL',
                           c.table_name, c.column_name);
            EXECUTE format('UPDATE %I SET %I = NULL WHERE %I ~ ''^spoilt-[a-z]*-%s$''',
                           c.table_name, c.column_name, key, 2 * n + 1);
        END IF;
        n := n + 1;
    END LOOP;
    IF 2 * n > 64 THEN
        RAISE EXCEPTION '% columns: too many for the orders that the test has', n;
    END IF;
END
$spoil$;
