//! Paragraphs that several guides share.

/// Why the order matters, in the one sentence that all pages use.
pub(super) const PUBLICATION_FIRST: &str = "A slot created before its publication gets stuck permanently on Postgres 17 and earlier, and silently skips changes on 18.";

const BEFORE_THE_SLOT: &str = "\
1. `neonrep_logical_replication` enables logical replication. All computes of the project restart, and it cannot be disabled.
2. `neonrep_role` creates the role that the consumer logs in as. `neonrep_grant`, where the example has one, lets it read.
3. `neonrep_replica_identity`, where the example has one, comes before the publication: Postgres rejects UPDATE and DELETE on a
   published table that has no usable identity. `replica_identity_id` carries that order.
4. `neonrep_publication` lists the tables.
";

const OWN_SLOT: &str = "\
5. `neonrep_slot` comes last. The `id` of the publication is unknown until the publication exists, so Terraform creates it first.
   {order}

The slot depends on the grant, so that `terraform destroy` drops the slot before the role of its consumer. While a consumer is
connected it changes nothing.
";

const CONSUMER_SLOT: &str = "\
5. The consumer creates its slot when it starts, so start it after the apply.
   {order}
";

const CONSUMER_MODULE: &str = "\
To configure the module's provider, write a `provider` block in this configuration, and name the provider in `required_providers` of
this configuration too, with the same `source`: otherwise Terraform looks for it under `hashicorp/`. `terraform destroy` deletes the
consumer before the objects that it reads.
";

const READINESS: &str = "\
`neonrep_readiness` reads what the consumer would stumble over, and changes nothing. With this file beside the configuration each plan
warns until every error is cured. The report names the object, the reason and the remedy. [Continuous integration](ci.md) shows how
a finding stops a plan, and how the report comes into the summary of a job.
";

const IP_ALLOW: &str = "\
If the project restricts addresses with Neon's IP Allow, add the addresses that the consumer connects from, and the address that
Terraform runs at: [`neonrep_allowed_ips`](../resources/allowed_ips.md) adds entries and leaves those of others. A refused connection fails with the message `This IP address … is not allowed to connect to this endpoint`.
";

const MORE_TABLES: &str = "\
Add an element to `tables` of the publication and apply, then add the table in the consumer. The grant covers the schemas that it
names, and tables created in them later. A table without a primary key needs a `neonrep_replica_identity` and its
`replica_identity_id`: without them the plan fails, because the application's UPDATE would.
";

const REMOVE_OWN_SLOT: &str = "\
Delete the consumer first, then run `terraform destroy`. It drops the slot, the publication, the grants and the role, and restores
replica identities. If the consumer is still connected, destroy waits and then fails with its process and role. Logical
replication stays enabled.

A slot that nobody reads keeps write-ahead log until it is dropped. Do not leave it.
";

const REMOVE_CONSUMER_SLOT: &str = "\
Delete the consumer first, then run `terraform destroy`. It drops the publication, the grants and the role, and restores replica
identities. Logical replication stays enabled. Look for a slot that the consumer left, because it keeps write-ahead log:

```sql
SELECT slot_name, active FROM pg_replication_slots WHERE slot_type = 'logical';
SELECT pg_drop_replication_slot('<name>');
```
";

const ORDER_SUBSCRIPTION: &str = "\
1. `neonrep_logical_replication` enables logical replication of the source project. All of its computes restart, and it cannot be
   disabled. The target does not need it.
2. `neonrep_role` creates the role that the subscriber logs in as. `neonrep_grant` lets it read the rows for the first copy.
3. `neonrep_publication` lists the tables.
4. `neonrep_subscription` comes last: it connects to the source, creates its slot there, copies the rows that exist, and follows.
   {order}

The subscription depends on the grant, so that `terraform destroy` drops the subscription and its slot before the role.
";

const ORDER_SOURCE: &str = "\
1. `neonrep_role` creates the role that Neon logs in as, with SQL at the source. `neonrep_grant` lets it read the rows for the first
   copy.
2. `neonrep_publication` lists the tables. The user of the `sql` block owns them, or is a member of their owner.
3. `neonrep_subscription` comes last: Neon connects to the source, creates its slot there, copies the rows that exist, and follows.
   {order}

The subscription depends on the grant, so that `terraform destroy` drops the subscription and its slot before the role.
";

const TABLES_FIRST: &str = "\
A subscription copies rows. Each published table must exist at the target, with the same schema, name and columns, or the apply
fails and names it. Create the tables from those of the source, without rows:

```shell
pg_dump --schema-only --no-owner --no-privileges --table=playing_with_neon \"$SOURCE_URL\" | psql \"$TARGET_URL\"
```

A table at the target that has rows already gets duplicates, or stops the copy with a duplicate key. Later changes of tables (DDL)
and the values of sequences are not replicated: add columns at the target first, and set sequences before the application writes there.
";

const NEON_ADDRESSES: &str = "\
Neon connects from the NAT addresses of the target project's region. Let them in at the source, one rule for each address. Neon's
documentation lists them by region; they have changed before, so take them from there and keep them in a variable. Terraform runs
elsewhere and connects to both sides: its address must be let in too.
";

const SUBSCRIPTION_MORE_TABLES: &str = "\
Create the table at the target, add an element to `tables` of the publication, and raise `connection_wo_version` of the
subscription by one: the apply then sets the connection string again, starts to receive the new table and copies its rows. The grant covers
the schemas that it names, and tables created in them later by the same owners.
";

const SUBSCRIPTION_REMOVE: &str = "\
`terraform destroy` drops the subscription and its slot, then the publication, the grants and the role. The rows stay at the target.
To stop replication for a while, set `enabled = false`; the slot keeps write-ahead log at the source meanwhile. To cut over,
stop the writers, wait until the target has everything, set the sequences at the target, and destroy.

If the source cannot be reached, destroy keeps the slot and a warning names it. Drop it there:

```sql
SELECT pg_drop_replication_slot('neon_subscription');
```
";

const SUBSCRIPTION_TROUBLE: &str = "\
| symptom | cause and remedy |
|---|---|
| `relation \"…\" does not exist` at the apply | The table is missing at the target. Create it there and apply again. Nothing is left of the attempt. |
| `could not connect to the publisher` | Said by the server that subscribes: the source does not let in its address, or the host, port or password is wrong. |
| The apply waits at the subscription | Creating the slot waits for every open transaction at the source that has written. End them. |
| `replication slot … already exists` | A subscription that was lost left its slot. Drop it at the source, or set another `slot_name`. |
| `all replication slots are in use` | Raise `max_replication_slots` at the source. While tables are copied, a subscription uses up to two more slots. |
| Rows stop arriving | Look at `pg_stat_subscription` at the target and at the log: a duplicate key or a missing column stops the stream. `disable_on_error = true` makes the next plan show it. |
";

/// The paragraph of that name, with a final newline; `None` if there is none.
pub fn text(name: &str) -> Option<String> {
    let text = match name {
        "order" => BEFORE_THE_SLOT.to_owned() + OWN_SLOT,
        "order-consumer-slot" => BEFORE_THE_SLOT.to_owned() + CONSUMER_SLOT,
        "consumer-module" => CONSUMER_MODULE.to_owned(),
        "readiness" => READINESS.to_owned(),
        "ip-allow" => IP_ALLOW.to_owned(),
        "more-tables" => MORE_TABLES.to_owned(),
        "remove" => REMOVE_OWN_SLOT.to_owned(),
        "remove-consumer-slot" => REMOVE_CONSUMER_SLOT.to_owned(),
        "order-subscription" => ORDER_SUBSCRIPTION.to_owned(),
        "order-source" => ORDER_SOURCE.to_owned(),
        "tables-first" => TABLES_FIRST.to_owned(),
        "neon-addresses" => NEON_ADDRESSES.to_owned(),
        "subscription-more-tables" => SUBSCRIPTION_MORE_TABLES.to_owned(),
        "subscription-remove" => SUBSCRIPTION_REMOVE.to_owned(),
        "subscription-trouble" => SUBSCRIPTION_TROUBLE.to_owned(),
        _ => return None,
    };
    Some(text.replace("{order}", PUBLICATION_FIRST))
}
