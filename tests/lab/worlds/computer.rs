//! A computer that is slow by itself: heat, power settings, what runs, what is full, what the disk says.

use crate::scene::*;
use crate::world::*;

const SLOW: World = World { run: ("slow-computer", ""), ..WORLD };

/// What no fault of the machine itself may be blamed on.
const NETWORK: &[&str] = &["link", "ip", "route", "path", "dns", "transport"];

/// Files of the kernel that show hardware.
fn shows(scene: &mut Scene, files: &[(&str, &str)]) {
    scene.client.files.extend(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
}

pub const WORLDS: &[World] = &[
    World {
        name: "slow-computer-too-hot",
        says: "my laptop crawls and is hot",
        fault: |scene| {
            shows(
                scene,
                &[
                    ("/sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
                    ("/sys/class/thermal/thermal_zone0/temp", "98000\n"),
                    ("/sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n"),
                    ("/sys/class/thermal/thermal_zone0/trip_point_0_temp", "95000\n"),
                    ("/sys/class/thermal/cooling_device0/type", "Processor\n"),
                    ("/sys/class/thermal/cooling_device0/cur_state", "7\n"),
                    ("/sys/class/thermal/cooling_device0/max_state", "10\n"),
                ],
            );
        },
        expect: Expect {
            cause: &["slowed-by-heat"],
            decides: "power",
            seconds: 10.0,
            innocent: NETWORK,
            ..degraded(&["host"], &["host.throttled"], Culprit::Is("x86_pkg_temp"))
        },
        alone: true,
        ..SLOW
    },
    World {
        name: "slow-computer-set-to-save-power",
        says: "since I changed the settings everything takes twice as long",
        fault: |scene| {
            shows(
                scene,
                &[
                    ("/sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "4200000\n"),
                    ("/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "800000\n"),
                    ("/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "800000\n"),
                    ("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n"),
                ],
            );
        },
        expect: Expect {
            cause: &["slowed-by-setting"],
            decides: "power",
            seconds: 10.0,
            innocent: NETWORK,
            ..degraded(&["host"], &["host.speed_limited"], Culprit::Is("powersave"))
        },
        alone: true,
        ..SLOW
    },
    World {
        name: "slow-computer-indexing",
        says: "every noon the computer is unusable",
        fault: |scene| scene.program("updatedb", Does::Spins),
        expect: Expect {
            // What else the machine does decides whether one program is too much or all together are.
            cause: &["maintenance-runs", "processors-saturated"],
            decides: "busy",
            seconds: 10.0,
            innocent: NETWORK,
            ..degraded(&["process"], &["process.cpu_hog", "host.cpu_busy"], Culprit::Contains("updatedb"))
        },
        alone: true,
        ..SLOW
    },
    World {
        name: "slow-computer-disk-full",
        says: "programs hang when I save",
        fault: |scene| scene.disk("/srv/data", Disk::Full),
        proof: |_| match std::fs::write("/srv/data/more", [1; 8192]) {
            Err(_) => Ok(()),
            Ok(()) => Err("the disk takes more".to_owned()),
        },
        expect: Expect {
            cause: &["disk-full"],
            decides: "disk",
            seconds: 10.0,
            innocent: NETWORK,
            ..fault(&["host"], &["host.disk_full"], Culprit::Is("/srv/data"))
        },
        alone: true,
        ..SLOW
    },
    World {
        name: "slow-computer-disk-errors",
        says: "it freezes for a minute and then goes on",
        fault: |scene| {
            scene.client.log.push(("smartd", "Device: /dev/sda [SAT], ATA error count increased from 0 to 5"));
        },
        expect: Expect {
            cause: &["disk-failing"],
            decides: "disk-log",
            seconds: 10.0,
            certainty: "suspected",
            innocent: NETWORK,
            ..degraded(&["host"], &["host.log_errors"], Culprit::Is("disk"))
        },
        alone: true,
        ..SLOW
    },
];
