//! The reference: `reference.sh`, run on the client of a world of its own, so that neither warms a cache for the other.

use crate::machine;
use crate::measure::Reference;
use crate::scene::Scene;
use crate::world::World;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The script, which people may read and run by themselves.
const SCRIPT: &str = include_str!("reference.sh");
/// What it needs, with the Debian packages that hold it.
const NEEDS: [(&str, &str); 4] =
    [("ip", "iproute2"), ("ping", "iputils-ping"), ("dig", "bind9-dnsutils"), ("curl", "curl")];
/// Its own waits sum up to half a minute in the worst world.
const LIMIT: Duration = Duration::from_secs(40);

/// The packages that this machine lacks; empty where the reference can run.
pub fn missing() -> Vec<&'static str> {
    let folders = std::env::var("PATH").unwrap_or_default();
    let has = |program: &str| folders.split(':').any(|folder| std::path::Path::new(folder).join(program).exists());
    NEEDS.iter().filter(|(program, _)| !has(program)).map(|(_, package)| *package).collect()
}

/// Runs the script and gives what it said, and all that it wrote.
pub fn run(world: &World, scene: &Scene) -> Result<(Reference, String), String> {
    let (playbook, target) = world.run;
    let wrong = |error: std::io::Error| format!("the reference: {error}");
    let began = Instant::now();
    let mut child = machine::command("/bin/bash", &["-c", SCRIPT, "reference.sh", target, playbook])
        .envs(scene.client.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(wrong)?;
    let mut pipe = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        pipe.as_mut().map(|pipe| pipe.read_to_string(&mut text));
        text
    });
    while child.try_wait().map_err(wrong)?.is_none() {
        if began.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let took_ms = began.elapsed().as_millis() as u64;
    let text = reader.join().unwrap_or_default();
    let said = text.lines().rev().find_map(|line| line.strip_prefix("verdict: ")).unwrap_or("unclear").to_owned();
    Ok((Reference { said, took_ms }, text))
}
