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

const READINESS: &str = "\
`neonrep_readiness` reads what the consumer would stumble over, and changes nothing. With this file beside the configuration each plan
warns until every error is cured. The report names the object, the reason and the remedy. [Continuous integration](ci.md) shows how
a finding stops a plan, and how the report comes into the summary of a job.
";

const IP_ALLOW: &str = "\
If the project restricts addresses with Neon's IP Allow, add the addresses that the consumer connects from, and the address that
Terraform runs at. A refused connection fails with the message `This IP address … is not allowed to connect to this endpoint`.
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

/// The paragraph of that name, with a final newline; `None` if there is none.
pub fn text(name: &str) -> Option<String> {
    let text = match name {
        "order" => BEFORE_THE_SLOT.to_owned() + OWN_SLOT,
        "order-consumer-slot" => BEFORE_THE_SLOT.to_owned() + CONSUMER_SLOT,
        "readiness" => READINESS.to_owned(),
        "ip-allow" => IP_ALLOW.to_owned(),
        "more-tables" => MORE_TABLES.to_owned(),
        "remove" => REMOVE_OWN_SLOT.to_owned(),
        "remove-consumer-slot" => REMOVE_CONSUMER_SLOT.to_owned(),
        _ => return None,
    };
    Some(text.replace("{order}", PUBLICATION_FIRST))
}
