//! How the C library deals out memory.

/// Lets all threads share one heap, which keeps what is freed: a run starts some twenty threads for one small reading
/// each, and the C library would give each its own heap and hand large pieces back to the kernel, which clears them anew.
/// Called before the first thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn share_one_heap() {
    use nix::libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, mallopt};
    /// What is larger is mapped alone and given back: evidence of many megabytes. Judgement.
    const LARGE_BYTES: i32 = 4 << 20;
    for (parameter, value) in [(M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, LARGE_BYTES), (M_TRIM_THRESHOLD, LARGE_BYTES)] {
        // SAFETY: sets a number of the allocator and touches no memory of ours; one that it does not take stays as it was.
        unsafe { mallopt(parameter, value) };
    }
}

/// Other C libraries share their heap by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn share_one_heap() {}
