//! The way to Postgres as Neon's proxy has it: hosts with ports, the pooler, the endpoint option, its errors.

use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::support::{StandIn, uri_password};

/// SQLSTATE and text of a refused login.
fn refusal(refused: Result<tokio_postgres::Client, tokio_postgres::Error>) -> (String, String) {
    let error = refused.map(drop).expect_err("refused");
    let error = error.as_db_error().unwrap_or_else(|| panic!("{error} is not of the server"));
    (error.code().code().to_owned(), error.message().to_owned())
}

async fn uri(stand_in: &StandIn, pooled: bool) -> Config {
    let query = format!("database_name=neondb&role_name=neondb_owner&pooled={pooled}");
    let (status, answer) = stand_in.api("GET", &format!("{}/connection_uri?{query}", stand_in.project()), None).await;
    assert_eq!(status, 200, "{answer}");
    answer["uri"].as_str().expect("uri").parse().expect("a connection string")
}

async fn connect(stand_in: &StandIn, config: &Config) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(MakeRustlsConnect::new(stand_in.trusting())).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Asks for a walsender at that port; the first message of the answer.
async fn walsender(stand_in: &StandIn, port: u16) -> (u8, String) {
    let mut plain = TcpStream::connect(("127.0.0.1", port)).await.expect("the port");
    plain.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.expect("SSLRequest");
    assert_eq!(plain.read_u8().await.expect("an answer"), b'S');
    let connector = tokio_rustls::TlsConnector::from(Arc::new(stand_in.trusting()));
    let mut tls = connector.connect("localhost".try_into().expect("a name"), plain).await.expect("TLS");
    let body = b"\0\x03\0\0user\0neondb_owner\0database\0neondb\0replication\0database\0\0";
    tls.write_u32(u32::try_from(body.len() + 4).expect("a length")).await.expect("length");
    tls.write_all(body).await.expect("start-up");
    tls.flush().await.expect("start-up");
    let kind = tls.read_u8().await.expect("a message");
    let length = tls.read_u32().await.expect("its length");
    let mut body = vec![0; length as usize - 4];
    tls.read_exact(&mut body).await.expect("its body");
    (kind, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn hosts_ports_and_the_pooler() {
    let stand_in = StandIn::start(&["--postgres", "17", "--logical"]);
    let (_, answer) = stand_in.api("GET", &format!("{}/endpoints", stand_in.branch()), None).await;
    let host = answer["endpoints"][0]["host"].as_str().expect("host").to_owned();
    assert_eq!(host, format!("localhost:{}", stand_in.port()), "Neon's CLI puts it into a URL as it is");

    let (direct, pooled) = (uri(&stand_in, false).await, uri(&stand_in, true).await);
    assert_eq!(direct.get_ports(), [stand_in.port()]);
    assert_ne!(direct.get_ports(), pooled.get_ports());
    for config in [&direct, &pooled] {
        let client = connect(&stand_in, config).await.expect("it resolves and connects");
        client.query_one("SELECT 1", &[]).await.expect("a query");
    }
    assert_eq!(walsender(&stand_in, stand_in.port()).await.0, b'R', "the login goes on");
    let (kind, text) = walsender(&stand_in, pooled.get_ports()[0]).await;
    assert_eq!(kind, b'E');
    assert!(text.contains("unsupported startup parameter: replication"), "{text}");
}

#[tokio::test]
async fn the_endpoint_may_be_named_by_option() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let named = async |options: &str| {
        let mut config = uri(&stand_in, false).await;
        config.options(options);
        connect(&stand_in, &config).await
    };
    let endpoint = stand_in.text("endpoint_id");
    let client = named(&format!("endpoint={endpoint} -c work_mem=5MB")).await.expect("the right one");
    let row = client.query_one("SHOW work_mem", &[]).await.expect("the rest reaches the server");
    assert_eq!(row.get::<_, &str>(0), "5MB");
    let (state, text) = refusal(named("endpoint=ep-none-such-1").await);
    assert_eq!((state.as_str(), text.contains("endpoint cannot be found")), ("XX000", true), "{text}");

    // Without TLS nothing gets through.
    let mut plain = uri(&stand_in, false).await;
    plain.ssl_mode(tokio_postgres::config::SslMode::Disable);
    plain.channel_binding(tokio_postgres::config::ChannelBinding::Disable);
    let (_, text) = refusal(plain.connect(NoTls).await.map(|(client, _)| client));
    assert_eq!(text, "connection is insecure (try using `sslmode=require`)");
}

#[tokio::test]
async fn errors_of_the_login_by_generation_of_the_proxy() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let good = uri(&stand_in, false).await;
    let password = String::from_utf8(good.get_password().expect("a password").to_vec()).expect("text");
    let mut elsewhere = good.clone();
    elsewhere.dbname("nowhere");
    let endpoint = format!("{}/endpoints/{}", stand_in.project(), stand_in.text("endpoint_id"));
    for (style, wrong, database, disabled, stopped) in [
        ("postgres", "28P01", "3D000", "XX000", "XX000"),
        ("proxy", "XX000", "XX000", "XX000", "XX000"),
        ("live", "28P01", "XX000", "28000", "08006"),
    ] {
        stand_in.admin("PATCH", "/settings", Some(json!({"proxy_errors": style}))).await;
        let (state, text) = refusal(stand_in.connect("neondb_owner", "wrong").await);
        assert_eq!(state, wrong, "{style}");
        let quoted = if style == "postgres" { "user \"neondb_owner\"" } else { "user 'neondb_owner'" };
        assert!(text.ends_with(quoted), "{style}: {text}");
        let (state, text) = refusal(connect(&stand_in, &elsewhere).await);
        assert_eq!((state.as_str(), text.as_str()), (database, "database \"nowhere\" does not exist"), "{style}");

        let disable = |disabled: bool| Some(json!({"endpoint": {"disabled": disabled}}));
        let (_, answer) = stand_in.api("PATCH", &endpoint, disable(true)).await;
        stand_in.wait(&answer).await;
        assert_eq!(refusal(stand_in.connect("neondb_owner", &password).await).0, disabled, "{style}");
        let (_, answer) = stand_in.api("PATCH", &endpoint, disable(false)).await;
        stand_in.wait(&answer).await;

        stand_in.admin("POST", "/postgres/stop", None).await;
        let (state, text) = refusal(stand_in.connect("neondb_owner", &password).await);
        assert_eq!(state, stopped, "{style}: {text}");
        assert!(text.to_lowercase().contains("couldn't connect to compute node"), "{style}: {text}");
        stand_in.admin("POST", "/postgres/start", None).await;
        stand_in.connect("neondb_owner", &password).await.expect("all is well again");
    }
    // Any text with any state.
    let refuse = json!({"refuse_connections": "quota", "refuse_sqlstate": "53000", "refuse_times": 1});
    stand_in.admin("PATCH", "/settings", Some(refuse)).await;
    let refused = refusal(stand_in.connect("neondb_owner", &password).await);
    assert_eq!(refused, ("53000".to_owned(), "quota".to_owned()));
}

#[tokio::test]
async fn the_user_has_a_whole_billing_account() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let (_, me) = stand_in.api("GET", "/users/me", None).await;
    for key in ["state", "payment_source", "subscription_type", "payment_method", "quota_reset_at_last", "address_city"]
    {
        assert!(!me["billing_account"][key].is_null(), "{key} is missing in {me}");
    }
    let (_, answer) = stand_in
        .api("GET", &format!("{}/connection_uri?database_name=neondb&role_name=neondb_owner", stand_in.project()), None)
        .await;
    assert!(uri_password(&answer).starts_with("npg_"));
}

#[tokio::test]
async fn tls_at_once_and_a_request_to_cancel() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let mut config = uri(&stand_in, false).await;
    config.ssl_negotiation(tokio_postgres::config::SslNegotiation::Direct);
    let mut tls = stand_in.trusting();
    tls.alpn_protocols = vec![b"postgresql".to_vec()];
    let (client, connection) = config.connect(MakeRustlsConnect::new(tls.clone())).await.expect("TLS at once");
    tokio::spawn(connection);
    let cancel = client.cancel_token();
    let superuser = stand_in.superuser().await;
    let sleeps = async || {
        let active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(60)'";
        while superuser.query_one(active, &[]).await.expect("a count").get::<_, i64>(0) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let (slept, ()) = tokio::join!(client.batch_execute("SELECT pg_sleep(60)"), async {
        sleeps().await;
        cancel.cancel_query(MakeRustlsConnect::new(tls)).await.expect("it is passed on");
    });
    let error = slept.expect_err("cancelled");
    assert_eq!(error.as_db_error().expect("of the server").code().code(), "57014");

    // The last word of a server that ends is heard, whole.
    let owner = connect(&stand_in, &uri(&stand_in, false).await).await.expect("it connects");
    let (ended, _) = tokio::join!(owner.batch_execute("SELECT pg_sleep(60)"), async {
        sleeps().await;
        stand_in.admin("POST", "/postgres/restart", None).await
    });
    let error = ended.expect_err("ended");
    assert_eq!(error.as_db_error().unwrap_or_else(|| panic!("{error:?}")).code().code(), "57P01");
}
