//! Who may connect: the parent that started the provider, and nobody else.

use tfplugin::wire::generated::tfplugin6::get_provider_schema;

use crate::support::plugin_client::{Identity, Plugin};

async fn works(plugin: &Plugin) {
    plugin.client().await.get_provider_schema(get_provider_schema::Request {}).await.expect("a schema");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let plugin = Plugin::start();
    let error = plugin.read_as(None).await.expect_err("let in without a certificate");
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
    works(&plugin).await;
}

#[tokio::test]
async fn a_client_with_another_certificate_is_refused() {
    let plugin = Plugin::start();
    let error = plugin.read_as(Some(&Identity::new())).await.expect_err("let in with a foreign certificate");
    assert!(error.to_string().contains("received fatal alert"), "{error}");
    works(&plugin).await;
}

#[tokio::test]
async fn a_client_that_never_speaks_holds_up_nobody() {
    let plugin = Plugin::start();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(plugin.silent().await);
    }
    works(&plugin).await;
}

#[tokio::test]
async fn plaintext_only_when_the_parent_asks_for_it() {
    let plugin = Plugin::start_plaintext();
    assert_eq!(plugin.line.fields[5], "");
    works(&plugin).await;
}
