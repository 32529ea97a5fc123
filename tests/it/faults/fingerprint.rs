//! All that the provider may change on a server, as one text: two servers with the same text hold the same objects.

use crate::support::stand_in::StandIn;

/// One line for each role, membership, setting, table, privilege, publication, slot and subscription. No oid, no password.
const OBJECTS: &str = r"
SELECT coalesce(string_agg(line, E'\n' ORDER BY line), '') FROM (
    SELECT format('role %s super=%s inherit=%s createrole=%s createdb=%s login=%s replication=%s bypassrls=%s',
        rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls)
        FROM pg_roles WHERE rolname !~ '^pg_'
    UNION ALL
    SELECT format('member %s of %s admin=%s', m.member::regrole, m.roleid::regrole, bool_or(m.admin_option))
        FROM pg_auth_members m GROUP BY m.member, m.roleid
    UNION ALL
    SELECT format('setting %s %s', s.setrole::regrole, s.setconfig) FROM pg_db_role_setting s WHERE s.setrole <> 0
    UNION ALL
    SELECT format('table %s owner=%s identity=%s %s comment=%s', c.oid::regclass, c.relowner::regrole,
        c.relreplident, (SELECT i.indexrelid::regclass FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident),
        obj_description(c.oid, 'pg_class'))
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT format('privilege on %s: %s %s by %s', c.oid::regclass, a.grantee::regrole, a.privilege_type, a.grantor::regrole)
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT format('privilege on schema %s: %s %s by %s', n.nspname, a.grantee::regrole, a.privilege_type, a.grantor::regrole)
        FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE n.nspname = 'public'
    UNION ALL
    SELECT format('privilege on database: %s %s by %s', a.grantee::regrole, a.privilege_type, a.grantor::regrole)
        FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = current_database()
    UNION ALL
    SELECT format('default of %s in %s: %s %s', d.defaclrole::regrole, d.defaclnamespace::regnamespace,
        a.grantee::regrole, a.privilege_type) FROM pg_default_acl d, aclexplode(d.defaclacl) a
    UNION ALL
    SELECT format('publication %s owner=%s all=%s %s%s%s%s root=%s tables=%s schemas=%s', p.pubname, p.pubowner::regrole,
        p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
        (SELECT string_agg(format('%s(%s) where %s', r.prrelid::regclass, r.prattrs, pg_get_expr(r.prqual, r.prrelid)),
            ' ' ORDER BY r.prrelid::regclass::text) FROM pg_publication_rel r WHERE r.prpubid = p.oid),
        (SELECT count(*) FROM pg_publication_namespace n WHERE n.pnpubid = p.oid)) FROM pg_publication p
    UNION ALL
    SELECT format('slot %s %s %s two_phase=%s', slot_name, plugin, database, two_phase)
        || coalesce(to_jsonb(s)->>'failover', '') FROM pg_replication_slots s WHERE slot_type = 'logical'
    UNION ALL
    SELECT format('subscription %s enabled=%s slot=%s binary=%s on %s', subname, subenabled, subslotname, subbinary,
        subpublications) FROM pg_subscription
    UNION ALL
    SELECT format('wal_level %s', current_setting('wal_level'))
) all_lines(line)";

/// One line for each slot of a publisher that has a server of its own.
pub(super) const SLOTS: &str = r"
SELECT coalesce(string_agg(format('slot at the publisher %s %s %s two_phase=%s', slot_name, plugin, database, two_phase),
    E'\n' ORDER BY slot_name), '') FROM pg_replication_slots WHERE slot_type = 'logical'";

/// What the server has, and what the API says of the project and its roles.
pub(super) fn of(stand_in: &StandIn) -> String {
    let (project, branch) = (&stand_in.ready.project_id, &stand_in.ready.branch_id);
    let (_, roles) = stand_in.api("GET", &format!("/projects/{project}/branches/{branch}/roles"), None);
    let mut roles: Vec<_> =
        roles["roles"].as_array().into_iter().flatten().map(|it| format!("API role {}", it["name"])).collect();
    roles.sort();
    let (_, found) = stand_in.api("GET", &format!("/projects/{project}"), None);
    let settings = &found["project"]["settings"];
    let mut ips: Vec<_> =
        settings["allowed_ips"]["ips"].as_array().into_iter().flatten().map(|it| format!("API admits {it}")).collect();
    ips.sort();
    let logical = &settings["enable_logical_replication"];
    format!("{}\n{}\nAPI settings {logical}\n{}", stand_in.value(OBJECTS), roles.join("\n"), ips.join("\n"))
}

/// The lines of a text that are in none of the others.
pub(super) fn beyond<'a>(text: &'a str, others: [&str; 2]) -> Vec<&'a str> {
    text.lines().filter(|line| !others.iter().any(|other| other.lines().any(|it| it == *line))).collect()
}
