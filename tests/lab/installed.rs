//! How each real server program is set up: the least that makes it serve, without rights, out of one folder and in the
//! foreground. Worlds add lines of the program's own settings.

use crate::daemon::{Daemon, FOLDER, Place, Port, tcp, udp};
use crate::scene::{Certificate, Name, RESOLVER, Scene, TIME};
use std::fmt::Write;

/// An address of the far side at which only daemons listen: shells, mail, files, printers, directories.
pub const OFFICE: &str = "198.51.100.30";

impl Scene {
    /// unbound at this address. Without lines it knows the scene's names and no others.
    pub fn unbound(&mut self, address: &str, lines: &str) {
        let mut settings = format!(
            "server:\n directory: \"{FOLDER}\"\n username: \"\"\n chroot: \"\"\n pidfile: \"\"\n use-syslog: no\n \
             logfile: \"\"\n do-daemonize: no\n num-threads: 1\n interface: {address}\n module-config: \"validator iterator\"\n \
             access-control: 0.0.0.0/0 allow\n minimal-responses: yes\n"
        );
        if lines.is_empty() {
            settings.push_str(" local-zone: \".\" static\n");
            for (name, address) in self.addresses() {
                let _ = writeln!(settings, " local-data: \"{name}. 300 IN A {address}\"");
            }
        }
        // By itself it takes everything under `test` for missing (RFC 6761 section 6.2).
        settings.push_str(" local-zone: \"test.\" nodefault\n");
        settings.push_str(lines);
        settings.push_str("\nremote-control:\n control-enable: no\n");
        self.install(Daemon {
            program: "unbound",
            arguments: &["-d", "-c", "{folder}/settings"],
            listens: name_ports(address),
            files: vec![("settings", settings)],
            ..Daemon::default()
        });
    }

    /// dnsmasq at this address. What it knows or whom it asks is in the lines.
    pub fn dnsmasq(&mut self, address: &str, lines: &str) {
        let settings = format!(
            "user=server\ngroup=server\nlisten-address={address}\nbind-interfaces\nno-resolv\nno-hosts\npid-file=\n{lines}\n"
        );
        self.install(Daemon {
            program: "dnsmasq",
            arguments: &["--keep-in-foreground", "--log-facility=-", "--conf-file={folder}/settings"],
            listens: name_ports(address),
            files: vec![("settings", settings)],
            ..Daemon::default()
        });
    }

    /// dnsmasq as the DHCP server of the LAN, on the gateway, with these lines on what it gives to whom.
    pub fn dhcp_by_dnsmasq(&mut self, lines: &str) {
        let settings = format!(
            "port=0\nno-hosts\nno-resolv\npid-file=\ninterface=lan0\nbind-interfaces\nno-ping\n\
             dhcp-leasefile={FOLDER}/leases\n{lines}\n"
        );
        self.install(Daemon {
            program: "dnsmasq",
            // Without this it gives up rights that it does not have here.
            arguments: &["--no-daemon", "--conf-file={folder}/settings"],
            listens: vec![udp("0.0.0.0:67")],
            files: vec![("settings", settings)],
            place: Place::Gateway,
            ..Daemon::default()
        });
    }

    /// MIT's key distribution centre for the realm OFFICE.EXAMPLE.TEST, which knows nobody but itself, at the office's server.
    pub fn kerberos(&mut self) {
        let realm = "OFFICE.EXAMPLE.TEST";
        let library = format!("[libdefaults]\n default_realm = {realm}\n dns_lookup_kdc = false\n");
        let centre = format!(
            "[kdcdefaults]\n kdc_listen = {OFFICE}:88\n kdc_tcp_listen = {OFFICE}:88\n[realms]\n {realm} = {{\n  \
             database_name = {FOLDER}/principal\n  key_stash_file = {FOLDER}/stash\n }}\n[logging]\n kdc = STDERR\n"
        );
        self.install(Daemon {
            program: "krb5kdc",
            arguments: &["-n"],
            listens: vec![office(88), udp(&format!("{OFFICE}:88"))],
            files: vec![("library", library), ("centre", centre)],
            environment: &[("KRB5_CONFIG", "{folder}/library"), ("KRB5_KDC_PROFILE", "{folder}/centre")],
            before: &["kdb5_util", "create", "-s", "-P", "of the lab"],
            ..Daemon::default()
        });
    }

    /// Lines that make dnsmasq know the scene's names and no others under `test`.
    pub fn known_to_dnsmasq(&self) -> String {
        let name = |(name, address)| format!("address=/{name}/{address}\n");
        self.addresses().into_iter().map(name).collect::<String>() + "local=/test/\n"
    }

    /// The IPv4 addresses of the scene's names, and of the office's server.
    fn addresses(&self) -> Vec<(String, String)> {
        let each = |(name, answer): &(String, Name)| match answer {
            Name::Addresses(all) => {
                let four = all.iter().filter(|address| address.is_ipv4());
                four.map(|address| (name.clone(), address.to_string())).collect()
            }
            _ => Vec::new(),
        };
        self.names.iter().flat_map(each).collect()
    }

    /// nginx with these `server` blocks, which listen at these ports and show these certificates.
    pub fn nginx(&mut self, listens: &[&str], shows: &[Certificate], servers: &str) {
        let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {FOLDER}/{kind};\n"))
            .collect();
        let settings = format!(
            "daemon off;\nworker_processes 1;\npid {FOLDER}/pid;\nerror_log stderr;\nevents {{ worker_connections 64; }}\n\
             http {{\naccess_log off;\ndefault_type text/html;\n{folders}{servers}\n}}\n"
        );
        self.install(Daemon {
            program: "nginx",
            arguments: &["-p", FOLDER, "-e", "stderr", "-c", "{folder}/settings"],
            listens: listens.iter().map(|address| tcp(address)).collect(),
            files: vec![("settings", settings)],
            shows: shows.to_vec(),
            ..Daemon::default()
        });
    }

    /// nginx as the web server: port 443 of its first address shows this certificate, and these are its further lines.
    pub fn secure_nginx(&mut self, certificate: Certificate, lines: &str) {
        let server = format!(
            "server {{\nlisten 198.51.100.10:443 ssl;\nserver_name www.example.test;\n\
             ssl_certificate {FOLDER}/{certificate:?}.pem;\nssl_certificate_key {FOLDER}/{certificate:?}.key;\n{lines}\n}}"
        );
        self.nginx(&["198.51.100.10:443"], &[certificate], &server);
    }

    /// squid as the proxy that the client's environment names. It has no rule of its own for what it lets through.
    pub fn behind_squid(&mut self, lines: &str) {
        let settings = format!(
            "http_port 198.51.100.90:3128\nvisible_hostname proxy.example.test\nhosts_file none\n\
             dns_nameservers {RESOLVER}\nmime_table /usr/share/squid/mime.conf\npid_filename none\naccess_log none\n\
             cache_log {FOLDER}/log\ncache_store_log none\nnetdb_filename none\ncoredump_dir {FOLDER}\n\
             pinger_enable off\ncache deny all\ncache_mem 8 MB\nmax_filedescriptors 1024\n{lines}\n"
        );
        self.install(Daemon {
            program: "squid",
            arguments: &["-N", "-d1", "-f", "{folder}/settings"],
            listens: vec![tcp("198.51.100.90:3128")],
            // Nobody has an account.
            files: vec![("settings", settings), ("users", String::new())],
            ..Daemon::default()
        });
        self.proxy_in_environment("http://proxy.example.test:3128");
    }

    /// chronyd as the time server, following a clock that is so many seconds ahead, or none.
    pub fn chrony(&mut self, ahead_s: Option<i64>) {
        // A clock that it may not set is one that it only follows in mind (`-x`), and it does so by slewing alone.
        let settings = format!(
            "bindaddress {TIME}\nallow all\ncmdport 0\nbindcmdaddress {FOLDER}/command\npidfile {FOLDER}/pid\n\
             refclock SOCK {FOLDER}/clock poll -2 dpoll -4 filter 1\nmaxslewrate 1000000000\n"
        );
        self.install(Daemon {
            program: "chronyd",
            arguments: &["-d", "-x", "-U", "-u", "server", "-f", "{folder}/settings"],
            listens: vec![udp("198.51.100.123:123")],
            files: vec![("settings", settings)],
            clock: ahead_s,
            ..Daemon::default()
        });
    }

    /// cupsd with one queue, `office`, in this state, for clients that these lines allow.
    pub fn cups(&mut self, state: &str, access: &str) {
        let settings = format!(
            "Listen {OFFICE}:631\nListen {FOLDER}/socket\nServerAlias *\nLogLevel warn\nWebInterface no\nBrowsing off\n\
             <Location />\n{access}\n</Location>\n"
        );
        let places = format!(
            "ServerRoot {FOLDER}/root\nCacheDir {FOLDER}/cache\nStateDir {FOLDER}/state\nRequestRoot {FOLDER}/spool\n\
             TempDir {FOLDER}/temp\nAccessLog {FOLDER}/access\nErrorLog stderr\nPageLog {FOLDER}/page\n\
             User server\nGroup nogroup\nSystemGroup server\nFileDevice Yes\n"
        );
        let printers = format!("<Printer office>\nDeviceURI file:///dev/null\n{state}\nShared Yes\n</Printer>\n");
        self.install(Daemon {
            program: "cupsd",
            arguments: &["-f", "-c", "{folder}/settings", "-s", "{folder}/places"],
            listens: vec![office(631)],
            folders: &["root", "cache", "state", "spool", "temp"],
            files: vec![("settings", settings), ("places", places), ("root/printers.conf", printers)],
            ..Daemon::default()
        });
    }

    /// sshd at the office's server.
    pub fn sshd(&mut self) {
        let settings =
            format!("ListenAddress {OFFICE}:22\nHostKey {FOLDER}/Good.key\nPidFile none\nUsePAM no\nStrictModes no\n");
        self.install(Daemon {
            program: "sshd",
            arguments: &["-D", "-e", "-f", "{folder}/settings"],
            listens: vec![office(22)],
            files: vec![("settings", settings)],
            shows: vec![Certificate::Good],
            ..Daemon::default()
        });
    }

    /// A mail server made of Postfix's own library, with further arguments of smtp-sink. The whole of Postfix wants
    /// several accounts, and a world has but one to give.
    pub fn mail(&mut self, arguments: &'static [&'static str]) {
        self.install(Daemon { program: "smtp-sink", arguments, listens: vec![office(25)], ..Daemon::default() });
    }

    /// dovecot for IMAP at the office's server, without encryption unless these lines say otherwise.
    pub fn dovecot(&mut self, lines: &str) {
        let settings = format!(
            "protocols = imap\nlisten = {OFFICE}\nbase_dir = {FOLDER}/run\nstate_dir = {FOLDER}/state\n\
             log_path = /dev/stderr\ndefault_internal_user = server\ndefault_internal_group = server\n\
             default_login_user = server\nssl = no\ndisable_plaintext_auth = no\n{lines}mail_location = mbox:{FOLDER}/mail\n\
             passdb {{\n driver = static\n}}\nuserdb {{\n driver = static\n}}\nservice anvil {{\n chroot =\n}}\n\
             service stats {{\n chroot =\n}}\nservice imap-login {{\n chroot =\n inet_listener imaps {{\n  port = 0\n }}\n}}\n"
        );
        self.install(Daemon {
            program: "dovecot",
            arguments: &["-F", "-c", "{folder}/settings"],
            listens: vec![office(143)],
            files: vec![("settings", settings)],
            shows: vec![Certificate::Good],
            ..Daemon::default()
        });
    }

    /// smbd with one share at the office's server, and these further lines about all of it.
    pub fn samba(&mut self, lines: &str) {
        let places: String = ["private dir", "lock directory", "state directory", "cache directory", "pid directory"]
            .iter()
            .map(|key| format!(" {key} = {FOLDER}/state\n"))
            .collect();
        let settings = format!(
            "[global]\n server role = standalone server\n interfaces = {OFFICE}\n bind interfaces only = yes\n \
             smb ports = 445\n disable netbios = yes\n load printers = no\n disable spoolss = yes\n logging = file\n \
             log file = {FOLDER}/log\n map to guest = bad user\n guest account = server\n ncalrpc dir = {FOLDER}/rpc\n\
             {lines}{places}[share]\n path = {FOLDER}/state\n guest ok = yes\n"
        );
        self.install(Daemon {
            program: "smbd",
            arguments: &["-F", "--no-process-group", "-s", "{folder}/settings"],
            listens: vec![office(445)],
            folders: &["state", "rpc"],
            files: vec![("settings", settings)],
            ..Daemon::default()
        });
    }

    /// slapd, which answers who it is and holds nothing, at the office's server.
    pub fn slapd(&mut self) {
        self.install(Daemon {
            program: "slapd",
            arguments: &["-d", "0", "-f", "{folder}/settings", "-h", "ldap://198.51.100.30:389"],
            listens: vec![office(389)],
            files: vec![("settings", format!("pidfile {FOLDER}/pid\n"))],
            ..Daemon::default()
        });
    }
}

fn name_ports(address: &str) -> Vec<Port> {
    vec![udp(&format!("{address}:53")), tcp(&format!("{address}:53"))]
}

fn office(port: u16) -> Port {
    tcp(&format!("{OFFICE}:{port}"))
}
