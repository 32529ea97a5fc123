CREATE FUNCTION pg_catalog.neon_stand_in_begin() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    caller text := CASE current_setting('role') WHEN 'none' THEN session_user::text ELSE current_setting('role') END;
    wanted boolean := CASE tg_tag
        -- Vanilla 16 and later let members of pg_create_subscription do it.
        WHEN 'CREATE SUBSCRIPTION' THEN current_setting('server_version_num')::int < 160000
        -- A statement within a function cannot be seen; the other trigger looks at what was made.
        ELSE current_query() ~* 'all\s+tables|in\s+schema' OR current_query() !~* 'publication'
    END;
BEGIN
    IF wanted AND to_regrole('neon_superuser') IS NOT NULL
        AND EXISTS (SELECT FROM pg_roles WHERE rolname = caller AND NOT rolsuper)
        AND pg_has_role(caller, 'neon_superuser', 'USAGE')
    THEN
        -- Two sessions that change one role at once would fail: tuple concurrently updated.
        PERFORM pg_advisory_xact_lock(7240115, hashtext(caller));
        EXECUTE format('ALTER ROLE %I SUPERUSER', caller);
        PERFORM set_config('neon_stand_in.lifted', caller, true);
    END IF;
END
$$;

CREATE FUNCTION pg_catalog.neon_stand_in_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    caller text := CASE current_setting('role') WHEN 'none' THEN session_user::text ELSE current_setting('role') END;
    lifted text := current_setting('neon_stand_in.lifted', true);
    foreign_table text;
BEGIN
    IF lifted IS DISTINCT FROM caller OR NOT pg_has_role(caller, 'neon_superuser', 'MEMBER') THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER ROLE %I NOSUPERUSER', caller);
    PERFORM set_config('neon_stand_in.lifted', '', true);
    -- What the fork checks all the same.
    IF NOT has_database_privilege(caller, current_database(), 'CREATE') THEN
        RAISE insufficient_privilege USING MESSAGE = format('permission denied for database %s', current_database());
    END IF;
    SELECT relname INTO foreign_table
    FROM pg_event_trigger_ddl_commands() made
    JOIN pg_publication_rel member ON made.classid = 'pg_publication'::regclass AND member.prpubid = made.objid
    JOIN pg_class ON pg_class.oid = member.prrelid
    WHERE NOT pg_has_role(caller, relowner, 'USAGE') LIMIT 1;
    IF FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = format('must be owner of table %s', foreign_table);
    END IF;
END
$$;

CREATE EVENT TRIGGER neon_stand_in_begin ON ddl_command_start
    WHEN TAG IN ('CREATE PUBLICATION', 'CREATE SUBSCRIPTION') EXECUTE FUNCTION pg_catalog.neon_stand_in_begin();

CREATE EVENT TRIGGER neon_stand_in_end ON ddl_command_end
    WHEN TAG IN ('CREATE PUBLICATION', 'CREATE SUBSCRIPTION') EXECUTE FUNCTION pg_catalog.neon_stand_in_end();
