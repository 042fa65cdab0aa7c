//! The shapes of power and heat: what keeps processors from their full speed, and what feeds the machine.

use serde::{Deserialize, Serialize};

/// Power and heat, as far as the machine tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Power {
    /// Places with a thermometer.
    pub zones: Vec<ThermalZone>,
    /// How far the kernel holds the processors back against heat, in percent of what it could; none where it has no
    /// means to.
    pub held_back_percent: Option<f64>,
    /// How often processors slowed themselves down against heat since the start; none where they do not count.
    pub throttles: Option<u64>,
    pub speed: Option<ProcessorSpeed>,
    /// The profile that the person or the system chose: `low-power`, `balanced`, `performance` ...
    pub profile: Option<String>,
    /// Whether mains power is connected; none where the machine has no such input.
    pub mains: Option<bool>,
    pub batteries: Vec<Battery>,
}

/// One thermometer and the temperature from which the kernel slows the machine down.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThermalZone {
    /// The kernel's word: `x86_pkg_temp`, `acpitz`, `cpu-thermal` ...
    pub name: String,
    pub celsius: f64,
    /// The lowest trip point of kind `passive` or `hot`; none where it has none.
    pub slows_at_celsius: Option<f64>,
}

/// Speeds of the fastest processor, in megahertz.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessorSpeed {
    /// What it can.
    pub possible_mhz: u32,
    /// What it may, by policy.
    pub allowed_mhz: u32,
    /// What it runs at.
    pub now_mhz: Option<u32>,
    /// Who chooses: `schedutil`, `powersave`, `performance` ...
    pub governor: Option<String>,
}

/// One battery.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Battery {
    pub name: String,
    /// `charging`, `discharging`, `full`, `not charging`, `unknown`.
    pub state: String,
    pub charge_percent: Option<f64>,
    /// What it holds today of what it was built for.
    pub health_percent: Option<f64>,
}
