//! What a kill, a bad sector or a hand leaves in the spool's files.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, ensure};

use super::{
    WITHIN, judge, load,
    segment::{Frame, Segment},
    set_aside, setup,
};
use crate::chaos::{
    case::Case,
    driver::Driver,
    history::{Fate, History},
    rig::Rig,
    verdict::Verdict,
};

/// Answers wait for the store, then the gateway is killed. How many records were delivered or set aside: the last
/// sequence that was delivered, as long as none is set aside behind it.
async fn killed_with_answers(rig: &mut Rig, load: &Driver, answers: u64) -> anyhow::Result<u64> {
    load.acknowledges(50, WITHIN).await?;
    rig.store()?.kill();
    load.acknowledges(answers, WITHIN).await?;
    let server = &mut rig.gateway(0)?.server;
    let books = server.books().await?;
    server.kill();
    Ok(books.delivered + books.dead_lettered + books.set_aside)
}

async fn started_again(rig: &mut Rig) -> anyhow::Result<()> {
    rig.gateway(0)?.server.restart().await?;
    rig.store()?.restart().await
}

/// Of these people nobody knows any more what was stored: the case destroyed an acknowledged record of theirs.
fn excuse(history: &mut History, people: &BTreeSet<u32>) {
    let destroyed = history.people.iter_mut().filter(|(person, _)| people.contains(&person.number));
    for sent in destroyed.flat_map(|(_, sent)| sent) {
        if sent.fate.is_acknowledged() {
            sent.fate = Fate::Broken;
        }
    }
}

/// Judges after records were destroyed: so many are set aside, and nothing else is amiss.
async fn judge_destroyed(
    rig: &Rig,
    load: Driver,
    destroyed: u64,
    people: &BTreeSet<u32>,
) -> anyhow::Result<Verdict> {
    let mut history = load.stop().await?;
    excuse(&mut history, people);
    let mut verdict = rig.judge_history(&history).await?;
    let set_aside = set_aside(rig).await?;
    verdict.must(set_aside == destroyed, || format!("{destroyed} were destroyed, {set_aside} are set aside"));
    verdict.note(format!("{set_aside} destroyed and set aside, of {} people", people.len()));
    Ok(verdict)
}

/// Behind the last frame the beginning of another one, of any length: a commit that nobody was thanked for.
pub(crate) async fn torn_tail(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let (load, mut faults) = (load(&rig, &case)?, case.faults());
    let mut torn = Vec::new();
    for _ in 0..case.pick(4, 30) {
        killed_with_answers(&mut rig, &load, 30).await?;
        let data = rig.gateway(0)?.server.data.clone();
        let mut newest = Segment::all(&data)?.pop().context("no segment")?;
        let last = newest.frames.last().context("no frame")?.bytes.clone();
        let (end, room) = (newest.end(), newest.bytes.len() - newest.end());
        let length = 1 + faults.place((last.len() - 8).min(room.saturating_sub(1)));
        if length < room {
            newest.bytes.copy_within(last.start..last.start + length, end);
            newest.write()?;
            torn.push(length);
        }
        started_again(&mut rig).await?;
    }
    load.acknowledges(100, WITHIN).await?;
    let mut verdict = judge(&rig, load).await?;
    verdict.must(!torn.is_empty(), || "nothing was torn".to_owned());
    verdict.note(format!("torn after {torn:?} bytes"));
    Ok(verdict)
}

/// One bit flips in some frames that wait: these are set aside and counted, the others are delivered.
pub(crate) async fn flipped_bits(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let (load, mut faults) = (load(&rig, &case)?, case.faults());
    // By where they lie: a frame's sequence may be what flipped.
    let (mut people, mut flipped) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..case.pick(2, 10) {
        let delivered = killed_with_answers(&mut rig, &load, 150).await?;
        let data = rig.gateway(0)?.server.data.clone();
        for mut segment in Segment::all(&data)? {
            let waiting = |frame: &&Frame| {
                frame.sequence > delivered && !flipped.contains(&(segment.generation, frame.bytes.start))
            };
            let waiting: Vec<_> = segment.frames.iter().filter(waiting).cloned().collect();
            // Not the last: until the books say that it was durable, it may as well have been torn.
            let Some((_, but_the_last)) = waiting.split_last() else { continue };
            for frame in but_the_last.iter().step_by(7) {
                people.extend(segment.people([frame]));
                // Anywhere in the frame but in its padding.
                let byte = frame.bytes.start + faults.place(frame.bytes.len() - 8);
                let bit = faults.place(8);
                *segment.bytes.get_mut(byte).context("no such byte")? ^= 1 << bit;
                flipped.insert((segment.generation, frame.bytes.start));
            }
            segment.write()?;
        }
        started_again(&mut rig).await?;
        // What was destroyed lies behind the cursor before the next round looks for frames that wait.
        let appended = rig.gateway(0)?.server.books().await?.appended;
        rig.delivered_to(|books| books.appended - books.spooled >= appended).await?;
    }
    load.acknowledges(100, WITHIN).await?;
    ensure!(!flipped.is_empty(), "nothing was flipped");
    judge_destroyed(&rig, load, flipped.len() as u64, &people).await
}

/// A segment that waits is taken away: what was in it is counted, the others are delivered. Rounds may come faster than
/// the store, so that several gaps lie before the cursor.
pub(crate) async fn missing_segment(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().start(&case).await?;
    let (load, mut faults) = (load(&rig, &case)?, case.faults());
    let (mut people, mut destroyed) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..case.pick(1, 6) {
        let passed = killed_with_answers(&mut rig, &load, 700).await?;
        let delivered = cursor(passed, &destroyed);
        let data = rig.gateway(0)?.server.data.clone();
        let waits = |segment: &Segment| segment.frames.last().is_some_and(|last| last.sequence > delivered);
        let waiting: Vec<_> = Segment::all(&data)?.into_iter().filter(waits).collect();
        ensure!(waiting.len() > 1, "only {} segments wait", waiting.len());
        // Not the newest: what of it the books do not know yet cannot be missed.
        let missing = waiting.get(faults.place(waiting.len() - 1)).context("no segment waits")?;
        let gone = missing.frames.iter().filter(|frame| frame.sequence > delivered);
        destroyed.extend(gone.clone().map(|frame| frame.sequence));
        people.extend(missing.people(gone));
        fs::remove_file(&missing.path)?;
        started_again(&mut rig).await?;
        let log = rig.gateway(0)?.server.log();
        // More than one: those of earlier rounds still show among the kept ones.
        ensure!(
            log.contains("\"missing_segments\":") && !log.contains("\"missing_segments\":0"),
            "not reported:\n{log}"
        );
    }
    load.acknowledges(100, WITHIN).await?;
    judge_destroyed(&rig, load, destroyed.len() as u64, &people).await
}

/// The last sequence that was delivered, of so many delivered or set aside: what was destroyed ahead of it is set aside
/// from the next start on, not when delivery comes to it.
fn cursor(passed: u64, destroyed: &BTreeSet<u64>) -> u64 {
    destroyed.iter().rev().fold(passed, |cursor, sequence| cursor - u64::from(*sequence > cursor))
}

/// Segments are used again and again, with kills in between: no old frame comes back.
pub(crate) async fn recycled_segment(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = setup().set("spool.keep_delivered", "0 s").start(&case).await?;
    let (load, mut faults) = (load(&rig, &case)?, case.faults());
    for _ in 0..case.pick(4, 30) {
        load.acknowledges(case.pick(350, 500), WITHIN).await?;
        let server = &mut rig.gateway(0)?.server;
        server.kill();
        faults.pause(0, 100).await;
        server.restart().await?;
    }
    load.acknowledges(100, WITHIN).await?;
    let verdict = judge(&rig, load).await?;
    let data = rig.gateway(0)?.server.data.clone();
    judge_recycling(verdict, &data)
}

fn judge_recycling(mut verdict: Verdict, data: &std::path::Path) -> anyhow::Result<Verdict> {
    let newest = Segment::all(data)?.pop().context("no segment")?.generation;
    let names =
        fs::read_dir(data.join("spool"))?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let files = names.filter(|name| name.ends_with(".segment")).count();
    verdict.must(newest as usize > files, || format!("{newest} generations in {files} files"));
    verdict.note(format!("{newest} generations in {files} files"));
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_destroyed_ahead_of_the_cursor_does_not_move_it() {
        let destroyed = BTreeSet::from([3, 4, 8]);
        // Delivered or set aside when the cursor is at 0, 1, 2, 5, 6 and 9: 3, 4 and 8 are set aside all the time.
        let passed = [3, 4, 5, 6, 7, 9];
        // Nothing lies between 2 and 4, so either is as good.
        assert_eq!(passed.map(|passed| cursor(passed, &destroyed)), [0, 1, 4, 5, 6, 9]);
    }
}
