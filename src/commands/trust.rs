//! Whether a playbook may be run: one that starts programs needs somebody who vouches for it, or somebody at the terminal
//! who allows it. And `firstline playbook sign`, by which somebody vouches.

use super::packet::trust::told;
use super::{Context, library};
use crate::cli::KeyFlags;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::packet::write::put;
use crate::playbook::load::{self, OwnFile};
use crate::playbook::trust::{FileHash, Trust};
use crate::playbook::{Check, Playbook};
use crate::seal::signature::{self, Signer};
use crate::settings::Settings;
use std::path::{Path, PathBuf};

/// By whose word the playbook may be run. `allowed` is what the flag says; `attended`, whether somebody sits there.
///
/// # Errors
/// Where it starts programs and nobody vouches for it, and nobody is there who allows it.
pub(super) fn admit(
    playbook: &Playbook,
    files: &[OwnFile],
    settings: &Settings,
    allowed: bool,
    attended: bool,
) -> Result<Trust> {
    let trust = Trust::of(files, settings.trust_list());
    let commands: Vec<&str> = playbook.commands().map(|check| check.id.as_str()).collect();
    match trust {
        Trust::Unsigned { why } if !commands.is_empty() => match (allowed, attended) {
            (true, true) => Ok(Trust::AllowedByFlag { why }),
            (true, false) => Err(refusal(playbook, &commands, &why)
                .hint("--allow-commands counts only at a terminal, where somebody can read the commands first; ".to_owned()
                    + &unattended(files))),
            (false, true) => Err(refusal(playbook, &commands, &why).hint(format!(
                "`firstline playbook show {0}` shows the commands; if you would type them yourself, add --allow-commands. \
                 To run it anywhere: {1}",
                playbook.origin,
                unattended(files)
            ))),
            (false, false) => Err(refusal(playbook, &commands, &why).hint(unattended(files))),
        },
        trust => Ok(trust),
    }
}

fn refusal(playbook: &Playbook, commands: &[&str], why: &[String]) -> Error {
    let plural = if commands.len() == 1 { "check" } else { "checks" };
    let message = format!(
        "the playbook `{}` starts programs ({plural} {}), and nobody whom the settings trust vouches for it",
        playbook.origin,
        commands.join(", ")
    );
    why.iter().fold(Error::usage(message), |error, why| error.because_of(why))
}

/// What makes a playbook run where nobody is asked.
fn unattended(files: &[OwnFile]) -> String {
    let path = files.first().map(|file| file.path.display().to_string()).unwrap_or_default();
    let hashes: Vec<String> = files.iter().map(|file| format!("\"{}\"", FileHash::of(&file.text))).collect();
    format!(
        "`firstline playbook sign {path} --key KEY` with its public key among the `trusted_keys` of firstline.toml, or \
         allowed_playbooks = [{}] there",
        hashes.join(", ")
    )
}

/// A command as a person reads it before allowing it; templates stand as they are.
pub(super) fn command_line(check: &Check) -> String {
    let words = check.args.get("command").and_then(serde_json::Value::as_array);
    let words = words.into_iter().flatten().filter_map(serde_json::Value::as_str);
    format!("{}: {}", check.id, words.collect::<Vec<_>>().join(" "))
}

/// Signs a playbook, and each file that it includes from beside it: who vouches for the one vouches for the others.
pub(super) fn sign(context: &Context, path: &Path, flags: &KeyFlags) -> Result<Exit> {
    let (playbook, files) = load::file(path).map_err(library::in_words)?;
    let signer = Signer::open(&flags.key, context.password(flags))?;
    let comment = format!("playbook {}, sha256 {}", playbook.id, playbook.hash);
    let mut written: Vec<PathBuf> = Vec::new();
    for file in &files {
        let signature = signer.sign(&mut file.text.as_bytes(), &comment)?;
        let beside = signature::signature_path(&file.path);
        put(&beside, signature.as_bytes())
            .map_err(|error| Error::environment(format!("cannot write `{}`", beside.display())).because(&error))?;
        written.push(beside);
    }
    told(context, &written)
}
