//! The example for PostgreSQL books a payment once, also if it is delivered several times at the same moment. The database is
//! one of the test's own; without PostgreSQL's programs, the test only says so.

#![cfg(all(unix, feature = "axum", feature = "vipps"))]

mod http;
#[allow(dead_code, reason = "the example's main")]
#[path = "../examples/postgres.rs"]
mod postgres_example;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;

use pos_webhooks::verify::Timestamp;
use pos_webhooks::vipps;
use tokio::sync::Mutex;

const URL: &str = "https://shop.example/hooks/vipps";

/// A cluster in a folder of its own, which is reached by a socket in that folder only.
struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
}

impl Cluster {
    /// `None` if PostgreSQL is not installed.
    fn start() -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let programs = versions.map(|version| version.unwrap().path().join("bin"));
        let programs = programs.filter(|programs| programs.join("postgres").exists()).max()?;
        let folder = std::env::temp_dir().join(format!("pos-webhooks-postgres-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // PostgreSQL does not run as root.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let cluster = Self { programs, folder };
        let data = cluster.data();
        cluster.run("initdb", &["--pgdata", &data, "--auth=trust", "--username=shop", "--no-sync"]);
        let options = format!("-F -c listen_addresses= -c unix_socket_directories={}", cluster.folder.display());
        let log = cluster.folder.join("log").display().to_string();
        cluster.run("pg_ctl", &["start", "--wait", "--pgdata", &data, "--log", &log, "--options", &options]);
        Some(cluster)
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn url(&self) -> String {
        format!("host={} user=shop dbname=postgres", self.folder.display())
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = self.command(program, arguments);
        assert!(command.status().unwrap().success(), "{command:?}");
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.programs.join(program);
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let mut command = if is_root {
            let mut command = Command::new("runuser");
            command.args(["--user", "nobody", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(&self.folder).stdout(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl", &["stop", "--wait", "--mode=immediate", "--pgdata", &self.data()]).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_payment_is_booked_once() {
    let Some(cluster) = Cluster::start() else {
        eprintln!("SKIPPED: PostgreSQL is not installed, so nothing was tested");
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(postgres_example::connect(&cluster.url())).unwrap();
    let query = |query: &str| -> Vec<i64> {
        runtime.block_on(database.query(query, &[])).unwrap().iter().map(|row| row.get(0)).collect()
    };
    // Each server has a connection of its own, as several processes of one shop have.
    let addresses: Vec<_> = (0..8)
        .map(|_| {
            let url = cluster.url();
            http::serve(|| async move {
                let receiver = vipps::Receiver::new(URL, ["secret"]).unwrap();
                let database = Arc::new(Mutex::new(postgres_example::connect(&url).await.unwrap()));
                postgres_example::router(postgres_example::Shop { receiver, database })
            })
        })
        .collect();
    let sign = |body: &str| vipps::sign(URL, &"secret".into(), body.as_bytes(), Timestamp::now()).unwrap();
    let deliver = |body: &str| http::post(addresses[0], "/hooks/vipps", &sign(body), body.as_bytes());
    let example = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;

    let (together, headers) = (Barrier::new(addresses.len()), sign(example));
    let at_once = |address| {
        together.wait();
        http::post(address, "/hooks/vipps", &headers, example.as_bytes())
    };
    thread::scope(|scope| {
        let deliveries: Vec<_> = addresses.iter().map(|&address| scope.spawn(move || at_once(address))).collect();
        for delivery in deliveries {
            assert_eq!(delivery.join().unwrap(), (200, String::new()));
        }
    });
    assert_eq!(deliver(example), (200, String::new()), "delivered again later");
    assert_eq!(query("SELECT minor_units FROM bookings"), [100]);
    assert_eq!(query("SELECT count(*) FROM deliveries"), [1]);

    // Neither a payload that cannot be decoded nor an unknown event is lost, and they have no key.
    for body in ["[", "[", r#"{"new": 2.50}"#] {
        assert_eq!(deliver(body), (200, String::new()), "{body}");
    }
    assert_eq!(query("SELECT count(*) FROM deliveries WHERE undecodable AND key IS NULL"), [2]);
    assert_eq!(query("SELECT count(*) FROM deliveries"), [4]);

    assert_eq!(http::post(addresses[0], "/hooks/vipps", &headers, b"{}"), (401, String::new()));
    assert_eq!(query("SELECT count(*) FROM deliveries"), [4]);

    // What cannot be booked is not stored either, and is delivered again.
    let another = example.replace("4b2cde7acc0e4eaf86d32616d14e0cd1", "another");
    runtime.block_on(database.batch_execute("ALTER TABLE bookings RENAME TO away")).unwrap();
    assert_eq!(deliver(&another), (503, String::new()));
    assert_eq!(query("SELECT count(*) FROM deliveries"), [4]);
    runtime.block_on(database.batch_execute("ALTER TABLE away RENAME TO bookings")).unwrap();
    assert_eq!(deliver(&another), (200, String::new()));
    assert_eq!(query("SELECT minor_units FROM bookings"), [100, 100]);
}
