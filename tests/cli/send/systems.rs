//! The systems that packets are sent to, as far as their makers document them: paths, headers, bodies, and what they
//! refuse. Each fake knows one ticket and one token.

use super::fake::{Asked, Part, Reply, reply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The token that every fake accepts.
pub const TOKEN: &str = "tk-geheim/8f2+c1==";

/// One system.
pub struct System {
    pub connector: &'static str,
    /// What is appended to the server's address.
    pub root: &'static str,
    pub ticket: Option<&'static str>,
    /// A ticket that is not there, and a word of what is said about it.
    pub missing: Option<(&'static str, &'static str)>,
    pub set: &'static [(&'static str, &'static str)],
    /// What it answers; the packet is what it must be given.
    pub answer: fn(&Asked, &[u8]) -> Reply,
    /// How many requests a good sending takes.
    pub requests: usize,
    /// What the result says.
    pub says: &'static str,
}

fn refused(status: u16, words: &str) -> Reply {
    reply(status, json!({ "error": words }).to_string())
}

fn basic(user: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{TOKEN}")))
}

fn is_packet(part: &Part, packet: &[u8]) -> bool {
    let name = part.file.as_deref().unwrap_or_default();
    part.body == packet && name.ends_with(".zip") && part.content_type.as_deref() == Some("application/zip")
}

/// A letter in HTML or with HTML in it says what the verdict is.
fn is_letter(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.contains("Nothing listens on the resolver"))
}

/// <https://docs.zammad.org/en/latest/api/ticket/articles.html>
fn zammad(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("authorization") != format!("Token token={TOKEN}") {
        return refused(401, "Invalid token!");
    }
    if (asked.method.as_str(), asked.path()) != ("POST", "/api/v1/ticket_articles") {
        return refused(404, "No route matches");
    }
    let article = asked.json();
    if article["ticket_id"] != "7" {
        return refused(404, "Couldn't find Ticket");
    }
    let file = &article["attachments"][0];
    let whole = BASE64.decode(file["data"].as_str().unwrap()).unwrap() == packet;
    let sound = article["type"] == "note" && article["content_type"] == "text/html" && is_letter(&article["body"]);
    if !whole || !sound || file["mime-type"] != "application/zip" || !file["filename"].is_string() {
        return refused(422, "The article is not valid");
    }
    assert_eq!(article["internal"], true, "customers do not read it");
    reply(201, json!({ "id": 33, "ticket_id": 7 }).to_string())
}

/// <https://www.servicenow.com/docs/r/api-reference/rest-apis/c_AttachmentAPI.html>, and the Table API.
fn servicenow(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("authorization") != basic("svc.desk") {
        return refused(401, "User Not Authenticated");
    }
    const ID: &str = "9d385017c611228701d22104cc95c371";
    match (asked.method.as_str(), asked.path()) {
        ("GET", "/api/now/table/incident") => {
            let found = asked.query("sysparm_query").as_deref() == Some("number=INC0010023");
            let result = if found { json!([{ "sys_id": ID }]) } else { json!([]) };
            reply(200, json!({ "result": result }).to_string())
        }
        ("POST", "/api/now/attachment/file") => {
            let name = asked.query("file_name").unwrap_or_default();
            if name.is_empty() || name.contains(' ') || asked.header("content-type").is_empty() {
                return refused(400, "mandatory parameters missing");
            }
            if (asked.query("table_name"), asked.query("table_sys_id")) != (Some("incident".into()), Some(ID.into())) {
                return refused(404, "record not found");
            }
            assert_eq!(asked.body, packet);
            reply(201, json!({ "result": { "sys_id": "a7f0" } }).to_string())
        }
        ("PATCH", path) if path == format!("/api/now/table/incident/{ID}") => {
            let notes = &asked.json()["work_notes"];
            let text = notes.as_str().unwrap_or_default();
            assert!(text.starts_with("[code]") && text.ends_with("[/code]") && is_letter(notes), "{text}");
            reply(200, json!({ "result": { "sys_id": ID } }).to_string())
        }
        _ => refused(400, "Requested URI does not represent any resource"),
    }
}

/// One part named `file`, and the header without which cross-site requests are refused.
fn takes_file(asked: &Asked, packet: &[u8]) -> Result<(), Reply> {
    if asked.header("x-atlassian-token") != "no-check" {
        return Err(refused(403, "XSRF check failed"));
    }
    let form = asked.form();
    let [part] = &form[..] else { return Err(refused(400, "one file is wanted")) };
    (part.name == "file" && is_packet(part, packet)).then_some(()).ok_or_else(|| refused(400, "no file"))
}

/// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-attachments/>
const ATTACHMENT_LIMIT: &str = "/rest/api/3/attachment/meta";

/// Says that attachments may have so many bytes.
pub fn attachment_limit(bytes: usize) -> Reply {
    reply(200, json!({ "enabled": true, "uploadLimit": bytes }).to_string())
}

/// <https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-request/>
fn service_management(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("authorization") != basic("desk@site.example") {
        return refused(401, "Client must be authenticated");
    }
    match (asked.method.as_str(), asked.path()) {
        ("GET", "/rest/servicedeskapi/request/HELP-42") => {
            reply(200, json!({ "issueKey": "HELP-42", "serviceDeskId": "10" }).to_string())
        }
        ("GET", ATTACHMENT_LIMIT) => attachment_limit(packet.len()),
        ("POST", "/rest/servicedeskapi/servicedesk/10/attachTemporaryFile") => match takes_file(asked, packet) {
            Ok(()) => {
                let uploaded = json!([{ "temporaryAttachmentId": "temp910441317820424274", "fileName": "x.zip" }]);
                reply(201, json!({ "temporaryAttachments": uploaded }).to_string())
            }
            Err(refused) => refused,
        },
        ("POST", "/rest/servicedeskapi/request/HELP-42/attachment") => {
            let body = asked.json();
            if body["temporaryAttachmentIds"] != json!(["temp910441317820424274"]) {
                return refused(400, "no such temporary attachment");
            }
            assert_eq!(body["public"], false, "customers do not read it");
            let letter = body["additionalComment"]["body"].as_str().unwrap();
            assert!(letter.starts_with("h3."), "{letter}");
            reply(201, json!({ "comment": { "id": "1001", "public": false } }).to_string())
        }
        _ => refused(404, "The request does not exist, or you may not see it"),
    }
}

/// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-attachments/>, and comments.
fn jira(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("authorization") != basic("desk@site.example") {
        return refused(401, "Client must be authenticated");
    }
    match (asked.method.as_str(), asked.path()) {
        ("GET", ATTACHMENT_LIMIT) => attachment_limit(packet.len()),
        ("POST", "/rest/api/3/issue/OPS-42/attachments") => match takes_file(asked, packet) {
            Ok(()) => reply(200, json!([{ "id": "10001" }]).to_string()),
            Err(refused) => refused,
        },
        ("POST", "/rest/api/3/issue/OPS-42/comment") => {
            let body = &asked.json()["body"];
            if (&body["type"], &body["version"]) != (&json!("doc"), &json!(1)) || !body["content"].is_array() {
                return refused(400, "Comment body is not valid!");
            }
            reply(201, json!({ "id": "20002" }).to_string())
        }
        _ => refused(404, "Issue does not exist or you do not have permission to see it."),
    }
}

/// <https://developer.zendesk.com/documentation/ticketing/managing-tickets/adding-ticket-attachments-with-the-api>
fn zendesk(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("authorization") != basic("desk@site.example/token") {
        return refused(401, "Couldn't authenticate you");
    }
    match (asked.method.as_str(), asked.path()) {
        ("POST", "/api/v2/uploads.json") => {
            if asked.query("filename").is_none_or(|name| !name.ends_with(".zip")) {
                return refused(400, "filename is required");
            }
            assert_eq!((asked.header("content-type"), &asked.body[..]), ("application/zip", packet));
            reply(201, json!({ "upload": { "token": "6bk3gql82em5nmf6bk3gql82em5nmf" } }).to_string())
        }
        ("PUT", "/api/v2/tickets/35436.json") => {
            let comment = &asked.json()["ticket"]["comment"];
            if comment["uploads"] != json!(["6bk3gql82em5nmf6bk3gql82em5nmf"]) || !is_letter(&comment["html_body"]) {
                return refused(422, "RecordInvalid");
            }
            assert_eq!(comment["public"], false, "customers do not read it");
            reply(200, json!({ "ticket": { "id": 35436 } }).to_string())
        }
        _ => refused(404, "RecordNotFound"),
    }
}

/// <https://api.freshservice.com/#create_a_note>
fn freshservice(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("authorization") != format!("Basic {}", BASE64.encode(format!("{TOKEN}:X"))) {
        return refused(401, "You have to be logged in to perform this action.");
    }
    if (asked.method.as_str(), asked.path()) != ("POST", "/api/v2/tickets/20/notes") {
        return refused(404, "");
    }
    let form = asked.form();
    let text = |name: &str| {
        let part = form.iter().find(|part| part.name == name && part.file.is_none());
        part.map(|part| String::from_utf8(part.body.clone()).unwrap()).unwrap_or_default()
    };
    let file = form.iter().find(|part| part.name == "attachments[]");
    if !text("body").contains("Nothing listens") || file.is_none_or(|part| !is_packet(part, packet)) {
        return refused(400, "Validation failed");
    }
    assert_eq!(text("private"), "true", "customers do not read it");
    reply(201, json!({ "conversation": { "id": 5 } }).to_string())
}

/// <https://github.com/glpi-project/glpi/blob/main/apirest.md>; this one wants an application token, too.
fn glpi(asked: &Asked, packet: &[u8]) -> Reply {
    const SESSION: &str = "83af7e620c83a50a18d3eac2f6ed05a3ca0bea62";
    let wrong = |status, code: &str| reply(status, json!([code, "words"]).to_string());
    if asked.header("app-token") != "app-secret-0815" {
        return wrong(400, "ERROR_APP_TOKEN_PARAMETERS_MISSING");
    }
    let path = asked.path().strip_prefix("/apirest.php").expect("the root is part of every address");
    if (asked.method.as_str(), path) == ("GET", "/initSession") {
        return match asked.header("authorization") == format!("user_token {TOKEN}") {
            true => reply(200, json!({ "session_token": SESSION }).to_string()),
            false => wrong(401, "ERROR_GLPI_LOGIN_USER_TOKEN"),
        };
    }
    assert_eq!(asked.header("authorization"), "", "the user's token goes to the beginning alone");
    if asked.header("session-token") != SESSION {
        return wrong(401, "ERROR_SESSION_TOKEN_INVALID");
    }
    match (asked.method.as_str(), path) {
        ("GET", "/killSession") => reply(200, ""),
        ("GET", "/Ticket/12") => reply(200, json!({ "id": 12 }).to_string()),
        ("GET", _) => wrong(404, "ERROR_ITEM_NOT_FOUND"),
        ("POST", "/Document/") => {
            let form = asked.form();
            let [manifest, file] = &form[..] else { return wrong(400, "ERROR_UPLOAD") };
            let said: Value = serde_json::from_slice(&manifest.body).unwrap();
            let named = &said["input"]["_filename"][0];
            let fits = manifest.name == "uploadManifest" && file.name == "filename[0]" && is_packet(file, packet);
            if !fits || named.as_str() != file.file.as_deref() {
                return wrong(400, "ERROR_GLPI_ADD");
            }
            reply(201, json!({ "id": 91, "message": "" }).to_string())
        }
        ("POST", "/Document_Item/") => {
            let expected = json!({ "documents_id": "91", "itemtype": "Ticket", "items_id": "12" });
            assert_eq!(asked.json()["input"], expected);
            reply(201, json!({ "id": 92 }).to_string())
        }
        ("POST", "/ITILFollowup/") => {
            let input = asked.json()["input"].clone();
            assert!(input["itemtype"] == "Ticket" && input["items_id"] == "12" && is_letter(&input["content"]));
            assert_eq!(input["is_private"], 1, "customers do not read it");
            reply(201, json!({ "id": 93 }).to_string())
        }
        _ => wrong(405, "ERROR_METHOD_NOT_ALLOWED"),
    }
}

/// <https://github.com/osTicket/osTicket/blob/develop/setup/doc/api/tickets.md>
fn osticket(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("x-api-key") != TOKEN {
        return reply(401, "Valid API key required");
    }
    if (asked.method.as_str(), asked.path()) != ("POST", "/api/tickets.json") {
        return reply(404, "URL not supported");
    }
    let ticket = asked.json();
    const KNOWN: [&str; 6] = ["source", "name", "email", "subject", "message", "attachments"];
    let object = ticket.as_object().unwrap();
    if let Some(key) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return reply(400, format!("{key}: Unexpected data received in API request"));
    }
    if let Some(key) = KNOWN[1..5].iter().find(|key| !object.contains_key(**key)) {
        return reply(400, format!("{key} is a required field"));
    }
    assert!(is_letter(&ticket["message"]) && !ticket["message"].as_str().unwrap().starts_with("data:"));
    let (name, data) = ticket["attachments"][0].as_object().unwrap().iter().next().unwrap();
    let data = data.as_str().unwrap().strip_prefix("data:application/zip;base64,").unwrap();
    assert!(name.ends_with(".zip") && BASE64.decode(data).unwrap() == packet);
    reply(201, "543210")
}

/// <https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html>; what comes of a comment on a ticket that is not there was seen
/// with the real 5.0.3.
fn request_tracker(asked: &Asked, packet: &[u8]) -> Reply {
    let message = |status, text: &str| reply(status, json!({ "message": text }).to_string());
    if asked.header("authorization") != format!("token {TOKEN}") {
        return message(401, "Unauthorized");
    }
    match (asked.method.as_str(), asked.path()) {
        ("GET", "/REST/2.0/ticket/3") => return reply(200, json!({ "id": 3, "Subject": "trial" }).to_string()),
        ("GET", _) => return message(404, "Not Found"),
        ("POST", "/REST/2.0/ticket/3/comment") => {}
        _ => return message(400, "Message could not be recorded"),
    }
    let said = asked.json();
    let file = &said["Attachments"][0];
    if !["FileName", "FileType", "FileContent"].iter().all(|key| file[*key].is_string()) {
        return message(400, "FileName, FileType and FileContent are required");
    }
    assert!(is_letter(&said["Content"]) && said["ContentType"] == "text/html");
    assert!(BASE64.decode(file["FileContent"].as_str().unwrap()).unwrap() == packet);
    reply(201, json!(["Comments added"]).to_string())
}

fn http_put(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("authorization") != format!("Bearer {TOKEN}") {
        return reply(401, "who are you?");
    }
    match asked.path().strip_prefix("/cases/42/") {
        Some(name) if asked.method == "PUT" && name.ends_with(".zip") => {
            assert_eq!((asked.header("content-type"), &asked.body[..]), ("application/zip", packet));
            reply(201, "")
        }
        Some(name) if asked.method == "PUT" && name.ends_with(".zip.txt") => {
            assert!(String::from_utf8_lossy(&asked.body).starts_with("FAULT in dns"));
            reply(204, "")
        }
        _ => reply(405, ""),
    }
}

fn http_post(asked: &Asked, packet: &[u8]) -> Reply {
    if asked.header("authorization") != format!("Bearer {TOKEN}") {
        return reply(401, "who are you?");
    }
    if (asked.method.as_str(), asked.path()) != ("POST", "/cases/") {
        return reply(405, "");
    }
    let form = asked.form();
    let names: Vec<&str> = form.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["ticket", "summary", "letter", "file"]);
    assert!(form[0].body == b"42" && is_packet(&form[3], packet));
    reply(200, "thanks")
}

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";

/// Signature Version 4, computed anew from what arrived.
fn s3(asked: &Asked, packet: &[u8]) -> Reply {
    let error = |status, code: &str| reply(status, format!("<Error><Code>{code}</Code></Error>"));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = |bytes: &[u8]| hex(&Sha256::digest(bytes));
    if asked.header("x-amz-content-sha256") != hash(&asked.body) {
        return error(400, "XAmzContentSHA256Mismatch");
    }
    let stamp = asked.header("x-amz-date");
    let at: jiff::civil::DateTime = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).unwrap();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    if jiff::Timestamp::now().duration_since(at).abs().as_secs() > 900 {
        return error(403, "RequestTimeTooSkewed");
    }
    let (_, signed) = asked.header("authorization").split_once("SignedHeaders=").unwrap();
    let (names, signature) = signed.split_once(", Signature=").unwrap();
    assert!(["host", "x-amz-content-sha256", "x-amz-date"].iter().all(|name| names.split(';').any(|n| n == *name)));
    let headers: String = names.split(';').map(|name| format!("{name}:{}\n", asked.header(name))).collect();
    let content = asked.header("x-amz-content-sha256");
    let canonical = format!("{}\n{}\n\n{headers}\n{names}\n{content}", asked.method, asked.path());
    let scope = format!("{}/eu-central-1/s3/aws4_request", &stamp[..8]);
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hash(canonical.as_bytes()));
    let mut key = format!("AWS4{TOKEN}").into_bytes();
    for part in [&stamp[..8], "eu-central-1", "s3", "aws4_request", &to_sign] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    let credential = format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, ");
    if hex(&key) != signature || !asked.header("authorization").starts_with(&credential) {
        return error(403, "SignatureDoesNotMatch");
    }
    match asked.path().strip_prefix("/evidence/INC-42/") {
        Some(name) if asked.method == "PUT" && name.ends_with(".zip") => {
            assert_eq!(asked.body, packet);
            reply(200, "")
        }
        Some(name) if asked.method == "PUT" && name.ends_with(".zip.txt") => reply(200, ""),
        _ => error(404, "NoSuchBucket"),
    }
}

const fn system(connector: &'static str, answer: fn(&Asked, &[u8]) -> Reply) -> System {
    System { connector, root: "", ticket: None, missing: None, set: &[], answer, requests: 1, says: "" }
}

/// Every system that is spoken to by HTTP.
pub const SYSTEMS: &[System] = &[
    System {
        ticket: Some("7"),
        missing: Some(("8", "page's address")),
        says: "article 33",
        ..system("zammad", zammad)
    },
    System {
        ticket: Some("INC0010023"),
        missing: Some(("INC999", "no record with this number")),
        set: &[("user", "svc.desk")],
        requests: 3,
        says: "attachment a7f0",
        ..system("servicenow", servicenow)
    },
    System {
        ticket: Some("HELP-42"),
        missing: Some(("HELP-43", "no such request")),
        set: &[("user", "desk@site.example")],
        requests: 4,
        says: "comment 1001",
        ..system("jira-service-management", service_management)
    },
    System {
        ticket: Some("OPS-42"),
        missing: Some(("OPS-43", "no such issue")),
        set: &[("user", "desk@site.example")],
        requests: 3,
        says: "comment 20002",
        ..system("jira", jira)
    },
    System {
        ticket: Some("35436"),
        missing: Some(("1", "no such ticket")),
        set: &[("user", "desk@site.example")],
        requests: 2,
        says: "ticket 35436",
        ..system("zendesk", zendesk)
    },
    System {
        ticket: Some("20"),
        missing: Some(("21", "no such ticket")),
        says: "note 5",
        ..system("freshservice", freshservice)
    },
    System {
        root: "/apirest.php",
        ticket: Some("12"),
        missing: Some(("13", "no such ticket")),
        set: &[("app_token", "@app-token")],
        requests: 6,
        says: "document 91, follow-up 93",
        ..system("glpi", glpi)
    },
    System {
        set: &[("name", "Ann Example"), ("email", "ann@site.example")],
        says: "ticket 543210",
        ..system("osticket", osticket)
    },
    System {
        ticket: Some("3"),
        missing: Some(("4", "no such ticket")),
        requests: 2,
        says: "Comments added",
        ..system("request-tracker", request_tracker)
    },
    System { root: "/cases/42", requests: 2, says: ".zip", ..system("http-put", http_put) },
    System { root: "/cases/", ticket: Some("42"), says: "/cases/", ..system("http-post", http_post) },
    System {
        ticket: Some("INC-42"),
        set: &[("bucket", "evidence"), ("key_id", KEY_ID), ("region", "eu-central-1")],
        requests: 2,
        says: "evidence/INC-42/",
        ..system("s3", s3)
    },
];
