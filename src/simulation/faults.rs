//! What befalls a world: each part of it has a fate of its own, so that faults overlap.

use std::{sync::Arc, time::Duration};

use prost::Message as _;
use tokio::{task::JoinHandle, time::sleep};

use super::{
    dice::Dice,
    disk::DiskFaults,
    machine::Machine,
    network::Network,
    redis::{Conditions, Servers},
    store::StoreHost,
    world::{SKEW_US, World, no_claim},
};
use crate::{clock::Clock, proto::store::v1::Record};

/// Milliseconds that a death waits for something to interrupt.
const BUSY_LOOKS: u32 = 4_000;

/// Begins all of it; it ends when the world's time is over.
pub(super) fn begin(world: &World) -> Vec<JoinHandle<()>> {
    let mut fates = Vec::new();
    for machine in &world.machines {
        let dice = Dice::new(world.seed, &format!("machine {}", machine.index));
        let fate = machine_fate(Arc::clone(machine), dice.clone(), pace(&world.dice));
        fates.push(end_with(world, fate));
        let unfit = Arc::clone(&world.unfit);
        fates.push(end_with(world, unfit_records(Arc::clone(machine), dice, unfit)));
    }
    let dice = |name| Dice::new(world.seed, name);
    let gateways = world.machines.len();
    let network = network_fate(Arc::clone(&world.network), gateways, dice("cuts"), pace(&world.dice));
    fates.push(end_with(world, network));
    fates.push(end_with(world, clock_fate(world.clocks.clone(), gateways, dice("clocks"))));
    fates.push(end_with(world, store_fate(Arc::clone(&world.store), dice("kills"), pace(&world.dice))));
    if let Some(redis) = &world.redis {
        fates.push(end_with(world, replicate(Arc::clone(redis), dice("replica"))));
        let trace = world.trace.clone();
        let fate = redis_fate(Arc::clone(redis), gateways, dice("failovers"), pace(&world.dice), trace);
        fates.push(end_with(world, fate));
    }
    fates
}

/// Milliseconds between two strokes at the most; sometimes there are none at all.
fn pace(dice: &Dice) -> u64 {
    [2_000, 5_000, 12_000, 1_000_000_000][dice.place(4)]
}

fn end_with(world: &World, fate: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let over = world.over.clone();
    world.tasks.spawn(async move {
        over.run_until_cancelled(fate).await;
    })
}

async fn machine_fate(machine: Arc<Machine>, dice: Dice, pace_ms: u64) {
    loop {
        sleep(dice.millis(100..pace_ms)).await;
        match dice.place(10) {
            0 => machine.die(true),
            1 => machine.die(false),
            2 | 8 | 9 => die_busy(&machine, &dice).await,
            3 => machine.stop().await,
            4 => {
                let faults = DiskFaults { failing_syncs: dice.within(100..700), ..DiskFaults::default() };
                ail(&machine, &dice, faults).await;
            }
            5 => ail(&machine, &dice, DiskFaults { slow: true, ..DiskFaults::default() }).await,
            6 => ail(&machine, &dice, DiskFaults { full: true, ..DiskFaults::default() }).await,
            _ => {
                // Dies soon after it started, perhaps while it recovers.
                machine.die(true);
                let starting = machine.start();
                drop(tokio::time::timeout(dice.millis(0..20), starting).await);
                machine.die(true);
            }
        }
        while machine.process().is_none() {
            sleep(dice.millis(0..1_500)).await;
            machine.start().await;
        }
    }
}

/// Dies while it works on something: between claim and sync, between sync and thanks.
async fn die_busy(machine: &Machine, dice: &Dice) {
    let is_busy = || machine.process().is_some_and(|process| process.is_busy());
    for _ in 0..BUSY_LOOKS {
        if is_busy() {
            break;
        }
        sleep(Duration::from_millis(1)).await;
    }
    sleep(dice.millis(0..6)).await;
    machine.die(dice.permille(700));
}

async fn ail(machine: &Machine, dice: &Dice, faults: DiskFaults) {
    machine.trace.note(format!("disk {}: {faults:?}", machine.index));
    machine.platter.set(faults);
    sleep(dice.millis(50..3_000)).await;
    if dice.permille(300) {
        machine.die(true);
    }
    machine.platter.set(DiskFaults::default());
}

/// Now and then a record that the store refuses, as a newer gateway's might be.
async fn unfit_records(machine: Arc<Machine>, dice: Dice, count: Arc<std::sync::Mutex<Vec<u64>>>) {
    loop {
        sleep(dice.millis(500..8_000)).await;
        let Some(process) = machine.process() else { continue };
        let record =
            Record { survey: format!("of another world {}", dice.within(0..1 << 40)), ..Record::default() };
        let Ok(room) = process.spool.reserve(record.encoded_len()) else { continue };
        let _on_the_way = process.on_its_way();
        let appended = process.spool.append(room, no_claim(), record.encode_to_vec().into());
        if appended.await.is_ok() && machine.process().is_some_and(|now| Arc::ptr_eq(&now, &process)) {
            machine.trace.note(format!("gateway {} has a record that is unfit", machine.index));
            count.lock().unwrap()[machine.index] += 1;
        }
    }
}

async fn network_fate(network: Arc<Network>, gateways: usize, dice: Dice, pace_ms: u64) {
    loop {
        sleep(dice.millis(100..pace_ms)).await;
        let gateway = dice.place(gateways);
        if dice.permille(500) {
            network.cut(gateway);
            continue;
        }
        network.silence(gateway, true);
        sleep(dice.millis(100..9_000)).await;
        network.silence(gateway, false);
    }
}

async fn store_fate(store: Arc<tokio::sync::Mutex<StoreHost>>, dice: Dice, pace_ms: u64) {
    loop {
        sleep(dice.millis(100..pace_ms)).await;
        let mut store = store.lock().await;
        store.kill().await;
        sleep(dice.millis(0..6_000)).await;
        store.start();
    }
}

async fn replicate(redis: Arc<Servers>, dice: Dice) {
    loop {
        sleep(dice.millis(20..2_500)).await;
        redis.replicate();
    }
}

async fn redis_fate(
    redis: Arc<Servers>,
    gateways: usize,
    dice: Dice,
    pace_ms: u64,
    trace: super::trace::Trace,
) {
    loop {
        sleep(dice.millis(100..pace_ms)).await;
        let gateway = dice.place(gateways);
        let stroke = dice.place(10);
        trace.note(format!("redis stroke {stroke}"));
        let condition = match stroke {
            0 | 1 => {
                redis.fail_over();
                continue;
            }
            2 => {
                redis.restart_empty();
                continue;
            }
            3 | 4 => {
                redis.evict();
                continue;
            }
            5 => {
                redis.cut_gateway(gateway);
                continue;
            }
            6 => Conditions { frozen: true, ..Conditions::default() },
            7 => Conditions { away: true, ..Conditions::default() },
            8 => Conditions { full: true, ..Conditions::default() },
            _ => Conditions { slow: true, ..Conditions::default() },
        };
        redis.set(condition);
        sleep(dice.millis(30..4_000)).await;
        redis.set(Conditions::default());
    }
}

/// Time passes for all; each gateway's clock is set anew, forwards or backwards, within what the protocol allows.
async fn clock_fate(clocks: Vec<Clock>, gateways: usize, dice: Dice) {
    let mut offsets = vec![0_u64; gateways];
    loop {
        for (clock, offset) in clocks.iter().zip(&mut offsets) {
            let next = dice.within(0..2 * SKEW_US);
            clock.set_back(Duration::from_micros(*offset));
            clock.advance(Duration::from_micros(next));
            *offset = next;
        }
        sleep(dice.millis(1_000..15_000)).await;
        if dice.permille(300) {
            let passed = dice.millis(1_000..3 * 3_600_000);
            clocks.iter().for_each(|clock| clock.advance(passed));
        }
    }
}
