//! A receiver that writes each delivery to PostgreSQL by a statement of its own, through a pool of connections.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use jiff::Timestamp;
use pos_webhooks::axum::Verified;
use pos_webhooks::vipps::{Event, Receiver};
use tokio::sync::{Mutex, Semaphore};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use crate::listener::{SECRET, URL};

const CONNECTIONS: usize = 16;
/// It writes the same rows as `listen`.
const STATEMENT: &str = "insert into pos_webhooks.event as stored
    (received_at, route, provider, event, known, idempotency_key, body, payload, headers, error, deliveries)
    values ($1::text::timestamptz, 'pool', 'vipps', $2, true, $3, $4, convert_from($4, 'UTF8')::jsonb, $5::text::jsonb, null, 1)
    on conflict (route, idempotency_key) do update
    set deliveries = stored.deliveries + excluded.deliveries, last_delivery_at = clock_timestamp()
    returning xmax = 0";

/// The process.
pub struct Pool {
    child: Child,
    pub address: SocketAddr,
}

impl Pool {
    pub fn start(url: &str) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut child =
            Command::new(this).args(["--pool", url]).stdout(Stdio::piped()).spawn().expect("the program with a pool");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).expect("a line");
        Self { child, address: line.trim().parse().expect("an address") }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, FromRef)]
struct Shop {
    receiver: Receiver,
    pool: Arc<Connections>,
}

struct Connections {
    free: Semaphore,
    idle: Mutex<Vec<(Client, Statement)>>,
}

/// Runs the receiver, and prints its address.
pub async fn serve(url: &str) {
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
        tokio::spawn(connection);
        let statement = client.prepare(STATEMENT).await.expect("a statement");
        idle.push((client, statement));
    }
    let receiver = Receiver::new(URL, [SECRET]).expect("a receiver");
    let pool = Arc::new(Connections { free: Semaphore::new(CONNECTIONS), idle: Mutex::new(idle) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let router = axum::Router::new().route("/shop", post(store)).with_state(Shop { receiver, pool });
    axum::serve(listener, router).await.expect("a server");
}

async fn store(State(pool): State<Arc<Connections>>, Verified { event, receipt }: Verified<Event>) -> StatusCode {
    let (name, body, received_at) = (event.name(), receipt.body.as_ref(), Timestamp::now().to_string());
    let date = receipt.headers.get("x-ms-date").and_then(|date| date.to_str().ok()).unwrap_or_default();
    let headers = serde_json::json!({ "x-ms-date": date }).to_string();
    let _free = pool.free.acquire().await.expect("a connection");
    let (client, statement) = pool.idle.lock().await.pop().expect("an idle connection");
    let values: [&(dyn ToSql + Sync); 5] = [&received_at, &name.as_str(), &receipt.idempotency_key, &body, &headers];
    let stored = client.query_one(&statement, &values).await;
    pool.idle.lock().await.push((client, statement));
    if stored.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
