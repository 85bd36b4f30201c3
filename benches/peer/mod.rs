//! Runs the programs of `benches/peers/`, where what they need is installed.

#![allow(dead_code, reason = "no benchmark needs all of it")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A program for Node or Python.
pub struct Peer {
    program: &'static str,
    script: &'static str,
    /// What has to be installed.
    needs: &'static str,
}

pub const NODE_RECEIVE: Peer = Peer { program: "node", script: "receive.mjs", needs: "Node 18 or later" };
pub const PYTHON_RECEIVE: Peer =
    Peer { program: "python3", script: "receive.py", needs: "Python 3.9 or later with pydantic 2" };
pub const AJV_VALIDATE: Peer =
    Peer { program: "node", script: "validate.mjs", needs: "`npm install --prefix benches/peers`" };

impl Peer {
    /// The number that the program prints, or why it does not run here.
    pub fn run(&self, input: &str) -> Result<f64, String> {
        let needed = || format!("it needs {}", self.needs);
        // The benchmarks of the command line are in a folder of the same workspace.
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = [root.join("benches/peers"), root.join("../benches/peers")].into_iter().find(|it| it.exists());
        let script = script.ok_or("the programs to compare with are not here")?.join(self.script);
        let mut command = Command::new(self.program);
        let command = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|_| needed())?;
        // A program that ends at once does not read its input.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout);
        printed.trim().parse().map_err(|_| needed())
    }
}
