//! Updates that fail: the package manager's own state, and the way to its repository.

use crate::scene::*;
use crate::world::*;

const UPDATE: World = World { run: ("software-update", ""), ..WORLD };

/// What a fault of the package manager itself must not be blamed on.
const NETWORK: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport", "tls", "http"];
/// What a fault of the repository must not be blamed on.
const HERE: &[&str] = &["link", "ip", "route", "process", "host"];

/// A machine with apt, whose repository is the web server.
fn apt(scene: &mut Scene) {
    file(scene, "/etc/apt/sources.list", "deb http://www.example.test/debian stable main\n");
    file(scene, "/var/lib/dpkg/status", "Package: bash\nStatus: install ok installed\n");
    repository(scene, Page::Text("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Lab\n"));
}

fn file(scene: &mut Scene, path: &str, text: &str) {
    scene.client.files.retain(|(other, _)| other != path);
    scene.client.files.push((path.to_owned(), text.to_owned()));
}

fn repository(scene: &mut Scene, page: Page) {
    scene.serve("198.51.100.10:80", Speaks::Http(page));
}

pub const WORLDS: &[World] = &[
    World {
        name: "updates-in-order",
        says: "does this computer get its updates?",
        fault: apt,
        expect: Expect { decides: "repository", innocent: NETWORK, seconds: 8.0, ..HEALTHY },
        ..UPDATE
    },
    World {
        name: "update-runs-already",
        says: "could not get lock, it says",
        fault: |scene| {
            apt(scene);
            file(scene, "/var/lib/dpkg/lock-frontend", "");
            scene.program("unattended-upgr", Does::Locks("/var/lib/dpkg/lock-frontend"));
        },
        expect: Expect {
            cause: &["update-runs-already"],
            decides: "packages",
            innocent: NETWORK,
            seconds: 8.0,
            ..fault(&["process"], &["package.locked"], Culprit::Contains("unattended-upgr"))
        },
        ..UPDATE
    },
    World {
        name: "update-lock-left-behind",
        says: "the package manager says that it is busy, for days",
        fault: |scene| {
            file(scene, "/var/lib/pacman/local/ALPM_DB_VERSION", "9\n");
            file(scene, "/var/lib/pacman/db.lck", "");
        },
        expect: Expect {
            cause: &["lock-left-behind"],
            decides: "packages",
            innocent: NETWORK,
            seconds: 8.0,
            ..fault(&["host"], &["package.lock_left"], Culprit::Is("/var/lib/pacman/db.lck"))
        },
        ..UPDATE
    },
    World {
        name: "update-cut-off",
        says: "since the battery died during the update nothing installs",
        fault: |scene| {
            apt(scene);
            file(
                scene,
                "/var/lib/dpkg/status",
                "Package: bash\nStatus: install ok installed\n\nPackage: libfoo\nStatus: install ok half-configured\n",
            );
        },
        expect: Expect {
            cause: &["packages-half-installed"],
            decides: "packages",
            innocent: NETWORK,
            seconds: 8.0,
            ..fault(&["host"], &["package.broken"], Culprit::Is("libfoo"))
        },
        ..UPDATE
    },
    World {
        name: "update-without-a-repository",
        says: "it says everything is up to date, and it is years old",
        fault: |scene| {
            apt(scene);
            file(scene, "/etc/apt/sources.list", "# deb http://www.example.test/debian stable main\n");
        },
        expect: Expect {
            cause: &["no-repository"],
            decides: "packages",
            innocent: NETWORK,
            seconds: 8.0,
            ..fault(&["host"], &["package.no_repository"], Culprit::Is("apt"))
        },
        ..UPDATE
    },
    World {
        name: "update-key-missing",
        says: "the updates are not signed, it says",
        fault: |scene| {
            apt(scene);
            let line = "deb [signed-by=/usr/share/keyrings/lab-gone.gpg] http://www.example.test/debian stable main\n";
            file(scene, "/etc/apt/sources.list", line);
        },
        expect: Expect {
            cause: &["signing-key-missing"],
            decides: "packages",
            innocent: NETWORK,
            seconds: 8.0,
            ..fault(&["host"], &["package.key_missing"], Culprit::Is("/usr/share/keyrings/lab-gone.gpg"))
        },
        ..UPDATE
    },
    World {
        name: "update-repository-gone",
        says: "404, it says when I update",
        fault: |scene| {
            apt(scene);
            repository(scene, Page::Status(404));
        },
        expect: Expect {
            cause: &["repository-gone"],
            decides: "repository",
            innocent: HERE,
            seconds: 8.0,
            ..fault(&["http"], &["http.not_found"], Culprit::Contains("www.example.test"))
        },
        ..UPDATE
    },
    World {
        name: "update-behind-a-sign-in-page",
        says: "in the hotel the update says something about a bad signature",
        fault: |scene| {
            apt(scene);
            repository(scene, Page::Login);
        },
        expect: Expect {
            cause: &["something-else-answers"],
            decides: "repository",
            innocent: HERE,
            seconds: 8.0,
            ..fault(&["path"], &["http.unexpected_content", "http.block_page"], Culprit::Contains("www.example.test"))
        },
        ..UPDATE
    },
    World {
        name: "update-proxy-of-the-old-office",
        says: "pages work, updates do not",
        fault: |scene| {
            apt(scene);
            file(scene, "/etc/apt/apt.conf.d/90proxy", "Acquire::http::Proxy \"http://198.51.100.90:8080\";\n");
        },
        proof: |eyes| eyes.refused("198.51.100.90:8080"),
        expect: Expect {
            cause: &["update-proxy-broken"],
            decides: "repository",
            innocent: HERE,
            seconds: 8.0,
            ..fault(&["proxy"], &["proxy.refused"], Culprit::Contains("198.51.100.90:8080"))
        },
        ..UPDATE
    },
    World {
        name: "update-repository-filtered",
        says: "updates time out since the firewall was changed",
        fault: |scene| {
            apt(scene);
            scene.wire.drop(|packet| packet.tcp(80) && packet.touches(WEB));
        },
        proof: |eyes| eyes.connects("198.51.100.80:80"),
        expect: Expect {
            cause: &["repository-unreachable"],
            decides: "repository",
            innocent: HERE,
            seconds: 12.0,
            ..fault(&["transport"], &["tcp.timeout"], Culprit::Contains("www.example.test"))
        },
        ..UPDATE
    },
];
