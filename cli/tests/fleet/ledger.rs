//! What was sent, acknowledged and stored.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::events::{Hash, body, hash};

pub struct Ledger {
    seed: u64,
    sent: AtomicU64,
    acknowledged: Mutex<Acknowledged>,
}

struct Acknowledged {
    numbers: Vec<u64>,
    last: Instant,
    longest_pause: Duration,
}

impl Ledger {
    pub fn new(seed: u64) -> Self {
        let acknowledged = Acknowledged { numbers: Vec::new(), last: Instant::now(), longest_pause: Duration::ZERO };
        Self { seed, sent: AtomicU64::new(0), acknowledged: Mutex::new(acknowledged) }
    }

    /// The number and the body of the next event.
    pub fn next(&self) -> (u64, Vec<u8>) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        (number, body(self.seed, number))
    }

    pub fn acknowledge(&self, number: u64) {
        let mut acknowledged = self.acknowledged.lock().unwrap();
        let pause = acknowledged.last.elapsed();
        acknowledged.longest_pause = acknowledged.longest_pause.max(pause);
        acknowledged.last = Instant::now();
        acknowledged.numbers.push(number);
    }

    /// How many events were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().numbers.len()
    }

    /// Compares what is stored with what was sent.
    pub fn compare(&self, stored: &[Hash]) -> Findings {
        let sent = self.sent.load(Ordering::Relaxed);
        let numbers: HashMap<Hash, u64> = (0..sent).map(|number| (hash(&body(self.seed, number)), number)).collect();
        let mut times = HashMap::<u64, usize>::new();
        let mut never_sent = 0;
        for body in stored {
            match numbers.get(body) {
                Some(number) => *times.entry(*number).or_default() += 1,
                None => never_sent += 1,
            }
        }
        let acknowledged = self.acknowledged.lock().unwrap();
        Findings {
            sent,
            acknowledged: acknowledged.numbers.len(),
            stored: stored.len(),
            longest_pause: acknowledged.longest_pause,
            lost: acknowledged.numbers.iter().copied().filter(|number| !times.contains_key(number)).collect(),
            twice: times.into_iter().filter(|(_, times)| *times > 1).map(|(number, _)| number).collect(),
            never_sent,
        }
    }
}

pub struct Findings {
    pub sent: u64,
    pub acknowledged: usize,
    pub stored: usize,
    /// The longest time without an acknowledgement.
    pub longest_pause: Duration,
    /// Events that were acknowledged, and are not stored with these bytes.
    pub lost: Vec<u64>,
    pub twice: Vec<u64>,
    /// How many stored bodies are not one of those that were sent.
    pub never_sent: usize,
}
