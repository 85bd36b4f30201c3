//! Generates the module `kiosk` from `specs/kiosk.yaml`.

fn main() {
    pos_webhooks_build::Builder::new().spec("specs/kiosk.yaml").run()
}
