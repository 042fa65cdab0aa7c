//! Power and heat from sysfs: thermal zones and cooling devices, processor frequencies, platform profile, batteries
//! (Documentation/ABI/testing/sysfs-class-thermal, sysfs-class-power; Documentation/admin-guide/pm/cpufreq.rst).

use super::bounded::{TABLE_WAIT, off_thread};
use crate::sys::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Trip points of one zone that are read; real ones have up to a dozen.
const MOST_TRIPS: usize = 16;
/// Entries of one folder that are read: processors, zones, batteries.
const MOST_ENTRIES: usize = 1024;
/// Cooling devices that slow processors down, by the beginning of their kind.
const SLOWING: [&str; 4] = ["Processor", "cpufreq", "intel_powerclamp", "cpuidle"];

pub(super) async fn power() -> Known<Power> {
    // A thermometer is asked by the firmware, which may take its time.
    off_thread("power and heat", TABLE_WAIT, || Ok(read(Path::new("/sys")))).await
}

/// Everything beneath this folder, `/sys` but for tests.
fn read(root: &Path) -> Power {
    let (mains, batteries) = supplies(&root.join("class/power_supply"));
    Power {
        zones: named(&root.join("class/thermal"), "thermal_zone").iter().filter_map(|folder| zone(folder)).collect(),
        held_back_percent: held_back(&root.join("class/thermal")),
        throttles: throttles(&root.join("devices/system/cpu")),
        speed: speed(&root.join("devices/system/cpu/cpufreq")),
        profile: word(&root.join("firmware/acpi/platform_profile")),
        mains,
        batteries,
    }
}

fn word(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text: String = text.trim().chars().take(64).collect();
    (!text.is_empty()).then_some(text)
}

fn number<T: FromStr>(path: &Path) -> Option<T> {
    word(path)?.parse().ok()
}

/// The entries of a folder whose names begin like this, in order.
fn named(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_ENTRIES);
    let fits = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(fits).collect();
    paths.sort();
    paths
}

fn zone(folder: &Path) -> Option<ThermalZone> {
    let trip = |number: usize| {
        let kind = word(&folder.join(format!("trip_point_{number}_type")))?;
        let celsius = degrees(&folder.join(format!("trip_point_{number}_temp")))?;
        // Firmware writes zero or less for a point that it does not use.
        (matches!(kind.as_str(), "passive" | "hot") && celsius > 0.0).then_some(celsius)
    };
    Some(ThermalZone {
        name: word(&folder.join("type"))?,
        celsius: degrees(&folder.join("temp"))?,
        slows_at_celsius: (0..MOST_TRIPS).filter_map(trip).min_by(f64::total_cmp),
    })
}

/// The kernel counts in thousandths of a degree.
fn degrees(path: &Path) -> Option<f64> {
    Some(f64::from(number::<i32>(path)?) / 1000.0)
}

/// The hardest that any of the means against heat holds processors back.
fn held_back(folder: &Path) -> Option<f64> {
    let share = |device: &PathBuf| {
        let kind = word(&device.join("type"))?;
        let (now, most): (i64, i64) = (number(&device.join("cur_state"))?, number(&device.join("max_state"))?);
        // One that is not in use says -1.
        let slows = SLOWING.iter().any(|slowing| kind.starts_with(slowing)) && most > 0;
        slows.then(|| 100.0 * now.clamp(0, most) as f64 / most as f64)
    };
    named(folder, "cooling_device").iter().filter_map(share).max_by(f64::total_cmp)
}

/// x86 processors count how often they slowed themselves down.
fn throttles(folder: &Path) -> Option<u64> {
    let count = |processor: &PathBuf, name: &str| number::<u64>(&processor.join("thermal_throttle").join(name));
    let processors = named(folder, "cpu");
    let of_each = |name| processors.iter().filter_map(move |processor| count(processor, name)).collect::<Vec<_>>();
    let (cores, packages) = (of_each("core_throttle_count"), of_each("package_throttle_count"));
    // Every processor of a package counts the package's.
    let all = cores.iter().sum::<u64>() + packages.iter().max().copied().unwrap_or(0);
    (!cores.is_empty() || !packages.is_empty()).then_some(all)
}

/// Of the policy that may be fastest: some processors are slow by design.
fn speed(folder: &Path) -> Option<ProcessorSpeed> {
    let of_policy = |policy: &PathBuf| {
        let mhz = |name: &str| number::<u32>(&policy.join(name)).map(|khz| khz / 1000);
        Some(ProcessorSpeed {
            possible_mhz: mhz("cpuinfo_max_freq")?,
            allowed_mhz: mhz("scaling_max_freq")?,
            now_mhz: mhz("scaling_cur_freq"),
            governor: word(&policy.join("scaling_governor")),
        })
    };
    named(folder, "policy").iter().filter_map(of_policy).max_by_key(|speed| speed.possible_mhz)
}

/// Whether mains power is there, and the batteries of the machine itself (those of mice are of scope `Device`).
fn supplies(folder: &Path) -> (Option<bool>, Vec<Battery>) {
    let (mut mains, mut batteries) = (None, Vec::new());
    for supply in named(folder, "") {
        let of_device = word(&supply.join("scope")).is_some_and(|scope| scope == "Device");
        match word(&supply.join("type")).as_deref() {
            Some("Mains" | "USB") => {
                if let Some(online) = number::<u8>(&supply.join("online")) {
                    mains = Some(mains.unwrap_or(false) || online != 0);
                }
            }
            Some("Battery") if !of_device => batteries.push(battery(&supply)),
            _ => {}
        }
    }
    (mains, batteries)
}

fn battery(supply: &Path) -> Battery {
    let share = |now: &str, whole: &str| {
        let (now, whole): (f64, f64) = (number(&supply.join(now))?, number(&supply.join(whole))?);
        (whole > 0.0).then(|| (1000.0 * now / whole).round() / 10.0)
    };
    Battery {
        name: supply.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        state: word(&supply.join("status")).unwrap_or_default().to_lowercase(),
        charge_percent: number(&supply.join("capacity")).or_else(|| share("energy_now", "energy_full")),
        health_percent: share("energy_full", "energy_full_design")
            .or_else(|| share("charge_full", "charge_full_design")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_shows_is_read() {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in [
            ("class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
            ("class/thermal/thermal_zone0/temp", "97000\n"),
            ("class/thermal/thermal_zone0/trip_point_0_type", "critical\n"),
            ("class/thermal/thermal_zone0/trip_point_0_temp", "110000\n"),
            ("class/thermal/thermal_zone0/trip_point_1_type", "passive\n"),
            ("class/thermal/thermal_zone0/trip_point_1_temp", "95000\n"),
            ("class/thermal/cooling_device0/type", "Fan\n"),
            ("class/thermal/cooling_device0/cur_state", "1\n"),
            ("class/thermal/cooling_device0/max_state", "1\n"),
            ("class/thermal/cooling_device1/type", "Processor\n"),
            ("class/thermal/cooling_device1/cur_state", "3\n"),
            ("class/thermal/cooling_device1/max_state", "10\n"),
            ("class/thermal/cooling_device2/type", "intel_powerclamp\n"),
            ("class/thermal/cooling_device2/cur_state", "-1\n"),
            ("class/thermal/cooling_device2/max_state", "50\n"),
            ("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "7\n"),
            ("devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "9\n"),
            ("devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "2\n"),
            ("devices/system/cpu/cpu1/thermal_throttle/package_throttle_count", "9\n"),
            ("devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "4200000\n"),
            ("devices/system/cpu/cpufreq/policy0/scaling_max_freq", "1200000\n"),
            ("devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n"),
            ("firmware/acpi/platform_profile", "low-power\n"),
            ("class/power_supply/AC/type", "Mains\n"),
            ("class/power_supply/AC/online", "0\n"),
            ("class/power_supply/BAT0/type", "Battery\n"),
            ("class/power_supply/BAT0/status", "Discharging\n"),
            ("class/power_supply/BAT0/capacity", "8\n"),
            ("class/power_supply/BAT0/energy_full", "20000000\n"),
            ("class/power_supply/BAT0/energy_full_design", "50000000\n"),
            ("class/power_supply/mouse/type", "Battery\n"),
            ("class/power_supply/mouse/scope", "Device\n"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("beneath the root")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let power = read(root.path());
        assert_eq!((power.zones[0].celsius, power.zones[0].slows_at_celsius), (97.0, Some(95.0)));
        assert_eq!((power.held_back_percent, power.throttles), (Some(30.0), Some(18)));
        let speed = power.speed.expect("frequencies");
        assert_eq!((speed.possible_mhz, speed.allowed_mhz, speed.now_mhz), (4200, 1200, None));
        assert_eq!((power.profile.as_deref(), power.mains), (Some("low-power"), Some(false)));
        assert_eq!(power.batteries.len(), 1, "a mouse feeds nothing");
        assert_eq!((power.batteries[0].charge_percent, power.batteries[0].health_percent), (Some(8.0), Some(40.0)));
        assert_eq!(read(Path::new("/no/such/folder")), Power::default());
    }
}
