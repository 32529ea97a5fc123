//! `neon-stand-in`: Neon's control plane over HTTP in front of a real Postgres server, for tests and demos.

mod allowed_ips;
mod announcement;
mod app;
mod background;
mod cli;
mod clock;
mod compute;
mod faults;
mod folder;
mod front;
mod journal;
mod knobs;
mod lab;
mod names;
mod operations;
mod postgres;
mod rates;
mod reset;
mod server;
mod turned;
mod world;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use nix::unistd::getppid;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use announcement::Announcement;
use app::App;
use cli::Cli;
use compute::DATABASE;
use lab::Lab;
use postgres::archive;
use postgres::process;
use postgres::tls::{self, HOST};
use postgres::user::RunAs;
use world::World;

/// How often we look whether our parent is still there.
const PARENT_CHECK: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let done = if arguments.get(1).is_some_and(|first| first == process::BECOME) {
        process::become_program(&arguments[2..]).map(|_| ())
    } else {
        run(&Cli::parse())
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "neon-stand-in: {error:#}"); // nowhere else to say it
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let detached = cli.detached && !cli.fetch;
    if detached && !background::is_it() {
        return background::launch();
    }
    if detached {
        background::begin()?;
    }
    let _pid_file = cli.pid_file.as_deref().map(background::PidFile::write).transpose()?;
    let filter = tracing_subscriber::EnvFilter::try_from_env("NEON_STAND_IN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("neon_stand_in=info,warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // One thread, this one, for all: the server's processes end with the thread that started them.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(stand_in(cli))
}

async fn stand_in(cli: &Cli) -> Result<()> {
    let parent = getppid();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let asked_to_end = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            () = parent_is_gone(parent, cli.detached) => {}
        }
    };
    let user = RunAs::choose();
    // Dropped last: the data goes when nothing uses it any more.
    let mut folder = None;
    let mut started = None;
    let outcome = tokio::select! {
        outcome = serve(cli, user, &mut folder, &mut started) => outcome,
        () = asked_to_end => Ok(()),
    };
    if let Some(app) = started {
        app.close().await?;
    }
    if let Some(folder) = folder {
        folder::remove(folder)?;
    }
    outcome
}

async fn parent_is_gone(parent: nix::unistd::Pid, detached: bool) {
    loop {
        tokio::time::sleep(PARENT_CHECK).await;
        if !detached && getppid() != parent {
            return;
        }
    }
}

async fn serve(
    cli: &Cli,
    user: RunAs,
    folder: &mut Option<tempfile::TempDir>,
    started: &mut Option<Arc<App>>,
) -> Result<()> {
    let cache = cli.cache_dir.clone().unwrap_or_else(|| archive::default_cache(user));
    let cache = std::path::absolute(cache)?;
    archive::install(cli.postgres, &cache, user).await?;
    if cli.fetch {
        return Ok(());
    }
    let api = TcpListener::bind(cli.listen).await.with_context(|| format!("listening on {}", cli.listen))?;
    let made = folder.insert(folder::make(user)?);
    let certificates = tls::make(made.path(), &cli.names, user)?;
    let mut world = World::new(cli.postgres, cli.logical);
    if let Some(key) = &cli.api_key {
        world.keys[0].secret.clone_from(key);
    }
    let lab = Lab {
        folder: made.path().to_owned(),
        cache,
        certificates,
        user,
        settings: cli.settings.clone(),
        last: AtomicU32::new(0),
    };
    let mut names = cli.names.clone();
    if !cli.listen.ip().is_unspecified() {
        names.push(cli.listen.ip().to_string());
    }
    let host = cli.names.first().map_or(HOST, String::as_str);
    let admin_token = cli.admin_token.clone().unwrap_or_else(names::admin_token);
    let app = App::new(lab, world, admin_token, names, host, cli.listen.ip())?;
    *started = Some(Arc::clone(&app));
    app.start(cli.postgres_port).await?;
    tokio::spawn(clock::run(Arc::clone(&app)));

    let own = api.local_addr()?;
    let base = match cli.names.first() {
        Some(name) => format!("http://{name}:{}", own.port()),
        None if own.ip().is_unspecified() => format!("http://{HOST}:{}", own.port()),
        None => format!("http://{own}"),
    };
    announce(cli.env, &announcement(&app, &base)?)?;
    if background::is_it() {
        background::fall_silent()?;
    }
    tokio::select! {
        served = server::serve(Arc::clone(&app), api) => served,
        () = app.stop.notified() => Ok(()),
    }
}

fn announcement(app: &App, base: &str) -> Result<Announcement> {
    let superuser_dsn = app.first_compute()?.access.dsn(DATABASE);
    let world = app.world();
    let branch = world.first_branch().context("no branch")?;
    let endpoint = branch.read_write().context("no endpoint")?;
    Ok(Announcement {
        api_url: format!("{base}{}", server::API),
        api_key: world.keys[0].secret.clone(),
        project_id: world.first.clone(),
        branch_id: branch.id.clone(),
        endpoint_id: endpoint.id.clone(),
        host: app.host.clone(),
        port: endpoint.ports.direct,
        database: DATABASE.to_owned(),
        owner_role: app::OWNER.to_owned(),
        superuser_dsn,
        sslrootcert: app.lab.certificates.authority.display().to_string(),
        admin_url: format!("{base}/admin/{}", app.admin_token),
        database_url: server::owner_uri(app, branch),
    })
}

fn announce(exports: bool, announcement: &Announcement) -> Result<()> {
    let text = if exports { announcement.exports() } else { announcement.line()? };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
