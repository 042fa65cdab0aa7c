//! Faults of the machine itself: packet filter, disk, processor.

use crate::scene::*;
use crate::world::*;

pub const WORLDS: &[World] = &[
    World {
        name: "local-filter-drops",
        says: "the shop fails on this machine only",
        fault: |scene| {
            scene.client.filter =
                "table inet filter {
                chain output { type filter hook output priority 0; policy accept; ip daddr 198.51.100.10 tcp dport 443 drop; }
            }"
                .to_owned();
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.11:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "local-filter-rejects",
        says: "no secure page opens, plain ones do",
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain output { type filter hook output priority 0; policy accept; tcp dport 443 reject with tcp reset; }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.refused("198.51.100.10:443")?;
            eyes.connects("198.51.100.80:80")
        },
        expect: Expect {
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "disk-full",
        says: "this machine is acting up, programs do not save",
        run: ("this-machine", ""),
        fault: |scene| scene.client.full_disks.push(("/srv/data".to_owned(), 1 << 20)),
        proof: |_| match std::fs::write("/srv/data/more", [1; 8192]) {
            Err(_) => Ok(()),
            Ok(()) => Err("the disk takes more".to_owned()),
        },
        expect: Expect {
            status: "",
            seconds: 10.0,
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["host"], &["host.disk_full"], Culprit::Contains("/srv/data"))
        },
        alone: true,
        ..WORLD
    },
    World {
        name: "processor-hog",
        says: "the machine is slow and the fan is loud",
        run: ("this-machine", ""),
        fault: |scene| scene.program("indexer", Does::Spins),
        expect: Expect {
            status: "",
            seconds: 10.0,
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["process", "host"], &["process.cpu_hog", "host.cpu_busy"], Culprit::Contains("indexer"))
        },
        alone: true,
        ..WORLD
    },
    World {
        name: "local-filter-drops-the-answers",
        says: "no secure page opens on this machine",
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain input { type filter hook input priority 0; policy accept; tcp sport 443 drop; }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.80:80")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::Contains("tcp sport 443 drop"))
        },
        ..WORLD
    },
];
