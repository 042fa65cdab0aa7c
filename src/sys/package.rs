//! The shape of what the package manager left on the disk: locks, half installed packages, repositories.

use serde::{Deserialize, Serialize};

/// State of the system's package manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageState {
    /// `apt`, `dnf`, `zypper` or `pacman`.
    pub manager: String,
    pub locks: Vec<PackageLock>,
    /// Packages that are half installed or not configured, by name.
    pub broken: Vec<String>,
    /// Whether the manager was stopped in the middle and wants to be told to go on.
    pub interrupted: bool,
    pub repositories: Vec<Repository>,
    /// The proxy that the manager itself is told to use, without credentials; `direct` where it is told to use none.
    pub proxy: Option<String>,
    /// Seconds since the repositories' lists were last fetched.
    pub lists_age_s: Option<u64>,
    /// Whether an update waits for a restart; none where the system does not say.
    pub restart_pending: Option<bool>,
}

/// A lock of the package manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageLock {
    pub path: String,
    /// The process that holds it; none where it was left behind by one that is gone.
    pub pid: Option<u32>,
}

/// A place that packages come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repository {
    /// The file that names it.
    pub source: String,
    /// Its address, without credentials.
    pub url: String,
    /// The file that says what it holds; none where that takes more than its settings to tell.
    pub index: Option<String>,
    /// How that file begins.
    pub begins: String,
    /// The file with its signing key, where it names one that is not there.
    pub missing_key: Option<String>,
}
