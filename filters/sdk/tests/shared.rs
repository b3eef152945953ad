//! The table that workers share: what it keeps, what it forgets, and what happens when workers meet in it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::thread;
use std::time::Duration;

use lateen_sdk::fake::{FakeHost, SharedData};
use lateen_sdk::{Eviction, Inserted, SharedTable, Status, LONGEST_ENTRY, WAYS};
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const START: u64 = 1_700_000_000_000_000_000;

fn table(slots: u32, eviction: Eviction) -> SharedTable {
    SharedTable::new("test", 1, slots, eviction)
}

fn host() -> FakeHost {
    worker(&SharedData::default())
}

fn worker(shared: &SharedData) -> FakeHost {
    let host = FakeHost { shared: SharedData::clone(shared), ..FakeHost::default() };
    host.now.set(START);
    host
}

fn pass(host: &FakeHost, time: Duration) {
    host.now.set(host.now.get() + nanoseconds(time));
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_secs() * 1_000_000_000 + u64::from(time.subsec_nanos())
}

#[test]
fn what_is_put_is_there_until_it_expires() {
    let (table, host) = (table(4, Eviction::FirstToExpire), host());
    assert_eq!(table.get(&host, b"key").unwrap(), None);
    assert!(table.put(&host, b"key", b"value", SECOND).unwrap());
    pass(&host, SECOND - Duration::from_nanos(1));
    assert_eq!(table.get(&host, b"key").unwrap().unwrap(), b"value");
    pass(&host, Duration::from_nanos(1));
    assert_eq!(table.get(&host, b"key").unwrap(), None);
}

#[test]
fn a_value_that_is_put_again_is_replaced_with_its_expiry() {
    let (table, host) = (table(1, Eviction::Never), host());
    for value in [b"1", b"2"] {
        assert!(table.put(&host, b"key", value, SECOND).unwrap());
        pass(&host, SECOND / 2);
    }
    assert_eq!(table.get(&host, b"key").unwrap().unwrap(), b"2");
}

/// Envoy keeps the data when a module is replaced: what was remembered under the hash of the standard library must be
/// found by a module without it.
#[test]
fn a_key_has_the_slot_that_the_standard_hash_gives_it() {
    let (table, host) = (table(1024, Eviction::Never), host());
    for size in 0..40 {
        let key = vec![7; size];
        assert!(table.put(&host, &key, b"", SECOND).unwrap());
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(START);
        hasher.write(&key);
        let slot = format!("test/{}", hasher.finish() % 1024);
        assert!(host.shared.lock().unwrap().contains_key(&slot), "{size} bytes");
    }
}

#[test]
fn keys_that_share_a_slot_are_told_apart() {
    let (table, host) = (table(1, Eviction::Never), host());
    table.put(&host, b"ab", b"c", SECOND).unwrap();
    table.put(&host, b"a", b"bc", SECOND).unwrap();
    assert_eq!(table.get(&host, b"ab").unwrap().unwrap(), b"c");
    assert_eq!(table.get(&host, b"a").unwrap().unwrap(), b"bc");
    assert_eq!(table.get(&host, b"").unwrap(), None);
}

#[test]
fn a_full_slot_loses_the_entry_that_expires_first() {
    let (table, host) = (table(1, Eviction::FirstToExpire), host());
    for n in 1..=u8::try_from(WAYS).unwrap() {
        // The second to come is the first to go.
        let lifetime = if n == 2 { SECOND } else { 10 * SECOND };
        assert!(table.put(&host, &[n], b"", lifetime).unwrap());
    }
    assert!(table.put(&host, b"new", b"", SECOND).unwrap());
    assert_eq!(table.get(&host, &[2]).unwrap(), None);
    assert!(table.get(&host, &[1]).unwrap().is_some());
    assert!(table.get(&host, b"new").unwrap().is_some());
}

#[test]
fn what_must_not_be_forgotten_keeps_its_place_until_it_expires() {
    let (table, host) = (table(1, Eviction::Never), host());
    for n in 1..=u8::try_from(WAYS).unwrap() {
        assert_eq!(table.insert(&host, &[n], b"", SECOND).unwrap(), Inserted::New);
    }
    assert_eq!(table.insert(&host, b"new", b"", SECOND).unwrap(), Inserted::Full);
    assert!(!table.put(&host, b"new", b"", SECOND).unwrap());
    assert_eq!(table.insert(&host, &[1], b"", SECOND).unwrap(), Inserted::Present);
    pass(&host, SECOND);
    assert_eq!(table.insert(&host, b"new", b"", SECOND).unwrap(), Inserted::New);
}

#[test]
fn a_removed_key_can_be_inserted_again() {
    let (table, host) = (table(1, Eviction::Never), host());
    table.remove(&host, b"key").unwrap();
    table.insert(&host, b"key", b"1", SECOND).unwrap();
    table.remove(&host, b"key").unwrap();
    assert_eq!(table.get(&host, b"key").unwrap(), None);
    assert_eq!(table.insert(&host, b"key", b"2", SECOND).unwrap(), Inserted::New);
}

#[test]
fn entries_that_are_too_long_are_not_taken_in() {
    let (table, host) = (table(1, Eviction::FirstToExpire), host());
    let value = vec![0; LONGEST_ENTRY];
    assert!(!table.put(&host, b"k", &value, SECOND).unwrap());
    assert!(table.put(&host, b"k", &value[1..], SECOND).unwrap());
    assert_eq!(table.get(&host, b"k").unwrap().unwrap().len(), LONGEST_ENTRY - 1);
}

#[test]
fn entries_of_another_schema_are_as_good_as_absent() {
    let (old, host) = (table(1, Eviction::Never), host());
    for n in 0..u8::try_from(WAYS).unwrap() {
        old.put(&host, &[n], b"old", SECOND).unwrap();
    }
    let new = SharedTable::new("test", 2, 1, Eviction::Never);
    assert_eq!(new.get(&host, &[0]).unwrap(), None);
    assert_eq!(new.insert(&host, &[0], b"new", SECOND).unwrap(), Inserted::New);
    assert_eq!(old.get(&host, &[0]).unwrap(), None);
}

#[test]
fn tables_of_other_names_have_nothing_in_common() {
    let (one, host) = (table(1, Eviction::Never), host());
    let other = SharedTable::new("other", 1, 1, Eviction::Never);
    one.put(&host, b"key", b"1", SECOND).unwrap();
    assert_eq!(other.get(&host, b"key").unwrap(), None);
}

#[test]
fn workers_find_each_others_entries() {
    let shared = SharedData::default();
    let (one, other) = (worker(&shared), worker(&shared));
    other.now.set(START + 5);
    for n in 0..100_u8 {
        table(16, Eviction::FirstToExpire).put(&one, &[n], &[n], SECOND).unwrap();
    }
    let mine = table(16, Eviction::FirstToExpire);
    let found = (0..100_u8).filter(|n| mine.get(&other, &[*n]).unwrap() == Some(vec![*n])).count();
    assert!(found > 50, "{found} of 100");
}

#[test]
fn however_many_keys_come_the_hosts_map_does_not_grow_beyond_its_slots() {
    let (table, host) = (table(8, Eviction::FirstToExpire), host());
    for n in 0..10_000_u32 {
        table.put(&host, &n.to_le_bytes(), &[7; 40], SECOND).unwrap();
    }
    let shared = host.shared.lock().unwrap();
    assert!(shared.len() <= 8 + 1, "{} keys", shared.len());
    let longest = shared.values().map(|(bytes, _)| bytes.len()).max().unwrap();
    assert!(longest <= 1 + WAYS * (8 + 2 + 4 + 2 + 40), "{longest} bytes");
}

#[test]
fn what_the_host_refuses_is_an_error_and_not_an_empty_table() {
    for function in ["proxy_get_shared_data", "proxy_get_current_time_nanoseconds"] {
        let (table, host) = (table(1, Eviction::Never), host());
        table.put(&host, b"key", b"value", SECOND).unwrap();
        host.faults.borrow_mut().insert(function, Status::INTERNAL_FAILURE);
        assert_eq!(table.get(&host, b"key"), Err(Status::INTERNAL_FAILURE), "{function}");
        assert_eq!(table.insert(&host, b"key", b"", SECOND), Err(Status::INTERNAL_FAILURE), "{function}");
    }
    let (table, host) = (table(1, Eviction::Never), host());
    host.faults.borrow_mut().insert("proxy_set_shared_data", Status::INTERNAL_FAILURE);
    assert_eq!(table.put(&host, b"key", b"value", SECOND), Err(Status::INTERNAL_FAILURE));
}

#[test]
fn a_change_that_others_come_before_each_time_is_given_up() {
    let (old, new) = (table(1, Eviction::Never), table(1, Eviction::Never));
    let (host, empty) = (host(), host());
    old.put(&host, b"key", b"value", SECOND).unwrap();
    host.faults.borrow_mut().insert("proxy_set_shared_data", Status::CAS_MISMATCH);
    assert_eq!(old.put(&host, b"key", b"value", SECOND), Err(Status::CAS_MISMATCH));
    empty.faults.borrow_mut().insert("proxy_set_shared_data", Status::CAS_MISMATCH);
    assert_eq!(new.put(&empty, b"key", b"value", SECOND), Err(Status::CAS_MISMATCH), "not even a seed");
}

#[test]
fn of_all_workers_that_insert_a_key_one_is_the_first() {
    for _ in 0..20 {
        let shared = SharedData::default();
        let firsts: usize = thread::scope(|scope| {
            let attempt = |_| {
                let shared = SharedData::clone(&shared);
                scope.spawn(move || {
                    let (table, host) = (table(1, Eviction::Never), worker(&shared));
                    (0..WAYS).filter(|n| insert(&table, &host, &[*n as u8]) == Ok(Inserted::New)).count()
                })
            };
            let workers: Vec<_> = (0..4).map(attempt).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(firsts, WAYS);
    }
}

#[test]
fn no_workers_change_is_lost_in_anothers() {
    const WORKERS: u32 = 4;
    const EACH: u32 = 200;
    let shared = SharedData::default();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let (table, host) = (table(1, Eviction::Never), worker(&shared));
                (0..EACH).for_each(|_| count(&table, &host));
            });
        }
    });
    let total = table(1, Eviction::Never).get(&worker(&shared), b"count").unwrap().unwrap();
    assert_eq!(total, (WORKERS * EACH).to_le_bytes());
}

fn insert(table: &SharedTable, host: &FakeHost, key: &[u8]) -> Result<Inserted, Status> {
    retried(|| table.insert(host, key, b"", SECOND))
}

fn count(table: &SharedTable, host: &FakeHost) {
    let next = |value: Option<&[u8]>| {
        let current = value.and_then(|value| value.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        Some((current + 1).to_le_bytes().to_vec())
    };
    assert_eq!(retried(|| table.update(host, b"count", SECOND, next)), Ok(true));
}

fn retried<R>(mut attempt: impl FnMut() -> Result<R, Status>) -> Result<R, Status> {
    loop {
        match attempt() {
            Err(Status::CAS_MISMATCH) => thread::yield_now(),
            result => return result,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8, u64),
    Insert(u8, u8, u64),
    Remove(u8),
    Get(u8),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (key, value, time) = (0..24_u8, any::<u8>(), 0..20_u64);
    prop_oneof![
        (key.clone(), value, time.clone()).prop_map(|(k, v, t)| Step::Put(k, v, t)),
        (key.clone(), value, time.clone()).prop_map(|(k, v, t)| Step::Insert(k, v, t)),
        key.clone().prop_map(Step::Remove),
        key.prop_map(Step::Get),
        time.prop_map(Step::Pass),
    ]
}

/// What a table without bounds would hold.
type Model = BTreeMap<u8, (u8, u64)>;

fn live(model: &Model, key: u8, now: u64) -> Option<u8> {
    model.get(&key).filter(|(_, expiry)| *expiry > now).map(|(value, _)| *value)
}

proptest! {
    /// A cache may forget what has not expired, never give what has, was replaced, or was never put.
    #[test]
    fn a_cache_gives_the_last_value_or_none(steps in vec(step(), 1..200), slots in 1..4_u32) {
        let (table, host) = (table(slots, Eviction::FirstToExpire), host());
        let mut model = Model::new();
        for step in steps {
            let now = host.now.get();
            match step {
                Step::Put(key, value, time) => {
                    prop_assert!(table.put(&host, &[key], &[value], Duration::from_nanos(time)).unwrap());
                    model.insert(key, (value, now + time));
                }
                Step::Insert(key, value, time) => {
                    match table.insert(&host, &[key], &[value], Duration::from_nanos(time)).unwrap() {
                        Inserted::New => { model.insert(key, (value, now + time)); }
                        Inserted::Present => prop_assert!(live(&model, key, now).is_some()),
                        Inserted::Full => prop_assert!(false, "a cache makes room"),
                    }
                }
                Step::Remove(key) => {
                    table.remove(&host, &[key]).unwrap();
                    model.remove(&key);
                }
                Step::Get(key) => {
                    let found = table.get(&host, &[key]).unwrap();
                    prop_assert!(found.is_none() || found == live(&model, key, now).map(|value| vec![value]));
                }
                Step::Pass(time) => host.now.set(now + time),
            }
        }
    }

    /// A table that must not forget does not: whatever was taken in and has not expired is there.
    #[test]
    fn a_table_that_never_evicts_knows_all_that_it_took_in(steps in vec(step(), 1..200), slots in 1..4_u32) {
        let (table, host) = (table(slots, Eviction::Never), host());
        let mut model = Model::new();
        for step in steps {
            let now = host.now.get();
            match step {
                Step::Put(key, value, time) => {
                    if table.put(&host, &[key], &[value], Duration::from_nanos(time)).unwrap() {
                        model.insert(key, (value, now + time));
                    }
                }
                Step::Insert(key, value, time) => {
                    let inserted = table.insert(&host, &[key], &[value], Duration::from_nanos(time)).unwrap();
                    prop_assert_eq!(inserted == Inserted::Present, live(&model, key, now).is_some());
                    if inserted == Inserted::New {
                        model.insert(key, (value, now + time));
                    }
                }
                Step::Remove(key) => {
                    table.remove(&host, &[key]).unwrap();
                    model.remove(&key);
                }
                Step::Get(key) => {
                    let expected = live(&model, key, now).map(|value| vec![value]);
                    prop_assert_eq!(table.get(&host, &[key]).unwrap(), expected);
                }
                Step::Pass(time) => host.now.set(now + time),
            }
        }
    }

    /// Whatever stands in the host's map, a table reads it without harm and can use the slot.
    #[test]
    fn a_slot_with_foreign_bytes_is_empty(bytes in vec(any::<u8>(), 0..200)) {
        let (table, host) = (table(1, Eviction::FirstToExpire), host());
        table.put(&host, b"key", b"1", SECOND).unwrap();
        host.shared.lock().unwrap().insert("test/0".into(), (bytes, 77));
        table.get(&host, b"key").unwrap();
        prop_assert!(table.put(&host, b"key", b"2", SECOND).unwrap());
        prop_assert_eq!(table.get(&host, b"key").unwrap().unwrap(), b"2");
    }
}
