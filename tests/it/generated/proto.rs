//! `crates/tfplugin/src/wire/generated` is what `proto/*.proto` compiles to. Building the provider needs no protobuf compiler.

use std::fs;
use std::path::Path;

/// Each proto file and the package it declares, which names the generated file.
const SOURCES: [(&str, &str); 2] = [("tfplugin6.proto", "tfplugin6.rs"), ("plugin.proto", "plugin.rs")];

fn compile(source: &str, into: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let descriptors = protox::compile([source], [&root]).expect("the proto file compiles");
    tonic_prost_build::configure()
        .build_transport(false)
        .generate_default_stubs(true)
        .emit_rerun_if_changed(false)
        // Same input, same bytes out: maps of schemas are sorted.
        .btree_map(".")
        // These carry configuration and state, secrets among them: their Debug is written by hand and shows sizes only.
        .skip_debug([".tfplugin6.DynamicValue", ".tfplugin6.RawState"])
        .out_dir(into)
        .compile_fds(descriptors)
        .expect("the descriptors become Rust");
}

#[test]
fn generated_code_is_fresh() {
    let fresh = tempfile::tempdir().expect("a temp folder");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/tfplugin/src/wire/generated");
    for (source, name) in SOURCES {
        compile(source, fresh.path());
        let new = fs::read_to_string(fresh.path().join(name)).expect("a generated file");
        let path = committed.join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &new).expect("the generated file is written");
        }
        let old = fs::read_to_string(&path).unwrap_or_default();
        assert!(new == old, "{name} is not what proto/{source} compiles to; run the tests once with UPDATE=1");
    }
}
