//! The client as a machine: its own files, processes and environment, so that nothing of the real machine shows in it.

use crate::scene::{CONTROL_TEXT, Client, Disk, Does, Page, Program, Scene, TIME, at};
use nix::mount::{MsFlags, mount};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Where the client finds the programs of the lab.
const PROGRAMS: &str = "/run/lab";
/// The client's home folder, and the working folder of what runs there.
pub const HOME: &str = "/tmp/home";
/// What the client trusts.
const BUNDLE: &str = "/etc/ssl/lab.pem";
/// The settings file of the program under test.
const SETTINGS: &str = "/etc/firstline/firstline.toml";

/// Files of the real `/etc` that programs cannot do without and that say nothing about its network.
const KEPT: [&str; 7] =
    ["ld.so.cache", "ld.so.conf", "services", "protocols", "os-release", "localtime", "nftables.conf"];

fn failed(what: impl std::fmt::Display) -> impl Fn(nix::Error) -> String {
    move |error| format!("{what} cannot be mounted ({error})")
}

/// Gives this process's mount namespace the client's own `/proc`, `/sys`, `/etc`, `/run` and temporary folders.
pub fn furnish(under_test: &Path) -> Result<(), String> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(failed("/"))?;
    let open = |path: &Path| fs::File::open(path).map_err(|error| format!("`{}`: {error}", path.display()));
    let (program, lab) = (open(under_test)?, open(Path::new("/proc/self/exe"))?);
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none).map_err(failed("/proc"))?;
    // Some containers mask parts of /sys and the kernel then allows no fresh one; an empty one shows nothing false.
    if mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none).is_err() {
        empty("/sys")?;
    }
    furnish_etc()?;
    for folder in ["/run", "/tmp", "/var/lib", "/var/log", "/var/spool", "/var/tmp", "/srv"] {
        empty(folder)?;
    }
    let _ = mount(Some("/dev/null"), "/dev/kmsg", none, MsFlags::MS_BIND, none);
    for folder in [PROGRAMS, HOME, "/etc/ssl", "/etc/firstline"] {
        fs::create_dir_all(folder).map_err(|error| format!("`{folder}`: {error}"))?;
    }
    place(&program, "firstline")?;
    place(&lab, "lab")?;
    // SAFETY: the name is as long as the call is told. The file in /proc asks for the real machine's root.
    unsafe { nix::libc::sethostname(c"client".as_ptr(), "client".len()) };
    std::env::set_current_dir(HOME).map_err(|error| format!("`{HOME}`: {error}"))
}

/// An empty folder in memory in the place of a real one; folders that this machine does not have are left out.
fn empty(folder: &str) -> Result<(), String> {
    if !Path::new(folder).is_dir() {
        return Ok(());
    }
    mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some("mode=755")).map_err(failed(folder))
}

fn furnish_etc() -> Result<(), String> {
    let kept: Vec<_> = KEPT.iter().filter_map(|name| Some((name, fs::read(format!("/etc/{name}")).ok()?))).collect();
    let alternatives = fs::File::open("/etc/alternatives").ok();
    empty("/etc")?;
    for (name, bytes) in kept {
        write(&format!("/etc/{name}"), &bytes)?;
    }
    if let Some(old) = alternatives {
        fs::create_dir("/etc/alternatives").map_err(|error| format!("`/etc/alternatives`: {error}"))?;
        bind(&old, "/etc/alternatives")?;
    }
    write("/etc/passwd", b"root:x:0:0:root:/tmp/home:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")?;
    write("/etc/group", b"root:x:0:\nnogroup:x:65534:\n")?;
    write("/etc/hostname", b"client\n")
}

fn write(path: &str, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("`{path}`: {error}"))
}

/// Mounts an open file or folder, which may lie beneath something that is covered by now, at a path.
fn bind(open: &fs::File, path: &str) -> Result<(), String> {
    let source = format!("/proc/self/fd/{}", open.as_raw_fd());
    mount(Some(source.as_str()), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(failed(path))
}

fn place(program: &fs::File, name: &str) -> Result<(), String> {
    let path = format!("{PROGRAMS}/{name}");
    write(&path, b"")?;
    bind(program, &path)
}

/// Writes what the scene says about the client's files.
pub fn write_files(scene: &Scene, bundle: &str) -> Result<(), String> {
    let client = &scene.client;
    let mut resolver = client.resolver_lines.clone();
    resolver.extend(client.nameservers.iter().map(|server| format!("nameserver {server}")));
    write("/etc/resolv.conf", lines(&resolver).as_bytes())?;
    let mut hosts = vec!["127.0.0.1 localhost".to_owned(), "127.0.1.1 client".to_owned()];
    hosts.extend(client.hosts.iter().cloned());
    write("/etc/hosts", lines(&hosts).as_bytes())?;
    let switch = format!("passwd: files\ngroup: files\nhosts: {}\nservices: files\n", client.nsswitch);
    write("/etc/nsswitch.conf", switch.as_bytes())?;
    write(BUNDLE, bundle.as_bytes())?;
    let mut settings = vec![
        "control_url = \"http://control.example.test/\"".to_owned(),
        format!("control_body = \"{CONTROL_TEXT}\""),
        "control_name = \"control.example.test\"".to_owned(),
        format!("time_servers = [\"{TIME}\"]"),
    ];
    settings.extend(client.settings.iter().cloned());
    write(SETTINGS, lines(&settings).as_bytes())?;
    cover_hardware(client)?;
    for (path, content) in &client.files {
        let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
        write(path, content.as_bytes())?;
    }
    write_log(client)?;
    client.disks.iter().try_for_each(|(folder, trouble)| spoil(folder, *trouble))
}

/// Folders of the kernel in which a world may show hardware that the real machine does not have.
const HARDWARE: [&str; 3] = ["/sys/class/thermal", "/sys/class/power_supply", "/sys/devices/system/cpu/cpufreq"];

/// Clears the folders of hardware that the world describes, because the kernel lets nobody write there.
fn cover_hardware(client: &Client) -> Result<(), String> {
    let described = |folder: &&&str| client.files.iter().any(|(path, _)| path.starts_with(**folder));
    HARDWARE.iter().filter(described).try_for_each(|folder| empty(folder))
}

/// The system's log, as a syslog daemon of today writes it.
fn write_log(client: &Client) -> Result<(), String> {
    if client.log.is_empty() {
        return Ok(());
    }
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    let written: Vec<_> = client.log.iter().map(|(program, text)| format!("{now} client {program}: {text}")).collect();
    write("/var/log/syslog", lines(&written).as_bytes())
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A small file system in memory with this trouble.
fn spoil(folder: &str, trouble: Disk) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("`{folder}`: {error}");
    fs::create_dir_all(folder).map_err(wrong)?;
    let options = Some("size=1m,nr_inodes=64,mode=755");
    mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), options).map_err(failed(folder))?;
    match trouble {
        Disk::Full => {
            let mut file = fs::File::create(format!("{folder}/data.log")).map_err(wrong)?;
            while file.write(&[b'x'; 4096]).is_ok_and(|written| written > 0) {}
            Ok(())
        }
        Disk::NoInodes => {
            let mut numbers = 0..;
            while numbers.next().is_some_and(|number| fs::File::create(format!("{folder}/{number}")).is_ok()) {}
            Ok(())
        }
        Disk::ReadOnly => {
            write("/etc/fstab", format!("tmpfs {folder} tmpfs rw 0 0\n").as_bytes())?;
            let again = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
            mount(Some("tmpfs"), folder, Some("tmpfs"), again, options).map_err(failed(folder))
        }
    }
}

/// Whether this machine has what the client's packet filter needs. `Err` is a reason to skip.
pub fn can_filter(client: &Client) -> Result<(), String> {
    if client.filter.is_empty() {
        return Ok(());
    }
    let listed = command("nft", &["list", "ruleset"]).stdin(Stdio::null()).output();
    let listed = listed.map_err(|error| format!("needs the program nft ({error})"))?;
    if listed.status.success() {
        return Ok(());
    }
    Err(format!("nft does not work here ({})", String::from_utf8_lossy(&listed.stderr).trim()))
}

/// Whether this machine has the programs that the scene's commands are made of. `Err` is a reason to skip.
pub fn can_command(scene: &Scene) -> Result<(), String> {
    let programs = scene.commands.iter().filter_map(|command| command.line.split_whitespace().next());
    let runs = |program: &str| Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let missing = programs.filter_map(|program| Some((program, runs(program).err()?))).next();
    missing.map_or(Ok(()), |(program, error)| Err(format!("needs the program {program} ({error})")))
}

/// Loads the client's packet filter.
pub fn filter(client: &Client) -> Result<(), String> {
    if client.filter.is_empty() {
        return Ok(());
    }
    let mut nft = command("nft", &["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("needs nft ({error})"))?;
    if let Some(mut rules) = nft.stdin.take() {
        rules.write_all(client.filter.as_bytes()).map_err(|error| format!("nft takes no rules ({error})"))?;
    }
    let output = nft.wait_with_output().map_err(|error| format!("nft does not end ({error})"))?;
    if output.status.success() { Ok(()) } else { Err(format!("nft: {}", String::from_utf8_lossy(&output.stderr))) }
}

/// A command on the client, with nothing of the real environment.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir(HOME).envs([
        ("PATH", "/run/lab:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", HOME),
        ("USER", "root"),
        ("LANG", "C.UTF-8"),
        ("SSL_CERT_FILE", BUNDLE),
        ("FIRSTLINE_SETTINGS", SETTINGS),
    ]);
    command
}

/// What came of a run of the program under test.
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    /// The exit code; none where it was killed.
    pub code: Option<i32>,
    pub took: Duration,
}

/// Runs the program under test on the client and waits for it, at most so long.
pub fn run(scene: &Scene, arguments: &[&str], limit: Duration) -> Result<Outcome, String> {
    let wrong = |error| format!("the program under test: {error}");
    let began = Instant::now();
    let mut child = command("/run/lab/firstline", arguments)
        .envs(scene.client.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(wrong)?;
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let code = loop {
        match child.try_wait().map_err(wrong)? {
            Some(status) => break status.code(),
            None if began.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let took = began.elapsed();
    let text = |thread: std::thread::JoinHandle<String>| thread.join().unwrap_or_default();
    Ok(Outcome { stdout: text(stdout), stderr: text(stderr), code, took })
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The nice value of a program that spins: two thirds of the processors beside as many others.
const HOG: i32 = -3;

/// Starts the client's programs, each as a process with its own name, and waits until they are ready.
pub fn start_programs(client: &Client) -> Result<(), String> {
    client.programs.iter().try_for_each(start)
}

fn start(program: &Program) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("program {}: {error}", program.name);
    let lab = fs::File::open(format!("{PROGRAMS}/lab")).map_err(wrong)?;
    place(&lab, program.name)?;
    let (what, argument, second) = match program.does {
        Does::Serves(at) => ("serve", at.to_owned(), String::new()),
        Does::AcceptsOnly(at) => ("accept", at.to_owned(), String::new()),
        Does::Greets(at, text) => ("greet", at.to_owned(), text.to_owned()),
        Does::Stopped(at) => ("serve", at.to_owned(), String::new()),
        Does::NeverAccepts(at) => ("never-accept", at.to_owned(), String::new()),
        Does::Answers(at, status) => ("serve", at.to_owned(), status.to_string()),
        Does::OutOfDescriptors(at) => ("hoard", at.to_owned(), String::new()),
        Does::HoldsPorts(at) => ("connect", at.to_owned(), String::new()),
        Does::Spins => ("spin", String::new(), String::new()),
        Does::Locks(path) => ("lock", path.to_owned(), String::new()),
        Does::Waits => ("wait", String::new(), String::new()),
        Does::Restarts(at, lives_ms) => ("restart", at.to_owned(), lives_ms.to_string()),
        Does::TakesNoQuestions(at) => ("hold-udp", at.to_owned(), String::new()),
        Does::SignsOn(status) => ("sign-on", status.to_owned(), String::new()),
    };
    let mut child = command(&format!("{PROGRAMS}/{}", program.name), &["--helper", what, &argument, &second])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(wrong)?;
    let mut ready = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut ready).map_err(wrong)?;
    }
    if ready.is_empty() {
        return Err(format!("program {} did not start", program.name));
    }
    if matches!(program.does, Does::Stopped(_) | Does::TakesNoQuestions(_)) {
        let id = nix::unistd::Pid::from_raw(child.id() as i32);
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGSTOP).map_err(|error| wrong(error.into()))?;
    }
    // It lives until the world ends, and the kernel ends it then.
    std::mem::forget(child);
    Ok(())
}

/// What a program on the client does; called in its own process. Never returns while it works.
pub fn help(arguments: &[String]) -> Result<(), String> {
    let argument = |number: usize| arguments.get(number).map(String::as_str).unwrap_or_default();
    let ready = || {
        println!("ready");
        let _ = std::io::stdout().flush();
    };
    let wrong = |error: std::io::Error| error.to_string();
    match argument(0) {
        "spin" => {
            // What else keeps the processors busy does not take it out of sight.
            crate::namespace::go_before(HOG);
            ready();
            let spin = || -> ! {
                loop {
                    std::hint::spin_loop();
                }
            };
            // On every processor, so that it shows as busy beside whatever else the machine does.
            (1..std::thread::available_parallelism().map_or(2, usize::from))
                .for_each(|_| drop(std::thread::spawn(spin)));
            spin()
        }
        "serve" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(wrong)?;
            let page = argument(2).parse().map_or(Page::Text(CONTROL_TEXT), Page::Status);
            runtime.block_on(crate::servers::serve_page(at(argument(1)), page, ready)).map_err(wrong)
        }
        "connect" => {
            let held: Vec<_> = std::iter::from_fn(|| std::net::TcpStream::connect(at(argument(1))).ok()).collect();
            ready();
            loop {
                std::thread::sleep(Duration::from_secs(3_600));
                std::hint::black_box(&held);
            }
        }
        "lock" => {
            let file = fs::OpenOptions::new().write(true).open(argument(1)).map_err(wrong)?;
            let whole = nix::libc::flock {
                l_type: nix::libc::F_WRLCK as _,
                l_whence: nix::libc::SEEK_SET as _,
                l_start: 0,
                l_len: 0,
                l_pid: 0,
            };
            nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETLK(&whole)).map_err(|error| error.to_string())?;
            ready();
            loop {
                std::thread::sleep(Duration::from_secs(3_600));
                std::hint::black_box(&file);
            }
        }
        "wait" => {
            ready();
            loop {
                std::thread::sleep(Duration::from_secs(3_600));
            }
        }
        "sign-on" => {
            fs::create_dir_all("/run/wpa_supplicant").map_err(wrong)?;
            let socket = std::os::unix::net::UnixDatagram::bind("/run/wpa_supplicant/eth0").map_err(wrong)?;
            ready();
            let mut question = [0; 64];
            loop {
                let (length, from) = socket.recv_from(&mut question).map_err(wrong)?;
                let known = &question[..length] == b"STATUS";
                let answer = if known { argument(1) } else { "UNKNOWN COMMAND\n" };
                socket.send_to_addr(answer.as_bytes(), &from).map_err(wrong)?;
            }
        }
        "restart" => restart(argument(1), argument(2), ready),
        "hold-udp" => {
            let socket = std::net::UdpSocket::bind(argument(1)).map_err(wrong)?;
            ready();
            loop {
                std::thread::sleep(Duration::from_secs(3_600));
                std::hint::black_box(&socket);
            }
        }
        "hoard" => hoard(argument(1), ready).map_err(wrong),
        "never-accept" => never_accept(argument(1), ready).map_err(wrong),
        "accept" | "greet" => {
            let listener = std::net::TcpListener::bind(argument(1)).map_err(wrong)?;
            ready();
            let mut held = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().map_err(wrong)?;
                let _ = stream.write_all(argument(2).as_bytes());
                held.push(stream);
            }
        }
        other => Err(format!("the lab has no helper `{other}`")),
    }
}

/// Starts this program anew as a server whenever it has ended: a service manager, and what it looks after.
fn restart(address: &str, lives_ms: &str, ready: impl FnOnce()) -> Result<(), String> {
    let wrong = |error: std::io::Error| error.to_string();
    let lives = Duration::from_millis(lives_ms.parse().map_err(|_| format!("no time: {lives_ms}"))?);
    let own = std::env::current_exe().map_err(wrong)?;
    // What looks after the program is not the program.
    fs::write("/proc/self/comm", "manager").map_err(wrong)?;
    let mut ready = Some(ready);
    loop {
        let mut child = std::process::Command::new(&own)
            .args(["--helper", "serve", address])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(wrong)?;
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut String::new()).map_err(wrong)?;
        }
        if let Some(ready) = ready.take() {
            ready();
        }
        std::thread::sleep(lives);
        child.kill().and_then(|()| child.wait()).map_err(wrong)?;
    }
}

/// Listens, and then opens files until its limit is reached.
fn hoard(address: &str, ready: impl FnOnce()) -> std::io::Result<()> {
    let listener = std::net::TcpListener::bind(address)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, 32, 32)?;
    let mut files = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        files.push(file);
    }
    ready();
    loop {
        // Refused for want of a descriptor: the connection stays in the queue.
        let _ = std::hint::black_box((listener.accept(), &files));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Listens with a queue of one and fills it, so that further connections get no answer.
fn never_accept(address: &str, ready: impl FnOnce()) -> std::io::Result<()> {
    let address = at(address);
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(0)?;
    let fillers: Vec<_> = (0..4)
        .filter_map(|_| {
            let filler =
                socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None).ok()?;
            filler.set_nonblocking(true).ok()?;
            let _ = filler.connect(&address.into());
            Some(filler)
        })
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    ready();
    loop {
        std::thread::sleep(Duration::from_secs(3_600));
        std::hint::black_box(&fillers);
    }
}
