//! PostgreSQL servers of a test's own, each in a folder of its own, which are reached by a socket in that folder only.

#![allow(dead_code)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The user of the server, who may do everything.
pub const USER: &str = "shop";

pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    options: String,
}

impl Cluster {
    /// Starts a server. `None` if PostgreSQL is not installed, unless the environment says that it must be.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            let required = std::env::var_os("POS_WEBHOOKS_REQUIRE_SERVERS").is_some();
            assert!(!required, "PostgreSQL is not installed, but POS_WEBHOOKS_REQUIRE_SERVERS requires it");
            eprintln!("SKIPPED: PostgreSQL is not installed, so nothing was tested");
            return None;
        };
        let cluster = Self::new(programs, settings);
        let data = cluster.data();
        let user = format!("--username={USER}");
        let common = ["--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"];
        cluster.run("initdb", &[&["--pgdata", &data, &user], &common[..]].concat());
        cluster.start_again();
        Some(cluster)
    }

    fn new(programs: PathBuf, settings: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("pos-webhooks-postgres-{}-{number}", std::process::id()));
        // An earlier process with this id may have been killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        // PostgreSQL does not run as root.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let mut options = format!("-c listen_addresses= -c unix_socket_directories={}", folder.display());
        settings.iter().for_each(|setting| options += &format!(" -c {setting}"));
        Self { programs, folder, options }
    }

    /// A server that follows this one under this name.
    pub fn standby(&self, name: &str) -> Self {
        let standby = Self::new(self.programs.clone(), &["hot_standby=on"]);
        standby.follow(self, name);
        standby
    }

    /// Makes a server that is not running the standby of another one, in place of what it had.
    pub fn follow(&self, primary: &Self, name: &str) {
        let _ = fs::remove_dir_all(self.folder.join("data"));
        let source = format!("host={} user={USER} application_name={name}", primary.folder());
        let data = self.data();
        let arguments =
            ["--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--pgdata", &data, "--dbname", &source];
        self.run("pg_basebackup", &arguments);
        self.start_again();
    }

    /// Makes commits wait for the standby.
    pub fn name_standby(&self) {
        self.sql("postgres", "alter system set synchronous_standby_names = '*'");
        self.sql("postgres", "select pg_reload_conf()");
        let state = "select string_agg(sync_state, ' ') from pg_stat_replication";
        while self.sql("postgres", state) != "sync" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Starts the server once it has stopped. The first attempts after a kill can fail.
    pub fn start_again(&self) {
        let (data, log) = (self.data(), self.folder.join("log").display().to_string());
        let arguments = ["start", "--wait", "--silent", "--pgdata", &data, "--log", &log, "--options", &self.options];
        for _ in 0..50 {
            if self.command("pg_ctl", &arguments).stderr(Stdio::null()).status().unwrap().success() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{}", fs::read_to_string(self.folder.join("log")).unwrap_or_default());
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        self.run("pg_ctl", &["promote", "--wait", "--silent", "--pgdata", &self.data()]);
    }

    /// Ends the server by SIGKILL, with all its processes.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Sends a signal to all processes of the server.
    pub fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        // The first one starts no more processes then.
        let command = format!("kill -STOP {pid}; kill -{signal} $(pgrep -P {pid}) {pid}");
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// The result of a statement, a row on each line.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, USER, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub fn try_sql(&self, database: &str, user: &str, sql: &str) -> Result<String, String> {
        let folder = self.folder();
        let arguments = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", &folder, "-U", user, "-d", database];
        let mut command = Command::new(self.programs.join("psql"));
        let output = command.args(arguments).args(["-c", sql]).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Adds a line to the configuration of who may connect.
    pub fn allow(&self, line: &str) {
        let file = self.folder.join("data/pg_hba.conf");
        let allowed = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{line}\n{allowed}")).unwrap();
    }

    /// What the server has reported.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// The folder of the server's socket.
    pub fn folder(&self) -> String {
        self.folder.display().to_string()
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    /// Runs a program as the user of the server, in the folder of its data.
    pub fn run(&self, program: &str, arguments: &[&str]) {
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
        let data = self.folder.join("data");
        command.current_dir(if data.exists() { &data } else { &self.folder });
        command.args(arguments).stdout(Stdio::null());
        command
    }
}

fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = versions.map(|version| version.unwrap().path().join("bin"));
    programs.filter(|programs| programs.join("postgres").exists()).max()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl", &["stop", "--wait", "--mode=immediate", "--pgdata", &self.data()]);
        let _ = stop.stderr(Stdio::null()).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
