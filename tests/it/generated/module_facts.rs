//! The module `examples/modules/source` goes by the facts that the provider has of each destination.

use std::fs;
use std::path::Path;

#[test]
fn the_module_has_the_facts_of_every_destination() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/modules/source/destinations.tf");
    let rendered = neonrep::guides::module_facts();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &rendered).expect("the file");
    }
    let committed = fs::read_to_string(&path).expect("the file");
    assert_eq!(committed, rendered, "`make generate` puts this right");
}
