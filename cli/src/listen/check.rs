//! Reports what a configuration does, without doing it.

use std::io::{self, Write as _};
use std::process::ExitCode;

use tokio::runtime::Runtime;

use super::forward::ForwardPlan;
use super::plan::{Once, Plan, RoutePlan};
use super::refused::RefusedSettings;
use super::sink::{Sink, open_existing};
use super::socket;
use crate::stop::{Stop, UNUSABLE};
use crate::verification;

pub fn run(plan: &Plan, forward: Option<&ForwardPlan>, runtime: &Runtime) -> Result<ExitCode, Stop> {
    forward.map_or(Ok(()), ForwardPlan::check)?;
    let mut usable = true;
    let mut opens = |address| match runtime.block_on(socket::check(address)) {
        Ok(()) => ".".to_owned(),
        Err(error) => {
            usable = false;
            format!(", which cannot be used: {error}")
        }
    };
    let mut text = format!("Listens on {}{}\n", plan.address, opens(&plan.address));
    text += &match &plan.admin {
        Some(admin) => format!("Health and metrics are at {admin}{}\n", opens(admin)),
        None => "Health and metrics are at the same address.\n".to_owned(),
    };
    text += "\nRoutes:\n";
    for route in &plan.routes {
        text += &line_of(route);
    }
    text += "\nSinks:\n";
    let mut state = |checked: io::Result<Vec<String>>| match checked {
        Ok(notes) => ("can be written".to_owned(), notes),
        Err(error) => {
            usable = false;
            (format!("cannot be used: {error}"), Vec::new())
        }
    };
    for sink in &plan.sinks {
        let (state, notes) = state(runtime.block_on(Sink::check(&sink.settings)));
        text += &format!("  {}: {}: {state}\n", sink.name, sink.settings);
        text.extend(notes.iter().map(|note| format!("    {note}\n")));
    }
    if let Some(RefusedSettings { path, per_minute, .. }) = &plan.refused {
        let (state, _) = state(open_existing(path).map(|_| Vec::new()));
        let path = path.display();
        text += &format!("\nRefused deliveries:\n  {path}, {per_minute} of each route per minute at most: {state}\n");
    }
    if let Some(forward) = forward {
        text += "\nForwards events:\n";
        text.extend(forward.lines().iter().map(|line| format!("  {line}\n")));
        text.extend(forward.warnings.iter().map(|warning| format!("    Note: {warning}\n")));
    }
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Stop::Output)?;
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::from(UNUSABLE) })
}

fn line_of(route: &RoutePlan) -> String {
    let registration = &route.registration;
    let (provider, event) = (registration.provider, registration.event.as_deref());
    let once = match route.once {
        Once::Key => "",
        Once::Body => ", an event without a key once by its body",
    };
    let strict = if route.strict { ", only payloads as specified" } else { "" };
    let mut line = format!("  {}: {} of {} to {}{once}{strict}\n", route.name, route.path, provider.name, route.sink);
    line += &format!("    {}\n", verification::proof(provider, event, None));
    for warning in &registration.warnings {
        line += &format!("    Note: {warning}\n");
    }
    line
}
