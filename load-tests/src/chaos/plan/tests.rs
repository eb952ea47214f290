use std::collections::BTreeSet;

use super::*;

const LENGTH: usize = 5_000;

#[test]
fn the_same_seed_sends_the_same_submissions_and_another_seed_does_not() {
    let of = |seed| Plan::new(seed, &Way::ALL).take(LENGTH).collect::<Vec<_>>();
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}

#[test]
fn every_way_is_used_and_people_answer_once_twice_and_change_back() {
    let requests: Vec<_> = Plan::new(1, &Way::ALL).take(LENGTH).collect();
    let ways: BTreeSet<_> = requests.iter().map(|request| request.way).collect();
    assert_eq!(ways, BTreeSet::from(Way::ALL));
    let mut stories = BTreeMap::<Person, Vec<Answer>>::new();
    for step in requests.iter().flat_map(|request| &request.steps) {
        let story = stories.entry(step.person).or_default();
        assert_eq!(step.ordinal as usize, story.len(), "a person's steps are in order");
        story.push(step.answer);
    }
    assert!(stories.values().any(|story| story.len() == 1));
    assert!(stories.values().any(|story| matches!(story[..], [one, two] if one == two)));
    assert!(
        stories.values().any(|story| matches!(story[..], [one, two, three] if one == three && one != two))
    );
    let proofs: BTreeSet<_> = stories.keys().map(|person| person.proof).collect();
    assert_eq!(proofs.len(), 3);
}

#[test]
fn nobody_comes_a_way_that_does_not_prove_who_they_are() {
    for request in Plan::new(2, &Way::ALL).take(LENGTH) {
        assert!(request.steps.iter().all(|step| request.way.proves(step.person.proof)), "{request:?}");
        assert!(request.steps.len() == 1 || request.way.takes_many());
    }
}

#[test]
fn a_plan_of_one_way_goes_only_that_way() {
    for way in Way::ALL {
        assert!(Plan::new(3, &[way]).take(500).all(|request| request.way == way));
    }
}
