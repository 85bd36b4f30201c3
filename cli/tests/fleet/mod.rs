//! Three processes of `listen` behind one address, providers that send each event until it is acknowledged, and failures of
//! everything between them.

mod events;
mod ledger;
mod nats;
mod postgres;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use http::StatusCode;
use rustix::process::Signal;

pub use self::events::{Hash, hash};
use self::ledger::{Findings, Ledger};
pub use self::nats::{NatsCluster, NatsServer};
pub use self::postgres::{Replicated, Single};
use crate::balancer::{Balancer, Fault, TWICE};
use crate::listener::*;

const MEMBERS: usize = 3;
const SENDERS: usize = 48;

/// One in so many events reaches two members at the same moment.
const DOUBLED: u64 = 10;

/// How long a provider waits for an answer. The sinks may take longer, and then store an event that is sent again.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// How long it may take until an event is acknowledged, whatever fails.
const DEADLINE: Duration = Duration::from_secs(120);

/// The longest time between two events of a sender, in milliseconds. The tests share the machine with others.
const PACE: u64 = 60;

/// The servers behind a sink.
pub trait Servers: Send {
    /// The folder of the configuration.
    fn folder(&self) -> &Folder;

    /// The configuration of a route `/shop`.
    fn configuration(&self) -> String;

    /// Kills a server, and lets it come back after this time, unless another one takes its place.
    fn kill(&mut self, fleet: &Fleet, pause: Duration);

    /// Stops a server for this time.
    fn stop(&mut self, fleet: &Fleet, pause: Duration);

    /// The bodies that are stored.
    fn stored(&self) -> Vec<Hash>;
}

pub struct Fleet {
    members: Vec<Mutex<Option<Listener>>>,
    configuration: String,
    /// The logs of the members that have ended.
    ended: Mutex<Vec<String>>,
    balancer: Balancer,
    ledger: Ledger,
    over: AtomicBool,
    failed: AtomicBool,
    pub kills: AtomicUsize,
    pub stops: AtomicUsize,
    /// How often another server has taken the place of a lost one.
    pub promotions: AtomicUsize,
}

/// Reports a panic of its thread to the others.
struct Watched<'a>(&'a Fleet);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
            self.0.over.store(true, Ordering::Relaxed);
        }
    }
}

/// What happens to the members, and on the way to them.
#[derive(Clone, Copy)]
enum Disturbance {
    Kill,
    Stop,
    Network(Fault),
}

/// What happens to the servers.
#[derive(Clone, Copy)]
enum Failure {
    Kill,
    Stop,
}

/// Sends events while everything fails, and compares what is stored with what was sent. Each failure happens at least once;
/// `POS_WEBHOOKS_FLEET_SECONDS` is for how long they go on, and `POS_WEBHOOKS_FLEET_SEED` chooses them.
pub fn run(name: &str, servers: Option<impl Servers>) {
    let Some(mut servers) = servers else { return };
    let variable = |name: &str| {
        let value = std::env::var(format!("POS_WEBHOOKS_FLEET_{name}")).ok()?;
        Some(value.parse::<u64>().unwrap_or_else(|_| panic!("POS_WEBHOOKS_FLEET_{name} is not a number: {value}")))
    };
    let seed = variable("SEED").unwrap_or_else(|| fastrand::u32(..).into());
    println!("{name}: POS_WEBHOOKS_FLEET_SEED={seed}");
    // Events without a key are recognised as well.
    let configuration = servers.configuration().replacen("[routes.shop]\n", "[routes.shop]\nonce = \"body\"\n", 1);
    let fleet = Fleet::start(seed, servers.folder(), &configuration);
    let since = Instant::now();
    let end = since + Duration::from_secs(variable("SECONDS").unwrap_or(0));
    let mut random = Rng::with_seed(seed);
    thread::scope(|scope| {
        let fleet = &fleet;
        for _ in 0..SENDERS {
            let random = random.fork();
            scope.spawn(move || fleet.send(random));
        }
        let of_members = random.fork();
        let members = scope.spawn(move || {
            use Disturbance::{Kill, Network, Stop};
            use Fault::{Abort, LoseAnswer, Refuse, Swallow};
            let all = [Kill, Stop, Network(Refuse), Network(Swallow), Network(Abort), Network(LoseAnswer)];
            fleet.rounds(all, end, of_members, |what, random| fleet.disturb(what, random));
        });
        fleet.rounds([Failure::Kill, Failure::Stop], end, random, |failure, random| match failure {
            Failure::Kill => servers.kill(fleet, pause(random)),
            Failure::Stop => servers.stop(fleet, pause(random)),
        });
        members.join().unwrap();
        fleet.over.store(true, Ordering::Relaxed);
    });
    let lasted = since.elapsed();
    fleet.end();
    let Findings { sent, acknowledged, stored, longest_pause, lost, twice, never_sent } =
        fleet.ledger.compare(&servers.stored());
    let duplicates = fleet.logged("the event was written before");
    let [kills, stops, promotions] =
        [&fleet.kills, &fleet.stops, &fleet.promotions].map(|count| count.load(Ordering::Relaxed));
    let (cuts, seconds, pause) = (fleet.balancer.faults(), lasted.as_secs(), longest_pause.as_secs_f64());
    println!(
        "fleet: {name}: seed {seed}, {seconds} s: sent {sent}, acknowledged {acknowledged}, stored {stored}, \
         duplicates {duplicates}, kills {kills}, stops {stops}, promotions {promotions}, cuts {cuts}, \
         longest pause {pause:.1} s, lost {}, twice {}, never sent {never_sent}",
        lost.len(),
        twice.len()
    );
    assert!(lost.is_empty(), "acknowledged, but not stored: {lost:?}");
    assert!(twice.is_empty(), "stored more than once: {twice:?}");
    assert_eq!(never_sent, 0, "stored, but never sent");
    assert!(duplicates > 0, "no event was delivered twice");
}

/// How long something stands still: mostly for less than the time limits of `listen`, and sometimes for longer.
fn pause(random: &mut Rng) -> Duration {
    Duration::from_millis(if random.u8(..8) == 0 { 5_000 } else { random.u64(200..1_500) })
}

impl Fleet {
    fn start(seed: u64, folder: &Folder, configuration: &str) -> Self {
        let members: Vec<_> = (0..MEMBERS).map(|_| Listener::configured(folder, configuration)).collect();
        Self {
            balancer: Balancer::start(members.iter().map(|member| member.address)),
            members: members.into_iter().map(|member| Mutex::new(Some(member))).collect(),
            configuration: folder.file("listen.toml"),
            ended: Mutex::default(),
            ledger: Ledger::new(seed),
            over: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            kills: AtomicUsize::new(0),
            stops: AtomicUsize::new(0),
            promotions: AtomicUsize::new(0),
        }
    }

    /// Sends events until the end, each until it is acknowledged.
    fn send(&self, mut random: Rng) {
        let _watched = Watched(self);
        while !self.over.load(Ordering::Relaxed) {
            let (number, body) = self.ledger.next();
            let since = Instant::now();
            while !self.deliver(&body, number.is_multiple_of(DOUBLED)) {
                if self.failed.load(Ordering::Relaxed) {
                    return;
                }
                assert!(since.elapsed() < DEADLINE, "event {number} is never acknowledged");
                thread::sleep(Duration::from_millis(random.u64(5..50)));
            }
            self.ledger.acknowledge(number);
            thread::sleep(Duration::from_millis(random.u64(..PACE)));
        }
    }

    /// Delivers an event once. Returns whether it was acknowledged.
    fn deliver(&self, body: &[u8], is_doubled: bool) -> bool {
        let mut headers = signed(body);
        if is_doubled {
            headers.push((TWICE, "yes".to_owned()));
        }
        // Without an answer, or with an answer that is too late, the event may be stored or not.
        let answer = post_within(PATIENCE, self.balancer.address, "/shop", &headers, body);
        answer.is_ok_and(|answer| {
            let status = answer.status();
            // There are providers that do not send an event again after any other status.
            assert!(matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE), "{status}");
            status == StatusCode::OK
        })
    }

    /// Repeats failures in random order until the end, and waits after each of them until events are acknowledged again.
    fn rounds<T: Copy>(
        &self,
        mut all: impl AsMut<[T]>,
        end: Instant,
        mut random: Rng,
        mut cause: impl FnMut(T, &mut Rng),
    ) {
        let _watched = Watched(self);
        let mut is_first = true;
        while is_first || Instant::now() < end {
            random.shuffle(all.as_mut());
            for what in all.as_mut() {
                if self.failed.load(Ordering::Relaxed) || (!is_first && Instant::now() >= end) {
                    return;
                }
                cause(*what, &mut random);
                self.progress();
            }
            is_first = false;
        }
    }

    /// Waits until events are acknowledged again.
    pub fn progress(&self) {
        let goal = self.ledger.acknowledged() + 4 * SENDERS;
        until("events are acknowledged again", || self.ledger.acknowledged() >= goal);
    }

    fn disturb(&self, what: Disturbance, random: &mut Rng) {
        let number = random.usize(..MEMBERS);
        match what {
            Disturbance::Kill => self.replace(number),
            Disturbance::Stop => {
                self.signal(number, Signal::STOP);
                thread::sleep(pause(random));
                self.signal(number, Signal::CONT);
                self.stops.fetch_add(1, Ordering::Relaxed);
            }
            Disturbance::Network(fault) => {
                let enough = self.balancer.faults() + random.usize(10..40);
                self.balancer.set_fault(Some(fault));
                until("connections fail", || self.balancer.faults() >= enough);
                self.balancer.set_fault(None);
            }
        }
    }

    fn signal(&self, number: usize, signal: Signal) {
        let member = self.members[number].lock().unwrap();
        member.as_ref().unwrap().signal(signal);
    }

    /// Ends a member by SIGKILL, and starts it again as an init system does.
    fn replace(&self, number: usize) {
        let killed = self.members[number].lock().unwrap().take().unwrap();
        self.ended.lock().unwrap().push(killed.kill());
        self.kills.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["listen", "--config", &self.configuration]);
        // Deliveries go on to the old address until another member listens. It does not start without a server that it can use.
        until("a member starts", || match Listener::attempt(&mut command) {
            Ok((member, _)) => {
                self.balancer.set(number, member.address);
                *self.members[number].lock().unwrap() = Some(member);
                true
            }
            Err(why) => {
                self.ended.lock().unwrap().push(why);
                false
            }
        });
    }

    /// How often the members have logged this.
    pub fn logged(&self, text: &str) -> usize {
        let count = |log: &str| log.matches(text).count();
        let ended: usize = self.ended.lock().unwrap().iter().map(|log| count(log)).sum();
        let running = self.members.iter().map(|member| {
            let member = member.lock().unwrap();
            member.as_ref().map_or(0, |member| count(&member.log.lock().unwrap()))
        });
        ended + running.sum::<usize>()
    }

    /// Ends the members as an init system does, so that nothing is stored any more.
    fn end(&self) {
        for member in &self.members {
            let log = member.lock().unwrap().take().unwrap().end();
            self.ended.lock().unwrap().push(log);
        }
    }
}
