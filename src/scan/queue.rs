//! Work shared among threads. Results come in the order of the items, whatever thread did them; a panic in one costs only that one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Threads that found no item left. Work on a large item takes them.
#[derive(Default)]
pub(super) struct Spare(AtomicUsize);

impl Spare {
    /// True when there was one, which is the caller's now.
    pub(super) fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
    }

    /// One is not needed any more.
    pub(super) fn give(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Does `work` on every item. `None` when it was cancelled; an item whose work panicked has the message of the panic instead of a result.
pub(super) fn run<T: Sync, R: Send>(
    threads: usize,
    spare: &Spare,
    items: &[T],
    cancel: &AtomicBool,
    work: impl Fn(&T) -> R + Sync,
) -> Option<Vec<Result<R, String>>> {
    let next = AtomicUsize::new(0);
    let workers = threads.clamp(1, 16).min(items.len());
    (workers.max(1)..threads.clamp(1, 16)).for_each(|_| spare.give());
    let worker = || {
        let mut done = Vec::new();
        while !cancel.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            done.push((index, catch_unwind(AssertUnwindSafe(|| work(item))).map_err(|panic| message(&*panic))));
        }
        spare.give();
        done
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        // A worker cannot panic itself: all work is caught.
        done.extend(others.into_iter().filter_map(|thread| thread.join().ok()).flatten());
        done
    });
    if cancel.load(Ordering::Relaxed) {
        return None;
    }
    done.sort_by_key(|(index, _)| *index);
    Some(done.into_iter().map(|(_, result)| result).collect())
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown fault".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_threads() {
        let items: Vec<usize> = (0..500).collect();
        for threads in [0, 1, 2, 7, 16] {
            let done = run(threads, &Spare::default(), &items, &AtomicBool::new(false), |n| n * 2).unwrap();
            assert_eq!(done, items.iter().map(|n| Ok(n * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn threads_without_an_item_are_spare() {
        let spare = Spare::default();
        let taken = run(4, &spare, &[()], &AtomicBool::new(false), |()| (0..9).filter(|_| spare.take()).count()).unwrap();
        assert_eq!(taken, [Ok(3)]);
        assert!(spare.take() && !spare.take(), "only the one that has ended");
    }

    #[test]
    fn a_panic_costs_only_its_own_item() {
        let done = run(2, &Spare::default(), &[1, 0, 4], &AtomicBool::new(false), |n| 8 / n).unwrap();
        assert_eq!((&done[0], &done[2]), (&Ok(8), &Ok(2)));
        assert!(done[1].as_ref().unwrap_err().contains("divide by zero"), "{done:?}");
    }

    #[test]
    fn cancelling_gives_nothing() {
        let cancel = AtomicBool::new(false);
        let done = run(2, &Spare::default(), &[1; 100], &cancel, |_| cancel.store(true, Ordering::Relaxed));
        assert_eq!(done, None);
    }
}
