//! What a run costs: bytes on the heap, and processor time as the kernel counts it (a busy machine is no hang).

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Beyond this an allocation fails, before the machine does.
const CEILING: usize = 2 << 30;

/// The system's allocator, counted.
pub struct Counting;

// SAFETY: every call goes to the system's allocator with the layout it came with; the counters are atomic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !grow(layout.size()) {
            return std::ptr::null_mut();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !grow(layout.size()) {
            return std::ptr::null_mut();
        }
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !grow(size) {
            return std::ptr::null_mut();
        }
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn grow(size: usize) -> bool {
    let now = NOW.fetch_add(size, Ordering::Relaxed).saturating_add(size);
    PEAK.fetch_max(now, Ordering::Relaxed);
    COUNT.fetch_add(1, Ordering::Relaxed);
    let fits = now <= CEILING;
    if !fits {
        NOW.fetch_sub(size, Ordering::Relaxed);
    }
    fits
}

/// What one run cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Most bytes on the heap above what was there before.
    pub peak: usize,
    /// Allocations.
    pub allocations: usize,
    /// Time on the clock.
    pub time: Duration,
}

/// Runs `work` and says what it cost.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let before = NOW.load(Ordering::Relaxed);
    let count = COUNT.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let start = Instant::now();
    let result = work();
    let time = start.elapsed();
    let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    (result, Cost { peak, allocations: COUNT.load(Ordering::Relaxed).wrapping_sub(count), time })
}

/// Processor time of the calling thread (Linux), or `None` where the kernel does not say.
pub fn processor_time(thread: &str) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// The calling thread's name in `/proc`.
pub fn thread_name() -> Option<String> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

/// Which run is going on, for the watchdog.
pub struct Watch {
    pub run: AtomicUsize,
    pub is_done: AtomicBool,
    /// What the reader is given now: nobody else has it when the run does not end.
    pub input: Mutex<Vec<u8>>,
}
