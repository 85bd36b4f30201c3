//! Compares the time of a cold build of a user's crate, and the size of a receiver, with those of an earlier commit.
//!
//! `cargo bench --bench cold_build`; it needs the git history, takes about fifteen minutes, and removes what it builds. Both commits are
//! built in turn, twice, without the network once their dependencies are fetched.

mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use table::Table;

/// The last commit before the work on the speed of builds.
const EARLIER: &str = "760ad92";

fn main() -> ExitCode {
    let mut table = Table::new();
    if !table::is_measured() {
        return table.end();
    }
    let now = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cold-build");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let earlier = folder.join("earlier");
    let mut worktree = Command::new("git");
    let worktree = worktree.current_dir(&now).args(["worktree", "add", "--quiet", "--force", "--detach"]);
    if !worktree.arg(&earlier).arg(EARLIER).status().is_ok_and(|status| status.success()) {
        table.skipped("cold builds", "it needs the git history");
        return table.end();
    }
    for (work, features, goal, limit) in [
        ("cold build of a crate with `vipps`, `client`, `rustls`", &["vipps", "client", "rustls"][..], 0.6, 0.75),
        ("cold build of a crate that only receives (`vipps`)", &["vipps"], 0.75, 0.85),
    ] {
        let crates = [&now, &earlier].map(|library| {
            let crate_folder = folder.join(if library == &earlier { "user-earlier" } else { "user-now" });
            write_crate(&crate_folder, library, features);
            crate_folder
        });
        let mut best = [f64::INFINITY; 2];
        for _ in 0..2 {
            for (crate_folder, best) in crates.iter().zip(&mut best) {
                *best = best.min(cold_build(crate_folder));
            }
        }
        table.row(work, goal, limit, best.into(), "s", "the commit before this work");
    }
    let sizes = [&now, &earlier].map(|library| size(library, &folder.join("receiver")));
    table.row("size of `examples/axum.rs`, stripped", 0.8, 0.85, sizes.into(), "MB", "the commit before this work");
    let mut remove = Command::new("git");
    let _ = remove.current_dir(&now).args(["worktree", "remove", "--force"]).arg(&earlier).status();
    let _ = fs::remove_dir_all(&folder);
    table.end()
}

fn write_crate(folder: &Path, library: &Path, features: &[&str]) {
    let manifest = format!(
        "[package]\nname = \"user\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         pos-webhooks = {{ path = {library:?}, default-features = false, features = {features:?} }}\n"
    );
    fs::create_dir_all(folder.join("src")).expect("a folder");
    fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    fs::copy(library.join("Cargo.lock"), folder.join("Cargo.lock")).expect("a lock file");
    let main = "fn main() {\n    println!(\"{}\", pos_webhooks::vipps::PROVIDER.name);\n}\n";
    fs::write(folder.join("src/main.rs"), main).expect("a program");
    cargo(folder, &["fetch"]);
}

/// Seconds.
fn cold_build(folder: &Path) -> f64 {
    let _ = fs::remove_dir_all(folder.join("target"));
    let start = Instant::now();
    cargo(folder, &["build", "--offline", "--target-dir", "target"]);
    let seconds = start.elapsed().as_secs_f64();
    let _ = fs::remove_dir_all(folder.join("target"));
    seconds
}

/// Megabytes of the example in a crate of its own, which does not compile what only the tests need.
fn size(library: &Path, folder: &Path) -> f64 {
    // The earlier library may not have the feature, and its example does not need it then.
    let has_axum = library.join("src/axum.rs").exists();
    write_crate(folder, library, if has_axum { &["axum", "vipps"] } else { &["vipps"] });
    let manifest = folder.join("Cargo.toml");
    let more = "axum = { version = \"0.8\", default-features = false, features = [\"http1\", \"macros\", \"tokio\"] }\n\
                tokio = { version = \"1\", features = [\"macros\", \"net\", \"rt-multi-thread\"] }\n";
    let before = fs::read_to_string(&manifest).expect("the manifest");
    fs::write(manifest, before + more).expect("the manifest");
    fs::copy(library.join("examples/axum.rs"), folder.join("src/main.rs")).expect("the example");
    cargo(folder, &["build", "--release", "--target-dir", "target"]);
    let size = fs::metadata(folder.join("target/release/user")).expect("a program").len();
    let _ = fs::remove_dir_all(folder);
    size as f64 / 1e6
}

fn cargo(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    // What this benchmark was built with must not change what it builds.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_")) {
        if name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    // A cache of compiled crates would make the second build warm.
    command.env_remove("RUSTC_WRAPPER").env_remove("RUSTC_WORKSPACE_WRAPPER");
    command.env("CARGO_PROFILE_RELEASE_STRIP", "symbols").stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.current_dir(folder).args(arguments).status().expect("cargo");
    assert!(status.success(), "cargo {} fails in {}", arguments.join(" "), folder.display());
}
