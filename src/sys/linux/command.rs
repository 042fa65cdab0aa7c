//! Runs a program of the system: argument list, C locale, no standard input, bounded in time and in what it may print.

use crate::sys::*;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// More than any tool prints that is read here; what comes after it is read and dropped, so that the program is not
/// stopped by a full pipe.
const MOST_BYTES: usize = 1024 * 1024;

pub(super) async fn command(arguments: &[String], wait: Duration) -> Known<CommandOutput> {
    let Some((program, rest)) = arguments.split_first() else {
        return Err(Unknown::Failed("no program is named".to_owned()));
    };
    let mut child = Command::new(program)
        .args(rest)
        .env("LC_ALL", "C")
        .env("LANGUAGE", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it starts is ended together with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(program, &error))?;
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(nix::unistd::Pid::from_raw));
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    // A child of the child may keep the pipes open after the program itself has ended: its status is waited for apart.
    let ended = tokio::time::timeout(wait, async {
        tokio::join!(read(out, &mut stdout), read(err, &mut stderr), child.wait()).2
    })
    .await;
    let timed_out = ended.is_err();
    if !timed_out {
        // It has ended and been waited for, so its number may already be another's.
        group.0 = None;
    }
    drop(group);
    let status = match ended {
        Ok(status) => status.map_err(|error| Unknown::Failed(format!("{program}: {error}")))?.code(),
        Err(_) => None,
    };
    Ok(CommandOutput { status, stdout: text(&stdout), stderr: text(&stderr), timed_out })
}

/// The process group of a running program; dropped, it is killed, also where the run itself is cancelled.
struct Group(Option<nix::unistd::Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody is left in it in the usual case, and that is what the error says then.
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

fn not_started(program: &str, error: &std::io::Error) -> Unknown {
    match error.kind() {
        std::io::ErrorKind::NotFound => Unknown::Failed(format!("`{program}` is not installed")),
        _ => Unknown::Failed(format!("`{program}` does not start: {error}")),
    }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut piece).await {
        let room = MOST_BYTES.saturating_sub(into.len());
        into.extend_from_slice(&piece[..length.min(room)]);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(arguments: &[&str], wait_ms: u64) -> Known<CommandOutput> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        command(&arguments, Duration::from_millis(wait_ms)).await
    }

    #[tokio::test]
    async fn status_output_and_locale_are_as_said() {
        let output = run(&["sh", "-c", "echo $LC_ALL; echo bad >&2; exit 3"], 5000).await.expect("runs");
        assert_eq!(
            (output.status, output.stdout.as_str(), output.stderr.as_str(), output.timed_out),
            (Some(3), "C\n", "bad\n", false)
        );
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_its_children() {
        let started = std::time::Instant::now();
        let output = run(&["sh", "-c", "echo here; sleep 60 & sleep 60"], 300).await.expect("runs");
        assert!(output.timed_out && output.status.is_none() && output.stdout == "here\n");
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[tokio::test]
    async fn output_is_cut_at_the_cap() {
        let output = run(&["head", "-c", "3000000", "/dev/zero"], 10_000).await.expect("runs");
        assert_eq!((output.stdout.len(), output.status), (MOST_BYTES, Some(0)));
    }

    #[tokio::test]
    async fn what_cannot_start_is_unknown() {
        assert_eq!(
            run(&["no-such-program-here"], 1000).await.map(|_| ()),
            Err(Unknown::Failed("`no-such-program-here` is not installed".into()))
        );
        assert!(run(&[], 1000).await.is_err());
    }
}
